/**
 * What left the log of a row: a sparse dyadic histogram. A cell spans 2^level ms and starts at a multiple of that, so
 * that two cells are either apart or one within the other. Cells are merged as they age.
 *
 * Invariant: a cell counts whole as long as its last millisecond is inside a window, so a window may count too much,
 * never too little. Where the window W begins inside a cell of size s, the cell's last millisecond is younger than W;
 * merging asks that it be at least 20·s old, so s < W/20: an entry counts for less than a twentieth too long. The
 * finest cells (32 ms) need no age: the shortest window is 1 s, and 32 < 1000/20.
 * The idea is that of exponential histograms (Datar, Gionis, Indyk, Motwani 2002), with ages in place of counts.
 */
import { LONGEST_WINDOW_MS } from '../../policy/core/policy.js';

export interface Cell {
  /** A multiple of 2^level ms. */
  startMs: number;
  level: number;
  count: number;
  /** At most 2^53 − 1; that value means "or more" and is never lowered. */
  points: number;
  /** How many of `count` are fully reversed. */
  marked: number;
}

/** What is added to or taken from a cell. */
export interface CellChange {
  count: number;
  points: number;
  marked: number;
}

const SUBWINDOWS = 20;
export const FINEST_LEVEL = 5;
/** 2^28 ms are 3.1 days; twice that would have to be 124 days old, and nothing is kept for that long. */
export const COARSEST_LEVEL = 28;

export const sizeMs = (level: number): number => 2 ** level;
export const lastMsOf = (cell: Cell): number => cell.startMs + sizeMs(cell.level) - 1;

const alignedStartMs = (atMs: number, level: number): number => Math.floor(atMs / sizeMs(level)) * sizeMs(level);

/** Adds amounts of points, stopping at 2^53 − 1: beyond it a sum would be rounded, and a rounded sum can pass a cap. */
export const addPoints = (sum: number, points: number): number => Math.min(sum + points, Number.MAX_SAFE_INTEGER);

/** Index of the last cell that starts at or before a time, or −1. */
function lastStartingBy(cells: readonly Cell[], atMs: number): number {
  let low = 0;
  let high = cells.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (cells[middle]!.startMs <= atMs) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Counts an entry in the cell of its time, making one where there is none. */
export function addToCell(cells: Cell[], atMs: number, change: CellChange): void {
  const index = lastStartingBy(cells, atMs);
  const cell = cells[index];
  if (cell && atMs <= lastMsOf(cell)) applyChange(cell, change);
  else cells.splice(index + 1, 0, { startMs: alignedStartMs(atMs, FINEST_LEVEL), level: FINEST_LEVEL, ...change });
}

/** Changes the cell of a time, never below zero; nothing where that cell is gone. */
export function changeCell(cells: Cell[], atMs: number, change: CellChange): void {
  const index = lastStartingBy(cells, atMs);
  const cell = cells[index];
  if (!cell || atMs > lastMsOf(cell)) return;
  applyChange(cell, change);
  if (cell.count === 0 && cell.points === 0) cells.splice(index, 1);
}

function applyChange(cell: Cell, change: CellChange): void {
  cell.count = Math.max(0, cell.count + change.count);
  cell.marked = Math.min(cell.count, Math.max(0, cell.marked + change.marked));
  // what a full cell holds is not known any more, so nothing can be taken from it: too much counts, never too little
  if (cell.points < Number.MAX_SAFE_INTEGER) cell.points = Math.max(0, addPoints(cell.points, change.points));
}

/**
 * Merges cells as far as their age at `nowMs` allows and drops those wholly older than the longest window. Merging
 * comes first: a cell is only ever dropped with all that it covers, and none grows over the place of a dropped one.
 */
export function mergeAged(cells: readonly Cell[], nowMs: number): Cell[] {
  const merged: Cell[] = [];
  for (const cell of cells) {
    raise(cell, nowMs);
    const before = merged.at(-1);
    if (before?.startMs === cell.startMs) applyChange(before, cell);
    else merged.push(cell);
  }
  const firstKept = merged.findIndex((cell) => nowMs - lastMsOf(cell) < LONGEST_WINDOW_MS);
  return firstKept < 0 ? [] : merged.slice(firstKept);
}

/** Gives a cell the largest size that its place has at `nowMs`. */
function raise(cell: Cell, nowMs: number): void {
  for (let level = cell.level + 1; level <= COARSEST_LEVEL; level++) {
    const startMs = alignedStartMs(cell.startMs, level);
    if (nowMs - (startMs + sizeMs(level) - 1) < SUBWINDOWS * sizeMs(level)) return;
    cell.startMs = startMs;
    cell.level = level;
  }
}
