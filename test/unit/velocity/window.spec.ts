import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import {
  amendWindow,
  type Entry,
  emptyWindow,
  enterWindow,
  isExact,
  packWindow,
  releaseWindow,
  unpackWindow,
  visitWindow,
  type WindowState,
} from '../../../src/velocity/core/window.js';
import { DAY_MS, forSeeds, HOUR_MS, MINUTE_MS, SECOND_MS, seeded, T0 } from './seeded.js';

function read(state: WindowState, sinceMs: number): { count: number; unmarked: number; points: number } {
  const sums = { count: 0, unmarked: 0, points: 0 };
  visitWindow(state, sinceMs, (_, count, points, marked) => {
    sums.count += count;
    sums.unmarked += count - marked;
    sums.points += points;
  });
  return sums;
}

/** A row with n entries, the first at T0 and one every `everyMs`. */
function rowOf(n: number, everyMs: number, points = 1): WindowState {
  const state = emptyWindow();
  for (let i = 0; i < n; i++) enterWindow(state, { atMs: T0 + i * everyMs, seq: i, points });
  return state;
}

/** What becomes of bytes that may be damaged. */
function fateOf(bytes: Uint8Array): string {
  try {
    const state = unpackWindow(bytes);
    const again = unpackWindow(packWindow(state, state.packedAtMs));
    return isDeepStrictEqual(again, state) ? 'kept' : 'changed';
  } catch (error) {
    return error instanceof RangeError ? 'refused' : String(error);
  }
}

const entry = (seq: number, atMs: number, points = 1, marked = false): Entry => ({ atMs, seq, points, marked });

describe('a window row', { timeout: 60_000 }, () => {
  it('counts an entry at n while n − t < window, to the millisecond', () => {
    const state = rowOf(1, 0, 7);
    for (const windowMs of [SECOND_MS, HOUR_MS, 90 * DAY_MS]) {
      expect(read(state, T0 + windowMs - 1 - windowMs).points).toBe(7);
      expect(read(state, T0 + windowMs - windowMs).points).toBe(0);
      expect(read(state, T0 + windowMs + 1 - windowMs).points).toBe(0);
    }
  });

  it('counts what lies in the future', () => {
    const state = rowOf(1, 0);
    expect(read(state, T0 - HOUR_MS - SECOND_MS).count).toBe(1);
    expect(unpackWindow(packWindow(state, T0 - MINUTE_MS))).toEqual(state);
  });

  it('is exact for 64 entries and, beyond, for windows that begin at or after the newest that left the log', () => {
    expect(isExact(rowOf(64, SECOND_MS), T0 - 90 * DAY_MS)).toBe(true);
    const state = rowOf(65, SECOND_MS);
    expect(isExact(state, T0 - 1)).toBe(false);
    expect(isExact(state, T0)).toBe(true);
    expect(read(state, T0)).toEqual({ count: 64, unmarked: 64, points: 64 });
    expect(read(state, T0 - 1).count).toBe(65);
  });

  it('is always exact where at most 64 entries fit the window', () => {
    for (const everyMs of [1, 999, MINUTE_MS, 5 * HOUR_MS]) {
      const state = emptyWindow();
      const seen = Array.from({ length: 400 }, (_, i) => {
        const nowMs = T0 + i * everyMs;
        enterWindow(state, { atMs: nowMs, seq: i, points: 1 });
        if (i % 7 === 0) packWindow(state, nowMs);
        const sinceMs = nowMs - 64 * everyMs;
        return isExact(state, sinceMs) ? read(state, sinceMs).count : 'inexact';
      });
      expect(seen).toEqual(seen.map((_, i) => Math.min(64, i + 1)));
    }
  });

  it('holds 200 of one millisecond', () => {
    const state = rowOf(200, 0, 50);
    for (const at of [T0, T0 + DAY_MS, T0 + DAY_MS + DAY_MS / 20]) {
      const sinceMs = at - DAY_MS;
      packWindow(state, at);
      const expected = sinceMs < T0 ? 200 : 0;
      expect(read(state, sinceMs).count).toBe(expected);
    }
  });

  it('releases and amends entries in the log by their number', () => {
    const state = rowOf(3, 0, 10);
    releaseWindow(state, entry(1, T0, 10));
    amendWindow(state, entry(2, T0, 10), 4, false);
    expect(read(state, T0 - 1)).toEqual({ count: 2, unmarked: 2, points: 14 });
    amendWindow(state, entry(2, T0, 4), 0, true);
    expect(read(state, T0 - 1)).toEqual({ count: 2, unmarked: 1, points: 10 });
  });

  it('releases and amends entries that left the log in the cell of their time', () => {
    const state = unpackWindow(packWindow(rowOf(300, HOUR_MS, 10), T0 + 300 * HOUR_MS));
    releaseWindow(state, entry(5, T0 + 5 * HOUR_MS, 10));
    amendWindow(state, entry(6, T0 + 6 * HOUR_MS, 10), 3, false);
    amendWindow(state, entry(7, T0 + 7 * HOUR_MS, 10), 0, true);
    expect(read(state, T0 - 90 * DAY_MS)).toEqual({ count: 299, unmarked: 298, points: 2990 - 17 });
    releaseWindow(state, entry(7, T0 + 7 * HOUR_MS, 0, true));
    expect(read(state, T0 - 90 * DAY_MS)).toEqual({ count: 298, unmarked: 298, points: 2980 - 7 });
  });

  it('leaves others alone when what is given back was never there, or is long gone', () => {
    const state = rowOf(100, HOUR_MS, 10);
    releaseWindow(state, entry(5000, T0 + 99 * HOUR_MS + 1, 10));
    releaseWindow(state, entry(5001, T0 - DAY_MS, 10));
    expect(read(state, T0 - 2 * DAY_MS).count).toBe(100);
    const later = T0 + 91 * DAY_MS;
    packWindow(state, later);
    const before = read(state, later - 95 * DAY_MS);
    for (let i = 0; i < 20; i++) releaseWindow(state, entry(i, T0 + i * HOUR_MS, 10));
    expect(read(state, later - 95 * DAY_MS)).toEqual(before);
  });

  it('leaves others alone when the same is given back again', () => {
    const between = rowOf(100, HOUR_MS, 10);
    releaseWindow(between, entry(5000, T0 + HOUR_MS / 2, 10));
    expect(read(between, T0 - 1).count).toBe(100);
    // the cell of the only entry that left the log reaches beyond it
    const beyond = rowOf(65, 100, 10);
    releaseWindow(beyond, entry(5000, T0 + 1, 10));
    expect(read(beyond, T0 - 1).count).toBe(65);
  });

  it('never goes below zero in a cell', () => {
    const state = rowOf(70, 0, 10);
    for (let i = 0; i < 10; i++) releaseWindow(state, entry(1000 + i, T0, 3, true));
    expect(state.cells).toMatchObject([{ count: 0, points: 30, marked: 0 }]);
    amendWindow(state, entry(1020, T0, 50), 0, true);
    expect(state.cells).toEqual([]);
    expect(read(state, T0 - 1)).toEqual({ count: 64, unmarked: 64, points: 640 });
  });

  it('stays at 2^53 − 1 beyond it, also when something is given back', () => {
    const most = Number.MAX_SAFE_INTEGER;
    const state = rowOf(70, 0, most);
    const again = unpackWindow(packWindow(state, T0));
    releaseWindow(again, entry(0, T0, most));
    expect(again.cells.map(({ count, points }) => [count, points])).toEqual([[5, most]]);
    expect(again.log[0]?.points).toBe(most);
  });

  it('refuses what it cannot hold', () => {
    const bad = [
      { atMs: T0 + 0.5, seq: 1, points: 1 },
      { atMs: Number.NaN, seq: 1, points: 1 },
      { atMs: 2 ** 50, seq: 1, points: 1 },
      { atMs: T0, seq: -1, points: 1 },
      { atMs: T0, seq: 1, points: -1 },
      { atMs: T0, seq: 1, points: 2 ** 53 },
      { atMs: T0, seq: 1, points: 1.5 },
    ];
    for (const what of bad) expect(() => enterWindow(emptyWindow(), what)).toThrow(RangeError);
    expect(() => amendWindow(rowOf(1, 0), entry(0, T0), -1, false)).toThrow(RangeError);
  });

  it('drops all that is older than the longest window, and no sooner', () => {
    const state = rowOf(200, MINUTE_MS);
    const lastMs = T0 + 199 * MINUTE_MS;
    packWindow(state, lastMs + 90 * DAY_MS - 1);
    expect(read(state, lastMs - 1).count).toBeGreaterThan(0);
    packWindow(state, lastMs + 90 * DAY_MS);
    expect(state.log).toHaveLength(0);
    expect(packWindow(state, lastMs + 100 * DAY_MS).length).toBeLessThan(10);
  });

  it('does not go back in time', () => {
    const state = rowOf(500, MINUTE_MS);
    const nowMs = T0 + 500 * MINUTE_MS;
    const bytes = packWindow(state, nowMs);
    expect(packWindow(state, nowMs - 30 * DAY_MS).equals(bytes)).toBe(true);
  });
});

describe('a packed window row', { timeout: 60_000 }, () => {
  it('takes at most 110 bytes for five entries of months and millions', () => {
    const random = seeded(7);
    const state = emptyWindow();
    for (let i = 0; i < 5; i++) {
      const atMs = T0 - random.below(80 * DAY_MS);
      enterWindow(state, { atMs, seq: 3_000_000_000 + random.below(100_000_000), points: 1 + random.below(5_000_000) });
    }
    expect(packWindow(state, T0).length).toBeLessThan(80);
  });

  it('takes less than 6 kB for 100,000 entries of 90 days', () => {
    const random = seeded(11);
    const state = emptyWindow();
    let nowMs = T0;
    let most = 0;
    for (let i = 0; i < 100_000; i++) {
      nowMs += random.below((2 * 90 * DAY_MS) / 100_000);
      enterWindow(state, { atMs: nowMs, seq: i * 3, points: random.below(50_000) });
      if (i % 100 === 0) most = Math.max(most, packWindow(state, nowMs).length);
    }
    expect(most).toBeGreaterThan(1000);
    expect(most).toBeLessThan(6000);
    expect(state.cells.length).toBeLessThan(400);
  });

  it('takes less than 6 kB for a subject with a hundred entries a second for long', () => {
    const state = emptyWindow();
    // each step a hundred times as long as the one before, so that every level of cells is filled
    let nowMs = T0;
    let seq = 0;
    for (const [steps, everyMs] of [
      [4000, HOUR_MS / 2],
      [4000, 20 * SECOND_MS],
      [8000, 300],
      [8000, 10],
    ] as const) {
      for (let i = 0; i < steps; i++) {
        nowMs += everyMs;
        enterWindow(state, { atMs: nowMs, seq: seq++, points: 100_000 });
        if (i % 128 === 0) packWindow(state, nowMs);
      }
    }
    const bytes = packWindow(state, nowMs);
    expect(state.cells.length).toBeGreaterThan(200);
    expect(bytes.length).toBeLessThan(6000);
    expect(unpackWindow(bytes)).toEqual(state);
  });

  it('holds the ends of every range', () => {
    const state = emptyWindow();
    const far = 2 ** 50 - 1;
    enterWindow(state, { atMs: far, seq: far, points: Number.MAX_SAFE_INTEGER });
    enterWindow(state, { atMs: far - 80 * DAY_MS, seq: 0, points: 0 });
    amendWindow(state, entry(0, far - 80 * DAY_MS, 0), 0, true);
    expect(unpackWindow(packWindow(state, far))).toEqual(state);
    const early = emptyWindow();
    enterWindow(early, { atMs: -far, seq: 5, points: 1 });
    for (let i = 0; i < 100; i++) enterWindow(early, { atMs: 3 - i * HOUR_MS, seq: 6 + i, points: 1 });
    expect(unpackWindow(packWindow(early, 5))).toEqual(early);
  });

  it('is refused where it is damaged: a RangeError or another row, never anything else', () => {
    const hot = rowOf(1000, MINUTE_MS, 99);
    const good = [packWindow(rowOf(5, HOUR_MS), T0 + DAY_MS), packWindow(hot, T0 + 1000 * MINUTE_MS)];
    let refused = 0;
    forSeeds(1, 20_000, (random) => {
      const bytes = Buffer.from(random.pick(good));
      for (let i = random.below(4); i >= 0; i--) bytes[random.below(bytes.length)] = random.below(256);
      const cut = random.chance(0.3) ? bytes.subarray(0, random.below(bytes.length)) : bytes;
      const fate = fateOf(cut);
      expect(['refused', 'kept']).toContain(fate);
      if (fate === 'refused') refused++;
    });
    expect(refused).toBeGreaterThan(2000);
    for (const bytes of [[], [0], [3, 0, 0], [1], [1, 0, 0, 0], [255]]) {
      expect(fateOf(Uint8Array.from(bytes))).toBe('refused');
    }
    for (const bytes of good) {
      expect(fateOf(Buffer.concat([bytes, Buffer.of(0)]))).toBe('refused');
      for (const layout of [0, 3, 255])
        expect(fateOf(Buffer.concat([Buffer.of(layout), bytes.subarray(1)]))).toBe('refused');
    }
  });

  it('is refused where its log is too long or its cells overlap', () => {
    const log = (length: number): Buffer =>
      Buffer.from([1, 0, length, 0, ...Array.from({ length: length * 3 }, () => 0)]);
    expect([fateOf(log(64)), fateOf(log(65))]).toEqual(['kept', 'refused']);
    // frontier at 0, then a cell of 2^5 ms at 0 and one of 2^level ms, a gap before it
    const cells = (level: number, gap: number): Buffer =>
      Buffer.from([2, 0, 0, 0, 2, 5, 1, 0, 2, 1, level, 1, gap, 2, 1]);
    expect([cells(28, 0), cells(6, 0), cells(29, 0), cells(4, 0)].map(fateOf)).toEqual([
      'kept',
      'kept',
      'refused',
      'refused',
    ]);
    const overlapping = Buffer.from([2, 0, 0, 127, 2, 5, 1, 0, 2, 1, 28, 1, 0, 2, 1]);
    expect(fateOf(overlapping)).toBe('refused');
  });
});
