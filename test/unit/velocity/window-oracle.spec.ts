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
import { DAY_MS, forSeeds, HOUR_MS, MINUTE_MS, SECOND_MS, type Seeded, T0 } from './seeded.js';

interface Sums {
  count: number;
  unmarked: number;
  points: number;
}

const WINDOWS_MS = [SECOND_MS, MINUTE_MS, HOUR_MS, DAY_MS, 7 * DAY_MS, 30 * DAY_MS, 90 * DAY_MS];

function read(state: WindowState, sinceMs: number): Sums {
  const sums = { count: 0, unmarked: 0, points: 0 };
  visitWindow(state, sinceMs, (_, count, points, marked) => {
    sums.count += count;
    sums.unmarked += count - marked;
    sums.points += points;
  });
  return sums;
}

/** Every entry, kept. */
function truth(entries: Iterable<Entry>, sinceMs: number): Sums {
  const sums = { count: 0, unmarked: 0, points: 0 };
  for (const { atMs, points, marked } of entries) {
    if (atMs <= sinceMs) continue;
    sums.count++;
    sums.unmarked += marked ? 0 : 1;
    sums.points += points;
  }
  return sums;
}

/** One row and its oracle, driven by the same choices. */
class Run {
  state = emptyWindow();
  readonly live = new Map<number, Entry>();
  nowMs = T0;
  seq = 1000;
  constructor(
    readonly random: Seeded,
    /** How far apart things happen. */
    readonly paceMs: number,
    readonly withVeryLate = true,
  ) {}

  step(): void {
    const { random } = this;
    if (random.chance(0.8)) this.nowMs += random.below(this.paceMs + 1);
    const dice = random.below(100);
    if (dice < 72) this.enter(this.timeOfEntry());
    else if (dice < 82) this.release();
    else if (dice < 92) this.amend();
    else this.state = unpackWindow(packWindow(this.state, this.nowMs));
  }

  timeOfEntry(): number {
    const dice = this.random.below(20);
    if (dice < 15) return this.nowMs;
    if (dice < 18) return this.nowMs - this.random.below(20 * this.paceMs + 1);
    return dice === 18 && this.withVeryLate
      ? this.nowMs - this.random.below(100 * DAY_MS)
      : this.nowMs + this.random.below(5 * MINUTE_MS);
  }

  enter(atMs: number): void {
    const entry = { atMs, seq: this.seq++, points: this.random.below(5) * this.random.below(10_000), marked: false };
    enterWindow(this.state, entry);
    this.live.set(entry.seq, entry);
  }

  /** Past the longest window nothing is changed any more: a cell of that time counts as it did until it has left. */
  isGone({ atMs }: Entry): boolean {
    return atMs <= this.state.packedAtMs - 90 * DAY_MS;
  }

  any(): Entry | undefined {
    return this.live.size > 0 ? this.random.pick([...this.live.values()]) : undefined;
  }

  release(): void {
    const entry = this.any();
    if (!entry) return;
    releaseWindow(this.state, entry);
    if (!this.isGone(entry)) this.live.delete(entry.seq);
  }

  amend(): void {
    const entry = this.any();
    if (!entry) return;
    const marked = this.random.chance(0.4);
    const toPoints = marked ? 0 : this.random.below(entry.points + 10);
    amendWindow(this.state, entry, toPoints, marked);
    if (!this.isGone(entry)) this.live.set(entry.seq, { ...entry, points: toPoints, marked });
  }

  check(windowMs: number): boolean {
    const sinceMs = this.nowMs - windowMs;
    const used = read(this.state, sinceMs);
    const least = truth(this.live.values(), sinceMs);
    const exact = isExact(this.state, sinceMs);
    // an entry counts for less than a twentieth too long
    const most = exact ? least : truth(this.live.values(), this.nowMs - Math.ceil(windowMs * 1.05));
    for (const sum of ['count', 'unmarked', 'points'] as const) {
      if (used[sum] < least[sum] || used[sum] > most[sum]) {
        throw new Error(`${sum} of ${windowMs} ms: ${used[sum]}, not ${least[sum]} … ${most[sum]} (exact: ${exact})`);
      }
    }
    return exact;
  }
}

function compare(random: Seeded, steps: number): { exact: number; inexact: number } {
  const seen = { exact: 0, inexact: 0 };
  const run = new Run(random, random.pick([0, 1, 40, SECOND_MS, MINUTE_MS, HOUR_MS, 8 * HOUR_MS, 4 * DAY_MS]));
  for (let i = 0; i < steps; i++) {
    run.step();
    const near = random.below(200 * run.paceMs + SECOND_MS) + SECOND_MS;
    for (const windowMs of [random.pick(WINDOWS_MS), Math.min(near, 90 * DAY_MS)]) {
      if (run.check(windowMs)) seen.exact++;
      else seen.inexact++;
    }
  }
  return seen;
}

describe('window rows against an oracle that keeps every entry', { timeout: 60_000 }, () => {
  it('agree over 10,000 sequences', () => {
    const seen = { exact: 0, inexact: 0 };
    forSeeds(1, 10_000, (random) => {
      const { exact, inexact } = compare(random, 20 + random.below(200));
      seen.exact += exact;
      seen.inexact += inexact;
    });
    expect(seen.exact).toBeGreaterThan(1_000_000);
    expect(seen.inexact).toBeGreaterThan(10_000);
  });

  it('agree over long sequences, most of it beyond the log', () => {
    let inexact = 0;
    forSeeds(100_001, 500, (random) => {
      inexact += compare(random, 600).inexact;
    });
    expect(inexact).toBeGreaterThan(50_000);
  });

  it('survives that everything is given back, and is as small and exact as a new row then', () => {
    forSeeds(200_001, 300, (random) => {
      const run = new Run(random, random.pick([1, SECOND_MS, MINUTE_MS, HOUR_MS]), false);
      for (let i = 0; i < 150; i++) run.step();
      while (run.live.size > 0) run.release();
      const bytes = packWindow(run.state, run.nowMs);
      expect(read(run.state, run.nowMs - 80 * DAY_MS)).toEqual({ count: 0, unmarked: 0, points: 0 });
      expect(bytes.length).toBeLessThan(10);
      expect(isExact(unpackWindow(bytes), run.nowMs - 90 * DAY_MS)).toBe(true);
    });
  });

  it('packs and unpacks to the same row and the same bytes', () => {
    forSeeds(300_001, 1000, (random) => {
      const run = new Run(random, random.pick([0, 1, 40, SECOND_MS, MINUTE_MS, 8 * HOUR_MS]));
      for (let i = random.below(300); i >= 0; i--) run.step();
      const bytes = packWindow(run.state, run.nowMs);
      const again = unpackWindow(bytes);
      expect(again).toEqual(run.state);
      expect(packWindow(again, run.nowMs).equals(bytes)).toBe(true);
    });
  });
});
