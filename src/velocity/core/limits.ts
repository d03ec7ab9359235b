/**
 * Limits over rows: which rows a movement touches, how it stands to each limit, and how it is entered, given back and
 * changed. Rows depend on no limit: one row of a subject serves every window over it, and a limit over several types
 * merges their rows.
 *
 * Invariant: for a hard limit that nobody enters when `breached`, no window ever holds more than the cap.
 * Source: API.md §3, §4 ("limits", "Atomic").
 */
import type { Limit, LimitType, SubjectKind } from '../../policy/core/policy.js';
import { addPoints } from './cells.js';
import { type DistinctState, enterDistinct, isFull, membersSince, releaseDistinct } from './distinct.js';
import type { Stamp } from './log.js';
import {
  distinctEntryKey,
  distinctKey,
  type EntryKey,
  isDistinctKey,
  memberBehind,
  memberOf,
  rowKeyOf,
  type Slot,
  SLOTS_OF,
  windowKey,
} from './subject-key.js';
import {
  amendWindow,
  type Entry,
  enterWindow,
  isExact,
  releaseWindow,
  visitWindow,
  type WindowState,
} from './window.js';

/** What limits see of a transaction or registration. */
export interface Movement {
  type: LimitType;
  /** With type `adjust`. */
  direction?: 'credit' | 'debit';
  points: number;
  /** Name (keyed hash, 32 hex) of each subject that the request has. */
  names: Partial<Record<SubjectKind, string>>;
}

/** The rows that a batch has loaded, empty ones where there are none. What is returned is changed in place. */
export interface Rows {
  window(key: string): WindowState;
  distinct(key: string): DistinctState;
}

export interface Plan {
  /** Where the movement is entered; to be kept with it, for `release` and `amend`. */
  enters: EntryKey[];
  /** Keys of all rows that entering and judging need. */
  reads: string[];
}

/** How a movement stands to one limit. */
export interface LimitReading {
  limit: Limit;
  /** Before this movement. Never below what is true; at most 2^53 − 1, which means "or more". */
  used: number;
  /** What this movement adds; 0 for a member who is inside the window already. */
  add: number;
  /** The movement does not fit. */
  breached: boolean;
  /** Judged entry by entry. */
  exact: boolean;
  /**
   * Where breached: when the same movement would fit if nothing else came; if it never can, when all that counts has
   * left. Otherwise: when the oldest of what counts leaves, this movement included.
   */
  resetsAtMs: number;
}

/** Something that counts, until `lastMs` has left the window. */
interface Part {
  lastMs: number;
  amount: number;
}

const slotOf = ({ type, direction }: Movement): Slot =>
  type === 'adjust' ? (direction === 'credit' ? 'adjust-credit' : 'adjust-debit') : type;

/** Whether a limit counts this movement: it names its type, and the request has its subject and what it tells apart. */
function applies(limit: Limit, { type, names }: Movement): boolean {
  if (!limit.types.includes(type) || names[limit.subject] === undefined) return false;
  return limit.distinctOf === undefined || names[limit.distinctOf] !== undefined;
}

const rowKey = (limit: Limit, name: string, slot: Slot): string =>
  limit.distinctOf ? distinctKey(name, slot, limit.distinctOf) : windowKey(name, slot);

function rowKeys(limit: Limit, name: string): string[] {
  const keys: string[] = [];
  for (const type of limit.types) {
    for (const slot of SLOTS_OF[type]) keys.push(rowKey(limit, name, slot));
  }
  return keys;
}

/** The rows of a movement under these limits. */
export function plan(limits: readonly Limit[], movement: Movement): Plan {
  const enters = new Set<EntryKey>();
  const reads = new Set<string>();
  for (const limit of limits) {
    if (!applies(limit, movement)) continue;
    const name = movement.names[limit.subject]!;
    const own = rowKey(limit, name, slotOf(movement));
    enters.add(limit.distinctOf ? distinctEntryKey(own, memberOf(movement.names[limit.distinctOf]!)) : own);
    for (const key of rowKeys(limit, name)) reads.add(key);
  }
  return { enters: [...enters], reads: [...reads] };
}

/** Judges a movement at `nowMs` by every limit that applies to it, in their order. Changes nothing. */
export function judge(limits: readonly Limit[], movement: Movement, rows: Rows, nowMs: number): LimitReading[] {
  return limits
    .filter((limit) => applies(limit, movement))
    .map((limit) => (limit.distinctOf ? judgeMembers : judgeAmounts)(limit, movement, rows, nowMs));
}

function judgeAmounts(limit: Limit, movement: Movement, rows: Rows, nowMs: number): LimitReading {
  const states = rowKeys(limit, movement.names[limit.subject]!).map((key) => rows.window(key));
  const sinceMs = nowMs - limit.windowMs;
  let used = 0;
  let oldestMs = Number.POSITIVE_INFINITY;
  visitAmounts(limit, states, sinceMs, (lastMs, amount) => {
    used = addPoints(used, amount);
    oldestMs = Math.min(oldestMs, lastMs);
  });
  const add = limit.metric === 'points' ? movement.points : 1;
  const breached = add > 0 && used + add > limit.cap;
  const parts = (): Part[] => {
    const found: Part[] = [];
    visitAmounts(limit, states, sinceMs, (lastMs, amount) => found.push({ lastMs, amount }));
    return found;
  };
  return {
    limit,
    used,
    add,
    breached,
    exact: states.every((state) => isExact(state, sinceMs)),
    resetsAtMs: breached
      ? fitsAtMs(parts(), used + add - limit.cap, limit.windowMs, nowMs)
      : Math.min(oldestMs, nowMs) + limit.windowMs,
  };
}

/** Shows what counts for a limit on `count` or `points`, in no order. */
function visitAmounts(
  limit: Limit,
  states: readonly WindowState[],
  sinceMs: number,
  visit: (lastMs: number, amount: number) => void,
): void {
  const ofPoints = limit.metric === 'points';
  for (const state of states) {
    visitWindow(state, sinceMs, (lastMs, count, points, marked) => {
      const amount = ofPoints ? points : limit.refundable ? count - marked : count;
      if (amount > 0) visit(lastMs, amount);
    });
  }
}

function judgeMembers(limit: Limit, movement: Movement, rows: Rows, nowMs: number): LimitReading {
  const states = rowKeys(limit, movement.names[limit.subject]!).map((key) => rows.distinct(key));
  const sinceMs = nowMs - limit.windowMs;
  const newest = membersSince(states, sinceMs);
  const used = newest.size;
  const add = newest.has(memberOf(movement.names[limit.distinctOf!]!)) ? 0 : 1;
  const forgottenMs = Math.max(...states.map((state) => (isFull(state, sinceMs) ? state.forgottenMs : sinceMs)));
  const full = forgottenMs > sinceMs;
  const breached = add > 0 && (full || used + add > limit.cap);
  const parts = [...newest.values()].map((lastMs) => ({ lastMs, amount: 1 }));
  const oldestMs = parts.reduce((oldest, part) => Math.min(oldest, part.lastMs), nowMs);
  const fitMs = breached ? fitsAtMs(parts, used + add - limit.cap, limit.windowMs, nowMs) : oldestMs + limit.windowMs;
  return {
    limit,
    used,
    add,
    breached,
    exact: states.every((state) => isExact(state, sinceMs)),
    resetsAtMs: breached && full ? Math.max(fitMs, forgottenMs + limit.windowMs) : fitMs,
  };
}

/** When parts that add up to `excess` have left the window; when all have, if they are not enough. */
function fitsAtMs(parts: Part[], excess: number, windowMs: number, nowMs: number): number {
  parts.sort((a, b) => a.lastMs - b.lastMs);
  let left = excess;
  let fitMs = nowMs;
  for (const part of parts) {
    if (left <= 0) break;
    left -= part.amount;
    fitMs = part.lastMs + windowMs;
  }
  return fitMs;
}

/** Enters a movement in the rows that `plan` said, breached or not. Throws a RangeError for what no row can hold. */
export function enter(keys: readonly EntryKey[], { points }: Pick<Movement, 'points'>, rows: Rows, stamp: Stamp): void {
  enterAgain(keys, { ...stamp, points }, rows);
}

/** The same for an entry whose movement is known by its record only: keys need no names. */
export function enterAgain(keys: readonly EntryKey[], entry: Stamp & { points: number }, rows: Rows): void {
  for (const key of keys) {
    if (isDistinctKey(key)) enterDistinct(rows.distinct(rowKeyOf(key)), { ...entry, member: memberBehind(key) });
    else enterWindow(rows.window(key), entry);
  }
}

/** Takes an entry, as it stands now, out of the rows that it was entered in. */
export function release(keys: readonly EntryKey[], entry: Entry, rows: Rows): void {
  for (const key of keys) {
    if (isDistinctKey(key)) releaseDistinct(rows.distinct(rowKeyOf(key)), { ...entry, member: memberBehind(key) });
    else releaseWindow(rows.window(key), entry);
  }
}

/**
 * Gives an entry other points, and the mark of a full reversal where it has one. Who used a subject has used it:
 * distinct rows stay as they are.
 */
export function amend(keys: readonly EntryKey[], entry: Entry, toPoints: number, marked: boolean, rows: Rows): void {
  for (const key of keys) {
    if (!isDistinctKey(key)) amendWindow(rows.window(key), entry, toPoints, marked);
  }
}
