/**
 * A window row: what counts for one subject in one slot, whatever the limits are. Entries stand in the exact log of the
 * newest 64, then in cells (`cells.ts`), each in exactly one of both, until they are older than the longest window.
 *
 * Invariant: everything that left the log for want of room is at or before `frontierMs`. So a window that begins there
 * or later is judged entry by entry (`exact`), and any other counts at most a twentieth of its length too long.
 * Source: DESIGN.md §5; an entry at t counts at n while n − t < window.
 */
import { LONGEST_WINDOW_MS } from '../../policy/core/policy.js';
import { ByteReader, ByteWriter } from '../../kernel/bytes.js';
import {
  addToCell,
  type Cell,
  type CellChange,
  changeCell,
  COARSEST_LEVEL,
  FINEST_LEVEL,
  lastMsOf,
  mergeAged,
  sizeMs,
} from './cells.js';
import { indexOfSeq, insertByTime, requireStamp, type Stamp } from './log.js';
import { fits, readLayout, readLogLength, readStamp, readUpTo, writeLayout } from './packed.js';

/** One movement in one row. Marked: fully reversed, which `refundable` limits do not count. */
export interface Entry extends Stamp {
  points: number;
  marked: boolean;
}

export interface WindowState {
  /** Oldest first. */
  log: Entry[];
  /** Oldest first, apart from each other. */
  cells: Cell[];
  /** Time of the newest entry that left the log for want of room, ms; −∞ before the first. */
  frontierMs: number;
  /** When the row was packed last, ms: what was older than the longest window then is gone. −∞ before the first time. */
  packedAtMs: number;
}

export const emptyWindow = (): WindowState => ({
  log: [],
  cells: [],
  frontierMs: Number.NEGATIVE_INFINITY,
  packedAtMs: Number.NEGATIVE_INFINITY,
});

/** Enters a movement. Throws a RangeError where time, number or points are no integers that the row can hold. */
export function enterWindow(state: WindowState, { atMs, seq, points }: Stamp & { points: number }): void {
  requireStamp({ atMs, seq });
  requirePoints(points);
  const evicted = insertByTime(state.log, { atMs, seq, points, marked: false });
  if (!evicted) return;
  addToCell(state.cells, evicted.atMs, asChange(evicted));
  state.frontierMs = Math.max(state.frontierMs, evicted.atMs);
}

/** Takes an entry out, as it stands now. */
export function releaseWindow(state: WindowState, entry: Entry): void {
  const index = indexOfSeq(state.log, entry.seq);
  if (index >= 0) {
    state.log.splice(index, 1);
    return;
  }
  const { count, points, marked } = asChange(entry);
  changeEvicted(state, entry.atMs, { count: -count, points: -points, marked: -marked });
}

/** Gives an entry other points, or the mark of a full reversal; `entry` is as it stood before. */
export function amendWindow(state: WindowState, entry: Entry, toPoints: number, marked: boolean): void {
  requirePoints(toPoints);
  const logged = state.log[indexOfSeq(state.log, entry.seq)];
  if (logged) {
    logged.points = toPoints;
    logged.marked = marked;
    return;
  }
  const change = { count: 0, points: toPoints - entry.points, marked: Number(marked) - Number(entry.marked) };
  changeEvicted(state, entry.atMs, change);
}

/** What no cell can hold any more is left alone: there, the cell of that time may hold others only. */
function changeEvicted(state: WindowState, atMs: number, change: CellChange): void {
  if (atMs > state.frontierMs || atMs <= state.packedAtMs - LONGEST_WINDOW_MS) return;
  changeCell(state.cells, atMs, change);
}

const asChange = (entry: Entry): CellChange => ({ count: 1, points: entry.points, marked: Number(entry.marked) });

function requirePoints(points: number): void {
  if (!Number.isSafeInteger(points) || points < 0) throw new RangeError('points are an integer from 0 to 2^53 − 1');
}

/** A part of what counts: an entry or a cell; it leaves the window when `lastMs` does. */
export type VisitPart = (lastMs: number, count: number, points: number, marked: number) => void;

/** Shows all that counts after `sinceMs` (now − window), in no order. What lies in the future counts, too. */
export function visitWindow(state: WindowState, sinceMs: number, visit: VisitPart): void {
  const { log, cells, frontierMs } = state;
  for (let i = log.length - 1; i >= 0 && log[i]!.atMs > sinceMs; i--) {
    const { atMs, points, marked } = log[i]!;
    visit(atMs, 1, points, marked ? 1 : 0);
  }
  for (let i = cells.length - 1; i >= 0; i--) {
    const cell = cells[i]!;
    // nothing in a cell is younger than the frontier, however far the cell reaches
    const lastMs = Math.min(lastMsOf(cell), frontierMs);
    if (lastMs <= sinceMs) return;
    visit(lastMs, cell.count, cell.points, cell.marked);
  }
}

/** Whether a window that begins at `sinceMs` is judged entry by entry. */
export const isExact = (state: { frontierMs: number }, sinceMs: number): boolean => sinceMs >= state.frontierMs;

/** Brings a row to `nowMs`: merges what has aged, drops what no window reaches. Time never goes back in a row. */
export function ageWindow(state: WindowState, nowMs: number): void {
  state.packedAtMs = Math.max(state.packedAtMs, nowMs);
  const goneMs = state.packedAtMs - LONGEST_WINDOW_MS;
  const firstKept = state.log.findIndex((entry) => entry.atMs > goneMs);
  state.log.splice(0, firstKept < 0 ? state.log.length : firstKept);
  state.cells = mergeAged(state.cells, state.packedAtMs);
  const newest = state.cells.at(-1);
  // what was given back or is gone no longer makes a window inexact
  state.frontierMs = newest ? Math.min(state.frontierMs, lastMsOf(newest)) : Number.NEGATIVE_INFINITY;
}

/*
 * A window row as bytes. Times are distances into the past, newest first, so that a young entry takes a byte or two:
 *   layout · packedAt · n · age of the newest · n entries: time from the one before, doubled, low bit the mark · number,
 *   from the one before · points
 *   layout 2 adds: age of the frontier · n runs of cells of one level: level · n cells: gap to the one before, in cells ·
 *   count, doubled, low bit: a count of marks follows · points
 * Five entries of a day take some 50 bytes; a subject that is hot for 90 days some 3 kB.
 */

/** Ages the row to `nowMs` (in place) and packs it. */
export function packWindow(state: WindowState, nowMs: number): Buffer {
  ageWindow(state, nowMs);
  const writer = new ByteWriter();
  const logOnly = state.frontierMs === Number.NEGATIVE_INFINITY;
  writeLayout(writer, logOnly);
  writer.signed(state.packedAtMs);
  writeLog(writer, state);
  if (!logOnly) {
    writer.signed(state.packedAtMs - state.frontierMs);
    writeCells(writer, state);
  }
  return writer.finish();
}

/** The row of those bytes; throws a RangeError where they are none. */
export function unpackWindow(bytes: Uint8Array): WindowState {
  const reader = new ByteReader(bytes);
  const state = emptyWindow();
  const logOnly = readLayout(reader);
  state.packedAtMs = readStamp(reader.signed());
  state.log = readLog(reader, state.packedAtMs);
  if (!logOnly) {
    state.frontierMs = readStamp(state.packedAtMs - reader.signed());
    state.cells = readCells(reader, state.frontierMs);
  }
  fits(reader.done);
  return state;
}

function writeLog(writer: ByteWriter, { log, packedAtMs }: WindowState): void {
  writer.unsigned(log.length);
  let beforeMs = log.at(-1)?.atMs ?? packedAtMs;
  let beforeSeq = 0;
  // signed: the newest entry may lie in the future
  if (log.length > 0) writer.signed(packedAtMs - beforeMs);
  for (let i = log.length - 1; i >= 0; i--) {
    const { atMs, seq, points, marked } = log[i]!;
    writer.unsigned((beforeMs - atMs) * 2 + (marked ? 1 : 0));
    writer.signed(beforeSeq - seq).unsigned(points);
    beforeMs = atMs;
    beforeSeq = seq;
  }
}

function readLog(reader: ByteReader, packedAtMs: number): Entry[] {
  const log: Entry[] = [];
  const length = readLogLength(reader);
  let atMs = length > 0 ? packedAtMs - reader.signed() : packedAtMs;
  let seq = 0;
  for (let left = length; left > 0; left--) {
    const ageAndMark = reader.unsigned();
    atMs = readStamp(atMs - Math.floor(ageAndMark / 2));
    seq = readStamp(seq - reader.signed());
    fits(seq >= 0);
    log.push({ atMs, seq, points: readUpTo(reader, Number.MAX_SAFE_INTEGER), marked: ageAndMark % 2 === 1 });
  }
  return log.reverse();
}

/** Neighbours of one level, newest first: the level is written once for all of them. */
function runsOfLevels(cells: readonly Cell[]): Cell[][] {
  const runs: Cell[][] = [];
  for (let i = cells.length - 1; i >= 0; i--) {
    const cell = cells[i]!;
    const run = runs.at(-1);
    if (run?.[0]!.level === cell.level) run.push(cell);
    else runs.push([cell]);
  }
  return runs;
}

function writeCells(writer: ByteWriter, { cells, frontierMs }: WindowState): void {
  const runs = runsOfLevels(cells);
  writer.unsigned(runs.length);
  let beforeMs = frontierMs;
  for (const run of runs) {
    const { level } = run[0]!;
    const size = sizeMs(level);
    writer.byte(level).unsigned(run.length);
    for (const cell of run) {
      writer.unsigned(Math.floor(beforeMs / size) - cell.startMs / size);
      writer.unsigned(cell.count * 2 + (cell.marked > 0 ? 1 : 0));
      if (cell.marked > 0) writer.unsigned(cell.marked);
      writer.unsigned(cell.points);
      beforeMs = cell.startMs - 1;
    }
  }
}

function readCells(reader: ByteReader, frontierMs: number): Cell[] {
  const cells: Cell[] = [];
  let beforeMs = frontierMs;
  for (let runs = reader.unsigned(); runs > 0; runs--) {
    const level = reader.byte();
    fits(level >= FINEST_LEVEL && level <= COARSEST_LEVEL);
    for (let left = reader.unsigned(); left > 0; left--) {
      const cell = readCell(reader, level, beforeMs);
      // the newest may reach beyond the frontier; all others end before the next begins
      fits(cells.length === 0 || lastMsOf(cell) <= beforeMs);
      cells.push(cell);
      beforeMs = cell.startMs - 1;
    }
  }
  return cells.reverse();
}

function readCell(reader: ByteReader, level: number, beforeMs: number): Cell {
  const size = sizeMs(level);
  const startMs = readStamp((Math.floor(beforeMs / size) - reader.unsigned()) * size);
  const countAndFlag = readUpTo(reader, Number.MAX_SAFE_INTEGER);
  const count = Math.floor(countAndFlag / 2);
  const marked = countAndFlag % 2 === 1 ? readUpTo(reader, count) : 0;
  return { startMs, level, count, points: readUpTo(reader, Number.MAX_SAFE_INTEGER), marked };
}
