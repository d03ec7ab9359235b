/**
 * A distinct row: who used one subject in one slot (the accounts of a device, say). Uses stand in the exact log of the
 * newest 64, then in a table of at most 256 members with the time of their newest use and the number of their uses.
 *
 * Invariant: what left the log is at or before `frontierMs`, what left the table at or before `forgottenMs`. The member
 * used longest ago is forgotten first, so whoever is in the table then was used since: a window that begins before
 * `forgottenMs` held more members than any cap allows, and is `full`: it refuses newcomers. A newest use that is given
 * back after it left the log leaves its time with the member if older uses stand: it may count too long, never too short.
 */
import { LARGEST_DISTINCT_CAP, LONGEST_WINDOW_MS } from '../../policy/core/policy.js';
import { ByteReader, ByteWriter } from '../../kernel/bytes.js';
import { indexOfSeq, insertByTime, requireStamp, type Stamp } from './log.js';
import { fits, readLayout, readLogLength, readStamp, readUpTo, writeLayout } from './packed.js';

/** Who: 8 bytes of a keyed hash, in lowercase hex. */
export type Member = string;
export const MEMBER_HEX_LENGTH = 16;

export interface Use extends Stamp {
  member: Member;
}

export interface MemberUses {
  lastAtMs: number;
  /** Uses that left the log and were not given back. */
  uses: number;
}

export interface DistinctState {
  /** Oldest first. */
  log: Use[];
  members: Map<Member, MemberUses>;
  /** Time of the newest use that left the log for want of room, ms; −∞ before the first. */
  frontierMs: number;
  /** Newest use of whom the table has forgotten for want of room, ms; −∞ before the first. */
  forgottenMs: number;
  /** When the row was packed last, ms: what was older than the longest window then is gone. −∞ before the first time. */
  packedAtMs: number;
}

export const emptyDistinct = (): DistinctState => ({
  log: [],
  members: new Map(),
  frontierMs: Number.NEGATIVE_INFINITY,
  forgottenMs: Number.NEGATIVE_INFINITY,
  packedAtMs: Number.NEGATIVE_INFINITY,
});

const MEMBER = /^[0-9a-f]{16}$/;

/** Enters a use. Throws a RangeError where time, number or member are nothing that the row can hold. */
export function enterDistinct(state: DistinctState, { atMs, seq, member }: Use): void {
  requireStamp({ atMs, seq });
  if (!MEMBER.test(member)) throw new RangeError('a member is 8 bytes in lowercase hex');
  const evicted = insertByTime(state.log, { atMs, seq, member });
  if (evicted) addToTable(state, evicted);
}

function addToTable(state: DistinctState, { atMs, member }: Use): void {
  state.frontierMs = Math.max(state.frontierMs, atMs);
  const known = state.members.get(member);
  if (known) {
    known.uses++;
    known.lastAtMs = Math.max(known.lastAtMs, atMs);
    return;
  }
  state.members.set(member, { lastAtMs: atMs, uses: 1 });
  if (state.members.size > LARGEST_DISTINCT_CAP) forgetOldest(state);
}

function forgetOldest(state: DistinctState): void {
  let oldest: Member | undefined;
  let oldestMs = Number.POSITIVE_INFINITY;
  for (const [member, { lastAtMs }] of state.members) {
    if (lastAtMs >= oldestMs) continue;
    oldest = member;
    oldestMs = lastAtMs;
  }
  if (oldest === undefined) return;
  state.members.delete(oldest);
  state.forgottenMs = Math.max(state.forgottenMs, oldestMs);
}

/** Takes a use out. */
export function releaseDistinct(state: DistinctState, { atMs, seq, member }: Use): void {
  const index = indexOfSeq(state.log, seq);
  if (index >= 0) {
    state.log.splice(index, 1);
    return;
  }
  const goneMs = Math.max(state.forgottenMs, state.packedAtMs - LONGEST_WINDOW_MS);
  const known = state.members.get(member);
  // a use from before may have gone with its member, who came back since: the uses that stand are others
  if (!known || atMs <= goneMs || atMs > state.frontierMs) return;
  known.uses--;
  if (known.uses === 0) state.members.delete(member);
}

/** The members inside a window that began at `sinceMs` (now − window), each with the time of its newest use, ms. */
export function membersSince(states: readonly DistinctState[], sinceMs: number): Map<Member, number> {
  const newest = new Map<Member, number>();
  const see = (member: Member, atMs: number): void => {
    if (atMs > sinceMs && atMs > (newest.get(member) ?? Number.NEGATIVE_INFINITY)) newest.set(member, atMs);
  };
  for (const { log, members } of states) {
    for (const { member, atMs } of log) see(member, atMs);
    for (const [member, { lastAtMs }] of members) see(member, lastAtMs);
  }
  return newest;
}

/** Whether members of a window that began at `sinceMs` may have been forgotten: it refuses newcomers. */
export const isFull = (state: DistinctState, sinceMs: number): boolean => sinceMs < state.forgottenMs;

/** Brings a row to `nowMs`: drops what no window reaches. Time never goes back in a row. */
export function ageDistinct(state: DistinctState, nowMs: number): void {
  state.packedAtMs = Math.max(state.packedAtMs, nowMs);
  const goneMs = state.packedAtMs - LONGEST_WINDOW_MS;
  const firstKept = state.log.findIndex((use) => use.atMs > goneMs);
  state.log.splice(0, firstKept < 0 ? state.log.length : firstKept);
  let newestMs = Number.NEGATIVE_INFINITY;
  for (const [member, { lastAtMs }] of state.members) {
    if (lastAtMs <= goneMs) state.members.delete(member);
    else newestMs = Math.max(newestMs, lastAtMs);
  }
  if (state.forgottenMs <= goneMs) state.forgottenMs = Number.NEGATIVE_INFINITY;
  state.frontierMs = Math.max(state.forgottenMs, Math.min(state.frontierMs, newestMs));
}

/*
 * A distinct row as bytes. Each member is written once, however often it stands in the log:
 *   layout · packedAt · n members of the log alone: 8 bytes · n · age of the newest · n uses: time from the one before ·
 *   number, from the one before · index of the member
 *   layout 2 puts before the log's members: age of the frontier · whether any were forgotten, and their age · n members
 *   of the table: 8 bytes · uses · age
 */

const MEMBER_BYTES = MEMBER_HEX_LENGTH / 2;

/** Ages the row to `nowMs` (in place) and packs it. */
export function packDistinct(state: DistinctState, nowMs: number): Buffer {
  ageDistinct(state, nowMs);
  const writer = new ByteWriter();
  const logOnly = state.frontierMs === Number.NEGATIVE_INFINITY;
  writeLayout(writer, logOnly);
  writer.signed(state.packedAtMs);
  if (!logOnly) writeTable(writer, state);
  writeLog(writer, state);
  return writer.finish();
}

/** The row of those bytes; throws a RangeError where they are none. */
export function unpackDistinct(bytes: Uint8Array): DistinctState {
  const reader = new ByteReader(bytes);
  const state = emptyDistinct();
  const logOnly = readLayout(reader);
  state.packedAtMs = readStamp(reader.signed());
  if (!logOnly) readTable(reader, state);
  state.log = readLog(reader, state);
  fits(reader.done);
  return state;
}

const writeMember = (writer: ByteWriter, member: Member): ByteWriter => writer.bytes(Buffer.from(member, 'hex'));

function readMember(reader: ByteReader): Member {
  const bytes = reader.bytes(MEMBER_BYTES);
  return Buffer.from(bytes.buffer, bytes.byteOffset, MEMBER_BYTES).toString('hex');
}

function writeTable(writer: ByteWriter, state: DistinctState): void {
  const ageMs = (atMs: number): number => state.packedAtMs - atMs;
  writer.signed(ageMs(state.frontierMs));
  const forgot = state.forgottenMs !== Number.NEGATIVE_INFINITY;
  writer.byte(forgot ? 1 : 0);
  if (forgot) writer.signed(ageMs(state.forgottenMs));
  writer.unsigned(state.members.size);
  for (const [member, { lastAtMs, uses }] of state.members) {
    writeMember(writer, member).unsigned(uses).signed(ageMs(lastAtMs));
  }
}

function readTable(reader: ByteReader, state: DistinctState): void {
  const readTimeMs = (): number => readStamp(state.packedAtMs - reader.signed());
  state.frontierMs = readTimeMs();
  if (readUpTo(reader, 1) === 1) state.forgottenMs = readTimeMs();
  const size = readUpTo(reader, LARGEST_DISTINCT_CAP);
  for (let left = size; left > 0; left--) {
    const member = readMember(reader);
    const uses = readUpTo(reader, Number.MAX_SAFE_INTEGER);
    fits(uses > 0);
    state.members.set(member, { uses, lastAtMs: readTimeMs() });
  }
  fits(state.members.size === size);
}

function writeLog(writer: ByteWriter, { log, members, packedAtMs }: DistinctState): void {
  const indexes = new Map([...members.keys()].map((member, index) => [member, index]));
  const newcomers = [...new Set(log.map(({ member }) => member))].filter((member) => !indexes.has(member));
  writer.unsigned(newcomers.length);
  for (const member of newcomers) {
    indexes.set(member, indexes.size);
    writeMember(writer, member);
  }
  writer.unsigned(log.length);
  let beforeMs = log.at(-1)?.atMs ?? packedAtMs;
  let beforeSeq = 0;
  // signed: the newest use may lie in the future
  if (log.length > 0) writer.signed(packedAtMs - beforeMs);
  for (const { atMs, seq, member } of log.toReversed()) {
    writer
      .unsigned(beforeMs - atMs)
      .signed(beforeSeq - seq)
      .unsigned(indexes.get(member)!);
    beforeMs = atMs;
    beforeSeq = seq;
  }
}

function readLog(reader: ByteReader, { members, packedAtMs }: DistinctState): Use[] {
  const known = [...members.keys()];
  for (let left = readLogLength(reader); left > 0; left--) known.push(readMember(reader));
  const log: Use[] = [];
  const length = readLogLength(reader);
  let atMs = length > 0 ? packedAtMs - reader.signed() : packedAtMs;
  let seq = 0;
  for (let left = length; left > 0; left--) {
    atMs = readStamp(atMs - reader.unsigned());
    seq = readStamp(seq - reader.signed());
    const member = known[reader.unsigned()];
    fits(seq >= 0 && member !== undefined);
    log.push({ atMs, seq, member });
  }
  return log.reverse();
}
