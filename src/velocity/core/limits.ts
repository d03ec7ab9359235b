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

/** Rows that several limits read: of one subject, over the same types, telling apart the same. */
interface RowGroup {
  subject: SubjectKind;
  distinctOf?: SubjectKind;
  slots: readonly Slot[];
}

interface GroupedLimits {
  groups: readonly RowGroup[];
  limits: readonly { limit: Limit; group: number }[];
}

/** A policy names a subject in ten windows, and its rows are the same in all: worked out once for each set of limits. */
const grouped = new WeakMap<readonly Limit[], Map<LimitType, GroupedLimits>>();

function groupsOf(limits: readonly Limit[], type: LimitType): GroupedLimits {
  const byType = grouped.get(limits) ?? new Map<LimitType, GroupedLimits>();
  grouped.set(limits, byType);
  let found = byType.get(type);
  if (!found) {
    found = groupLimits(limits.filter((limit) => limit.types.includes(type)));
    byType.set(type, found);
  }
  return found;
}

function groupLimits(limits: readonly Limit[]): GroupedLimits {
  const groups = new Map<string, RowGroup>();
  const indexes = limits.map(({ subject, distinctOf, types }) => {
    const slots = types.flatMap((type) => SLOTS_OF[type]);
    const same = [subject, distinctOf, ...slots].join(' ');
    if (!groups.has(same)) groups.set(same, { subject, distinctOf, slots });
    return [...groups.keys()].indexOf(same);
  });
  return {
    groups: [...groups.values()],
    limits: limits.map((limit, index) => ({ limit, group: indexes[index]! })),
  };
}

const rowKey = ({ distinctOf }: RowGroup, name: string, slot: Slot): string =>
  distinctOf ? distinctKey(name, slot, distinctOf) : windowKey(name, slot);

/** Keys of a group's rows for a movement; undefined where the request lacks its subject or what it tells apart. */
function keysOf(group: RowGroup, { names }: Movement): string[] | undefined {
  const name = names[group.subject];
  if (name === undefined || (group.distinctOf && names[group.distinctOf] === undefined)) return undefined;
  return group.slots.map((slot) => rowKey(group, name, slot));
}

/** The rows of a movement under these limits. */
export function plan(limits: readonly Limit[], movement: Movement): Plan {
  const enters = new Set<EntryKey>();
  const reads = new Set<string>();
  const slot = slotOf(movement);
  for (const group of groupsOf(limits, movement.type).groups) {
    const keys = keysOf(group, movement);
    if (!keys) continue;
    const own = rowKey(group, movement.names[group.subject]!, slot);
    enters.add(group.distinctOf ? distinctEntryKey(own, memberOf(movement.names[group.distinctOf]!)) : own);
    for (const key of keys) reads.add(key);
  }
  return { enters: [...enters], reads: [...reads] };
}

/** Judges a movement at `nowMs` by every limit that applies to it, in their order. Changes nothing. */
export function judge(limits: readonly Limit[], movement: Movement, rows: Rows, nowMs: number): LimitReading[] {
  const { groups, limits: named } = groupsOf(limits, movement.type);
  const windows = groups.map((group) =>
    group.distinctOf ? undefined : keysOf(group, movement)?.map((key) => rows.window(key)),
  );
  const distincts = groups.map((group) =>
    group.distinctOf ? keysOf(group, movement)?.map((key) => rows.distinct(key)) : undefined,
  );
  const readings: LimitReading[] = [];
  for (const { limit, group } of named) {
    const ofWindows = windows[group];
    const ofMembers = distincts[group];
    if (ofWindows) readings.push(judgeAmounts(limit, movement, ofWindows, nowMs));
    else if (ofMembers) readings.push(judgeMembers(limit, movement, ofMembers, nowMs));
  }
  return readings;
}

function judgeAmounts(limit: Limit, movement: Movement, states: readonly WindowState[], nowMs: number): LimitReading {
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

function judgeMembers(limit: Limit, movement: Movement, states: readonly DistinctState[], nowMs: number): LimitReading {
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
