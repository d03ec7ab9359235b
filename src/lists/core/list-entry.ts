/**
 * Block, allow and watch lists of a program. An entry names a value of a subject, with a reason and mostly an end. It is
 * never edited: another one is added, the old one removed, so that what was in force at any time can be told.
 *
 * What a match asks of a decision:
 *
 * | list  | effect |
 * |-------|--------|
 * | block | `deny`, whatever else speaks for it |
 * | allow | what would weigh or ask for more (soft limits, rules, score bands, signals) is shown and not followed |
 * | watch | evidence: a reason and a fact for rules, with no outcome of its own |
 *
 * A block beats an allow, however narrow the allow is. An allow never passes a hard limit or `maxOpenHolds`: those are
 * promises about the ledger, not suspicions about a member.
 */
import { type FieldError, type Refusal, refuse } from '../../kernel/errors.js';

/** Strongest first. */
export const LIST_NAMES = ['block', 'allow', 'watch'] as const;
export type ListName = (typeof LIST_NAMES)[number];

export const LIST_SUBJECTS = ['account', 'device', 'ip', 'email_domain', 'instrument', 'store', 'employee'] as const;
export type ListSubject = (typeof LIST_SUBJECTS)[number];

export const isListName = (text: string): text is ListName => (LIST_NAMES as readonly string[]).includes(text);

/** What matching needs of an entry. Times are ms of the program's clock; `expiresAtMs` null: it has no end. */
export interface ActiveEntry {
  /** uuid, ordered by time. */
  entryId: string;
  list: ListName;
  subject: ListSubject;
  /** As `normaliseValue` answers it. */
  value: string;
  reason: string;
  expiresAtMs: number | null;
}

export interface ListEntry extends ActiveEntry {
  createdAtMs: number;
  removedAtMs: number | null;
  removedReason: string | null;
}

export const ENTRY_STATES = ['active', 'expired', 'removed'] as const;
export type EntryState = (typeof ENTRY_STATES)[number];

/** An entry that ends at t is no longer in force at t. */
export const hasExpired = ({ expiresAtMs }: { expiresAtMs: number | null }, nowMs: number): boolean =>
  expiresAtMs !== null && expiresAtMs <= nowMs;

export function stateOf(entry: ListEntry, nowMs: number): EntryState {
  if (entry.removedAtMs !== null) return 'removed';
  return hasExpired(entry, nowMs) ? 'expired' : 'active';
}

const DAY_MS = 86_400_000;
/** What is watched for longer than a month is either blocked or forgotten. */
const LONGEST_DAYS: Record<ListName, number> = { block: 365, allow: 365, watch: 30 };

/** Why an entry made at `nowMs` may not end at `expiresAtMs`; undefined where it may. */
export function expiryRefusal(list: ListName, expiresAtMs: number | null, nowMs: number): Refusal | undefined {
  if (expiresAtMs === null) return undefined;
  const longest = LONGEST_DAYS[list];
  if (expiresAtMs > nowMs && expiresAtMs <= nowMs + longest * DAY_MS) return undefined;
  const error: FieldError = {
    pointer: '/expiresAt',
    message: expiresAtMs > nowMs ? `must be within ${longest} days` : 'must be in the future',
  };
  return refuse('request.invalid', 'expiresAt is out of range.', { errors: [error] });
}
