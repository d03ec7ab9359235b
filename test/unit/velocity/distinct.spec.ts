import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import {
  type DistinctState,
  emptyDistinct,
  enterDistinct,
  isFull,
  membersSince,
  packDistinct,
  releaseDistinct,
  unpackDistinct,
  type Use,
} from '../../../src/velocity/core/distinct.js';
import { isExact } from '../../../src/velocity/core/window.js';
import { DAY_MS, forSeeds, HOUR_MS, MINUTE_MS, SECOND_MS, type Seeded, T0 } from './seeded.js';

const member = (n: number): string => n.toString(16).padStart(16, '0');
const use = (seq: number, atMs: number, n: number): Use => ({ atMs, seq, member: member(n) });
const inside = (state: DistinctState, sinceMs: number): number => membersSince([state], sinceMs).size;

/** n uses, one every `everyMs` from T0, by `members` in turn. */
function rowOf(n: number, everyMs: number, members: number): DistinctState {
  const state = emptyDistinct();
  for (let i = 0; i < n; i++) enterDistinct(state, use(i, T0 + i * everyMs, i % members));
  return state;
}

/** What becomes of bytes that may be damaged. */
function fateOf(bytes: Uint8Array): string {
  try {
    const state = unpackDistinct(bytes);
    const again = unpackDistinct(packDistinct(state, state.packedAtMs));
    return isDeepStrictEqual(again, state) ? 'kept' : 'changed';
  } catch (error) {
    return error instanceof RangeError ? 'refused' : String(error);
  }
}

class Run {
  state = emptyDistinct();
  readonly live = new Map<number, Use>();
  readonly ever: Use[] = [];
  nowMs = T0;
  seq = 1;
  releasedBeyondLog = false;
  constructor(
    readonly random: Seeded,
    readonly paceMs: number,
    readonly members: number,
  ) {}

  step(): void {
    const { random } = this;
    if (random.chance(0.8)) this.nowMs += random.below(this.paceMs + 1);
    const dice = random.below(100);
    if (dice < 78) this.enter();
    else if (dice < 92) this.release();
    else this.state = unpackDistinct(packDistinct(this.state, this.nowMs));
  }

  enter(): void {
    const { random } = this;
    const lateMs = random.chance(0.2) ? random.below(random.pick([30, 200]) * this.paceMs + 1) : 0;
    const entered = use(this.seq++, this.nowMs - lateMs, random.below(this.members));
    enterDistinct(this.state, entered);
    this.live.set(entered.seq, entered);
    this.ever.push(entered);
  }

  release(): void {
    if (this.live.size === 0) return;
    const given = this.random.pick([...this.live.values()]);
    if (!this.state.log.some(({ seq }) => seq === given.seq)) this.releasedBeyondLog = true;
    releaseDistinct(this.state, given);
    this.live.delete(given.seq);
  }

  /** Who truly counts ⊆ who is counted ⊆ who ever used it in the window; the same where nothing was lost. */
  check(windowMs: number): 'exact' | 'not exact' | 'full' {
    const sinceMs = this.nowMs - windowMs;
    const counted = membersSince([this.state], sinceMs);
    const namesOf = (uses: Iterable<Use>) =>
      new Set([...uses].filter(({ atMs }) => atMs > sinceMs).map((one) => one.member));
    const live = namesOf(this.live.values());
    const ever = namesOf(this.ever);
    if (![...counted.keys()].every((name) => ever.has(name))) throw new Error('someone is counted who never was there');
    if (isFull(this.state, sinceMs)) return 'full';
    if (![...live].every((name) => counted.has(name))) throw new Error('someone is not counted');
    const exact = isExact(this.state, sinceMs);
    if ((exact || !this.releasedBeyondLog) && counted.size !== live.size)
      throw new Error(`${counted.size} counted of ${live.size}`);
    return exact ? 'exact' : 'not exact';
  }
}

describe('a distinct row', { timeout: 60_000 }, () => {
  it('agrees with an oracle that keeps every use, over 10,000 sequences', () => {
    const seen = { exact: 0, 'not exact': 0, full: 0 };
    forSeeds(1, 10_000, (random) => {
      const run = new Run(random, random.pick([0, 1, SECOND_MS, HOUR_MS, DAY_MS]), random.pick([1, 3, 20, 70, 1000]));
      for (let i = random.below(250); i >= 0; i--) {
        run.step();
        if (i % 5 > 0) continue;
        const near = Math.min(90 * DAY_MS, SECOND_MS + random.below(100 * run.paceMs + 1));
        seen[
          run.check(random.chance(0.5) ? near : random.pick([SECOND_MS, HOUR_MS, DAY_MS, 30 * DAY_MS, 90 * DAY_MS]))
        ]++;
      }
    });
    expect(seen.exact).toBeGreaterThan(50_000);
    expect(seen['not exact']).toBeGreaterThan(1000);
  });

  it('agrees where the table overflows', () => {
    forSeeds(50_001, 60, (random) => {
      const run = new Run(random, random.pick([1, SECOND_MS, MINUTE_MS, HOUR_MS]), random.pick([300, 500]));
      for (let i = 0; i < 1200; i++) {
        run.step();
        if (i % 20 === 0) run.check(SECOND_MS + random.below(1000 * run.paceMs));
      }
      expect(run.state.forgottenMs).toBeGreaterThan(T0 - DAY_MS);
    });
  });

  it('counts a member by the newest use, to the millisecond', () => {
    const state = emptyDistinct();
    enterDistinct(state, use(1, T0, 1));
    enterDistinct(state, use(2, T0 + 10, 1));
    enterDistinct(state, use(3, T0 + 5, 2));
    expect([T0 - 1, T0 + 4, T0 + 5, T0 + 9, T0 + 10].map((sinceMs) => inside(state, sinceMs))).toEqual([2, 2, 1, 1, 0]);
  });

  it('keeps a member while one of its uses stands, in the log and beyond it', () => {
    const state = rowOf(200, 0, 2);
    for (let i = 0; i < 200; i += 2) releaseDistinct(state, use(i, T0, 0));
    expect(inside(state, T0 - 1)).toBe(1);
    for (let i = 1; i < 199; i += 2) releaseDistinct(state, use(i, T0, 1));
    expect(inside(state, T0 - 1)).toBe(1);
    releaseDistinct(state, use(199, T0, 1));
    expect(inside(state, T0 - 1)).toBe(0);
  });

  it('tells 64 uses and then 256 members apart exactly, and is full beyond', () => {
    const state = rowOf(64 + 256, SECOND_MS, 1000);
    expect(inside(state, T0 - 1)).toBe(320);
    expect(isFull(state, T0 - 1)).toBe(false);
    enterDistinct(state, use(320, T0 + 320 * SECOND_MS, 320));
    expect(isFull(state, T0 - 1)).toBe(true);
    // only windows that began before the one who was forgotten are full; they hold more than any cap allows
    expect(inside(state, T0 - 1)).toBeGreaterThanOrEqual(256);
    expect(isFull(state, T0)).toBe(false);
    expect(inside(state, T0)).toBe(320);
  });

  it('does not take the later use of a member who was forgotten and came back', () => {
    const state = rowOf(400, SECOND_MS, 1000);
    const nowMs = T0 + 400 * SECOND_MS;
    // member 0 was forgotten; it comes back, and 64 others push that use out of the log
    enterDistinct(state, use(1000, nowMs, 0));
    for (let i = 0; i < 64; i++) enterDistinct(state, use(2000 + i, nowMs + 1, 999));
    releaseDistinct(state, use(0, T0, 0));
    expect(membersSince([state], nowMs - 1).has(member(0))).toBe(true);
  });

  it('does not take the later use of a member who was gone for 90 days and came back', () => {
    const state = rowOf(100, SECOND_MS, 3);
    const nowMs = T0 + 91 * DAY_MS;
    packDistinct(state, nowMs);
    enterDistinct(state, use(1000, nowMs, 0));
    for (let i = 0; i < 64; i++) enterDistinct(state, use(2000 + i, nowMs + 1, 1));
    releaseDistinct(state, use(0, T0, 0));
    expect(membersSince([state], nowMs - 1).has(member(0))).toBe(true);
  });

  it('leaves others alone when the same is given back again', () => {
    const state = rowOf(100, SECOND_MS, 1);
    for (let i = 0; i < 50; i++) releaseDistinct(state, use(5000 + i, T0 + 99 * SECOND_MS, 0));
    expect(state.members.get(member(0))?.uses).toBe(36);
  });

  it('knows a member by the newest use when older ones come late', () => {
    const state = rowOf(100, SECOND_MS, 2);
    for (let i = 0; i < 64; i++) enterDistinct(state, use(1000 + i, T0 + HOUR_MS, 7));
    enterDistinct(state, use(2000, T0 - HOUR_MS, 0));
    expect(membersSince([state], T0 + 97 * SECOND_MS).has(member(0))).toBe(true);
  });

  it('stays full when a late use is forgotten on arrival', () => {
    const state = rowOf(400, SECOND_MS, 1000);
    const before = state.forgottenMs;
    enterDistinct(state, use(1000, T0 - HOUR_MS, 5000));
    expect(state.forgottenMs).toBe(before);
    expect(state.members.size).toBe(256);
  });

  it('forgets after the longest window, and is no longer full then', () => {
    const state = rowOf(1000, SECOND_MS, 1000);
    const lastMs = T0 + 999 * SECOND_MS;
    packDistinct(state, lastMs + 90 * DAY_MS - 1);
    expect(inside(state, lastMs - 1)).toBe(1);
    const bytes = packDistinct(state, lastMs + 90 * DAY_MS);
    expect(bytes.length).toBeLessThan(12);
    expect(unpackDistinct(bytes)).toEqual({ ...emptyDistinct(), packedAtMs: lastMs + 90 * DAY_MS });
  });

  it('packs and unpacks to the same row and the same bytes, small', () => {
    forSeeds(1, 500, (random) => {
      const run = new Run(random, random.pick([0, SECOND_MS, HOUR_MS]), random.pick([2, 50, 1000]));
      for (let i = random.below(500); i >= 0; i--) run.step();
      const bytes = packDistinct(run.state, run.nowMs);
      expect(unpackDistinct(bytes)).toEqual(run.state);
      expect(packDistinct(unpackDistinct(bytes), run.nowMs).equals(bytes)).toBe(true);
      expect(bytes.length).toBeLessThan(6000);
    });
    expect(packDistinct(rowOf(5, HOUR_MS, 1), T0 + DAY_MS).length).toBeLessThan(60);
  });

  it('is refused where it is damaged: a RangeError or another row, never anything else', () => {
    const good = [
      packDistinct(rowOf(5, HOUR_MS, 2), T0 + DAY_MS),
      packDistinct(rowOf(400, MINUTE_MS, 300), T0 + DAY_MS),
    ];
    let refused = 0;
    forSeeds(1, 5000, (random) => {
      const bytes = Buffer.from(random.pick(good));
      for (let i = random.below(4); i >= 0; i--) bytes[random.below(Math.min(60, bytes.length))] = random.below(256);
      const cut = random.chance(0.3) ? bytes.subarray(0, random.below(bytes.length)) : bytes;
      const fate = fateOf(cut);
      expect(['refused', 'kept']).toContain(fate);
      if (fate === 'refused') refused++;
    });
    expect(refused).toBeGreaterThan(500);
    for (const bytes of good) expect(() => unpackDistinct(Buffer.concat([bytes, Buffer.of(0)]))).toThrow(RangeError);
  });

  it('refuses what it cannot hold', () => {
    for (const bad of ['', 'xyz', member(1).toUpperCase().replace('0', 'A'), `${member(1)}00`]) {
      expect(() => enterDistinct(emptyDistinct(), { atMs: T0, seq: 1, member: bad })).toThrow(RangeError);
    }
    expect(() => enterDistinct(emptyDistinct(), use(1, Number.NaN, 1))).toThrow(RangeError);
  });
});
