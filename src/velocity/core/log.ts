/**
 * The exact part of a row: its newest 64 entries, oldest first. Entries may arrive out of order (what a ledger reports
 * has a time of its own), so they are placed by time; the oldest leaves when there is no room.
 */
export const LOG_LENGTH = 64;

/** When an entry counts, ms, and the event number that entered it: the number names the entry for ever. */
export interface Stamp {
  atMs: number;
  seq: number;
}

/** Up to here differences, doubled, stay exact in a double and fit the packed integers: the year 37,000. */
const LARGEST_STAMP = 2 ** 50;
export const isStamp = (value: number): boolean => Number.isSafeInteger(value) && Math.abs(value) < LARGEST_STAMP;

/** Throws a RangeError for what no row can hold; such values are defects of the caller, since requests are validated. */
export function requireStamp({ atMs, seq }: Stamp): void {
  if (!isStamp(atMs) || !isStamp(seq) || seq < 0) throw new RangeError('an entry needs an integer time and number');
}

/** Places an entry by its time, after those of the same millisecond; answers the oldest one where it has to leave. */
export function insertByTime<E extends Stamp>(log: E[], entry: E): E | undefined {
  let place = log.length;
  while (place > 0 && log[place - 1]!.atMs > entry.atMs) place--;
  log.splice(place, 0, entry);
  return log.length > LOG_LENGTH ? log.shift() : undefined;
}

/** Where the entry of that number stands in the log, or −1. Newest first: what changes is mostly young. */
export const indexOfSeq = (log: readonly Stamp[], seq: number): number =>
  log.findLastIndex((entry) => entry.seq === seq);
