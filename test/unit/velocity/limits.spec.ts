import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Limit, SubjectKind } from '../../../src/policy/core/policy.js';
import { emptyDistinct, packDistinct, unpackDistinct } from '../../../src/velocity/core/distinct.js';
import {
  amend,
  enter,
  enterAgain,
  judge,
  type LimitReading,
  type Movement,
  plan,
  release,
  type Rows,
} from '../../../src/velocity/core/limits.js';
import { isDistinctKey, rowKeyOf } from '../../../src/velocity/core/subject-key.js';
import { emptyWindow, packWindow, unpackWindow } from '../../../src/velocity/core/window.js';
import { DAY_MS, forSeeds, HOUR_MS, MINUTE_MS, SECOND_MS, type Seeded, T0 } from './seeded.js';

const name = (kind: SubjectKind, value: string | number): string =>
  createHash('sha256').update(`${kind}\0${value}`).digest('hex').slice(0, 32);

function limit(change: Partial<Limit> = {}): Limit {
  return {
    id: 'limit',
    subject: 'account',
    types: ['burn'],
    metric: 'count',
    window: '',
    windowMs: DAY_MS,
    cap: 3,
    kind: 'hard',
    refundable: false,
    reason: 'test',
    ...change,
  };
}

const burn = (points = 1, more: Partial<Movement> = {}): Movement => ({
  type: 'burn',
  points,
  names: { account: name('account', 'a') },
  ...more,
});

/** The rows of a program, in memory; refuses one that was not asked for. */
class Memory implements Rows {
  readonly windows = new Map<string, ReturnType<typeof emptyWindow>>();
  readonly distincts = new Map<string, ReturnType<typeof emptyDistinct>>();
  private allowed = new Set<string>();
  private seq = 0;

  allow(keys: readonly string[]): this {
    this.allowed = new Set(keys);
    return this;
  }
  window(key: string) {
    if (!this.allowed.has(key) || isDistinctKey(key)) throw new Error(`row ${key} was not planned`);
    return getOrMake(this.windows, key, emptyWindow);
  }
  distinct(key: string) {
    if (!this.allowed.has(key) || !isDistinctKey(key)) throw new Error(`row ${key} was not planned`);
    return getOrMake(this.distincts, key, emptyDistinct);
  }
  repack(nowMs: number): void {
    for (const [key, state] of this.windows) this.windows.set(key, unpackWindow(packWindow(state, nowMs)));
    for (const [key, state] of this.distincts) this.distincts.set(key, unpackDistinct(packDistinct(state, nowMs)));
  }

  judge(limits: readonly Limit[], movement: Movement, nowMs: number): LimitReading[] {
    return judge(limits, movement, this.allow(plan(limits, movement).reads), nowMs);
  }
  enter(limits: readonly Limit[], movement: Movement, atMs: number) {
    const { enters: keys } = plan(limits, movement);
    const entry = { atMs, seq: ++this.seq, points: movement.points, marked: false };
    enter(keys, movement, this.allow(keys.map(rowKeyOf)), entry);
    return { keys, entry };
  }
  release({ keys, entry }: Entered): void {
    release(keys, entry, this.allow(keys.map(rowKeyOf)));
  }
  amend({ keys, entry }: Entered, toPoints: number, marked: boolean): void {
    amend(keys, entry, toPoints, marked, this.allow(keys.map(rowKeyOf)));
  }
}
type Entered = ReturnType<Memory['enter']>;

function getOrMake<T>(map: Map<string, T>, key: string, make: () => T): T {
  const known = map.get(key) ?? make();
  map.set(key, known);
  return known;
}

const only = (readings: LimitReading[]): LimitReading => {
  const [reading, ...others] = readings;
  if (!reading || others.length > 0) throw new Error(`${readings.length} readings, not one`);
  return reading;
};

describe('the plan of a movement', () => {
  const names = { account: name('account', 1), device: name('device', 1), store: name('store', 1) };

  it('enters it once for every subject that a limit on its type names, in its own slot', () => {
    const limits = [
      limit(),
      limit({ id: 'b', windowMs: HOUR_MS, metric: 'points' }),
      limit({ id: 'c', types: ['transfer', 'burn'], subject: 'device' }),
      limit({ id: 'd', types: ['earn'], subject: 'store' }),
      limit({ id: 'e', subject: 'ip' }),
    ];
    const { enters, reads } = plan(limits, burn(1, { names }));
    expect(enters).toEqual([`${names.account}02`, `${names.device}02`]);
    expect(reads).toEqual([`${names.account}02`, `${names.device}03`, `${names.device}02`]);
  });

  it('remembers with the key of a distinct row who is behind the entry', () => {
    const { enters, reads } = plan(
      [limit({ subject: 'device', metric: 'distinct', distinctOf: 'account' })],
      burn(1, { names }),
    );
    expect(enters).toEqual([`${names.device}8201${names.account.slice(0, 16)}`]);
    expect(reads).toEqual([`${names.device}8201`]);
    expect(enters.map(rowKeyOf)).toEqual(reads);
  });

  it('leaves out a limit whose subject or members the request does not have', () => {
    const without = [limit({ subject: 'reward' }), limit({ metric: 'distinct', distinctOf: 'instrument' })];
    expect(plan(without, burn(1, { names }))).toEqual({ enters: [], reads: [] });
    expect(new Memory().judge(without, burn(1, { names }), T0)).toEqual([]);
  });

  it('tells the directions of adjust apart where it enters, and reads both', () => {
    const limits = [limit({ types: ['adjust'] })];
    const credit = plan(limits, { type: 'adjust', direction: 'credit', points: 1, names });
    const debit = plan(limits, { type: 'adjust', direction: 'debit', points: 1, names });
    expect(credit.enters).not.toEqual(debit.enters);
    expect(credit.reads).toEqual([...credit.enters, ...debit.enters]);
  });
});

describe('a limit', () => {
  it('passes n − 1 and n, and refuses n + 1', () => {
    const rows = new Memory();
    const passed = [0, 1, 2, 3].map((i) => {
      const reading = only(rows.judge([limit()], burn(), T0 + i));
      if (!reading.breached) rows.enter([limit()], burn(), T0 + i);
      return [reading.used, reading.breached];
    });
    expect(passed).toEqual([
      [0, false],
      [1, false],
      [2, false],
      [3, true],
    ]);
  });

  it('has room again one window after the oldest entry, to the millisecond', () => {
    const rows = new Memory();
    for (const atMs of [T0, T0 + 7, T0 + 9]) rows.enter([limit()], burn(), atMs);
    const reading = only(rows.judge([limit()], burn(), T0 + 10));
    expect(reading).toMatchObject({ breached: true, exact: true, used: 3, add: 1, resetsAtMs: T0 + DAY_MS });
    expect(only(rows.judge([limit()], burn(), T0 + DAY_MS - 1)).breached).toBe(true);
    expect(only(rows.judge([limit()], burn(), T0 + DAY_MS)).breached).toBe(false);
  });

  it('says when the oldest of what counts leaves, this movement included', () => {
    const rows = new Memory();
    expect(only(rows.judge([limit()], burn(), T0)).resetsAtMs).toBe(T0 + DAY_MS);
    rows.enter([limit()], burn(), T0 + 5);
    rows.enter([limit()], burn(), T0 + 1);
    expect(only(rows.judge([limit()], burn(), T0 + 60)).resetsAtMs).toBe(T0 + 1 + DAY_MS);
  });

  it('says when enough points have left, or all where that will never do', () => {
    const points = limit({ metric: 'points', cap: 100 });
    const rows = new Memory();
    for (const [atMs, amount] of [
      [T0 + 1, 30],
      [T0 + 2, 30],
      [T0 + 3, 30],
    ] as const)
      rows.enter([points], burn(amount), atMs);
    const resetsAt = (amount: number) => only(rows.judge([points], burn(amount), T0 + 10)).resetsAtMs - DAY_MS - T0;
    expect([10, 11, 40, 41, 71, 100, 101].map(resetsAt)).toEqual([1, 1, 1, 2, 3, 3, 3]);
    expect(only(new Memory().judge([points], burn(101), T0))).toMatchObject({ breached: true, resetsAtMs: T0 });
  });

  it('of 200 × 50 points a day refuses one point more, until a day and a twentieth later', () => {
    const points = limit({ metric: 'points', cap: 10_000 });
    const rows = new Memory();
    let nowMs = T0;
    for (let i = 0; i < 200; i++) {
      nowMs += 17;
      expect(only(rows.judge([points], burn(50), nowMs)).breached).toBe(false);
      rows.enter([points], burn(50), nowMs);
      if (i % 10 === 0) rows.repack(nowMs);
    }
    for (const laterMs of [0, HOUR_MS, DAY_MS - 200 * 17]) {
      rows.repack(nowMs + laterMs);
      expect(only(rows.judge([points], burn(1), nowMs + laterMs))).toMatchObject({
        used: 10_000,
        breached: true,
        exact: false,
      });
    }
    rows.repack(nowMs + DAY_MS + DAY_MS / 20);
    expect(only(rows.judge([points], burn(10_000), nowMs + DAY_MS + DAY_MS / 20))).toMatchObject({
      used: 0,
      breached: false,
    });
  });

  it('merges the rows of its types, and only these', () => {
    const both = limit({ types: ['burn', 'adjust'], cap: 10 });
    const all = [both, limit({ types: ['earn'] }), limit({ types: ['transfer'] })];
    const rows = new Memory();
    for (const movement of [
      burn(),
      burn(1, { type: 'adjust', direction: 'credit' }),
      burn(1, { type: 'adjust', direction: 'debit' }),
      burn(1, { type: 'earn' }),
      burn(1, { type: 'transfer' }),
    ]) {
      rows.enter(all, movement, T0);
    }
    expect(rows.judge(all, burn(), T0).map(({ used }) => used)).toEqual([3]);
    expect(rows.judge(all, burn(1, { type: 'adjust', direction: 'debit' }), T0).map(({ used }) => used)).toEqual([3]);
    expect(rows.judge(all, burn(1, { type: 'transfer' }), T0).map(({ used }) => used)).toEqual([1]);
  });

  it('gives the count of a full reversal back only where refundable, the points always', () => {
    const limits = [limit(), limit({ id: 'r', refundable: true }), limit({ id: 'p', metric: 'points', cap: 100 })];
    for (const entries of [1, 100]) {
      const rows = new Memory();
      const entered = rows.enter(limits, burn(40), T0);
      for (let i = 1; i < entries; i++) rows.enter(limits, burn(40), T0 + i);
      rows.amend(entered, 10, false);
      const used = () => rows.judge(limits, burn(), T0 + MINUTE_MS).map((reading) => reading.used);
      expect(used()).toEqual([entries, entries, entries * 40 - 30]);
      rows.amend({ ...entered, entry: { ...entered.entry, points: 10 } }, 0, true);
      expect(used()).toEqual([entries, entries - 1, entries * 40 - 40]);
    }
  });

  it('counts an entry that is held again', () => {
    const rows = new Memory();
    const { keys, entry } = rows.enter([limit()], burn(), T0);
    rows.release({ keys, entry });
    expect(only(rows.judge([limit()], burn(), T0)).used).toBe(0);
    enterAgain(keys, { ...entry, atMs: T0 + 5, seq: 99 }, rows);
    expect(only(rows.judge([limit()], burn(), T0 + 5 + DAY_MS - 1)).used).toBe(1);
    expect(only(rows.judge([limit()], burn(), T0 + 5 + DAY_MS)).used).toBe(0);
  });

  it('lets nothing pass beyond 2^53', () => {
    const most = Number.MAX_SAFE_INTEGER;
    const points = limit({ metric: 'points', cap: most });
    const rows = new Memory();
    rows.enter([points], burn(most - 1), T0);
    expect(only(rows.judge([points], burn(1), T0)).breached).toBe(false);
    expect(only(rows.judge([points], burn(2), T0)).breached).toBe(true);
    // late facts are entered even above a cap
    for (let i = 0; i < 100; i++) rows.enter([points], burn(1_000_000_000_000), T0);
    expect(only(rows.judge([points], burn(1), T0))).toMatchObject({ used: most, breached: true });
  });

  it('never refuses what adds nothing, however full it is', () => {
    const points = limit({ metric: 'points', cap: 5, types: ['registration'] });
    const rows = new Memory();
    rows.enter([points], burn(100, { type: 'registration' }), T0);
    const reading = only(rows.judge([points], burn(0, { type: 'registration' }), T0));
    expect(reading).toMatchObject({ used: 100, add: 0, breached: false });
  });
});

describe('a limit on who', () => {
  const distinct = limit({ subject: 'device', metric: 'distinct', distinctOf: 'account', cap: 3 });
  const by = (account: number): Movement =>
    burn(1, { names: { account: name('account', account), device: name('device', 1) } });

  it('refuses a newcomer beyond the cap, and never one who is inside', () => {
    const rows = new Memory();
    for (const account of [1, 2, 3]) rows.enter([distinct], by(account), T0 + account);
    expect(only(rows.judge([distinct], by(4), T0 + 10))).toMatchObject({
      used: 3,
      add: 1,
      breached: true,
      resetsAtMs: T0 + 1 + DAY_MS,
    });
    expect(only(rows.judge([distinct], by(2), T0 + 10))).toMatchObject({ used: 3, add: 0, breached: false });
    rows.enter([distinct], by(1), T0 + 50);
    expect(only(rows.judge([distinct], by(4), T0 + 60)).resetsAtMs).toBe(T0 + 2 + DAY_MS);
    expect(only(rows.judge([distinct], by(4), T0 + 2 + DAY_MS - 1)).breached).toBe(true);
    expect(only(rows.judge([distinct], by(4), T0 + 2 + DAY_MS)).breached).toBe(false);
  });

  it('gives a member back by the recorded key alone, in the log and beyond it', () => {
    for (const others of [0, 100]) {
      const rows = new Memory();
      const entered = rows.enter([distinct], by(1), T0);
      for (let i = 0; i < others; i++) rows.enter([distinct], by(2), T0 + 1);
      rows.repack(T0 + 1);
      rows.release(entered);
      expect(only(rows.judge([distinct], by(1), T0 + 2))).toMatchObject({ used: others ? 1 : 0, add: 1 });
    }
  });

  it('keeps who used it when all points went back', () => {
    const rows = new Memory();
    rows.amend(rows.enter([distinct], by(1), T0), 0, true);
    expect(only(rows.judge([distinct], by(2), T0)).used).toBe(1);
  });

  it('refuses newcomers where more members came than can be remembered, only in windows that reach so far', () => {
    const wide = limit({ ...distinct, windowMs: 90 * DAY_MS, cap: 256 });
    const narrow = limit({ ...distinct, id: 'narrow', windowMs: MINUTE_MS, cap: 256 });
    const rows = new Memory();
    for (let i = 0; i < 1000; i++) rows.enter([wide, narrow], by(i), T0 + i * SECOND_MS);
    const nowMs = T0 + 999 * SECOND_MS;
    rows.repack(nowMs);
    const [far, near] = rows.judge([wide, narrow], by(5000), nowMs);
    expect(far).toMatchObject({ breached: true, exact: false });
    expect(near).toMatchObject({ breached: false, used: 60, add: 1, exact: true });
    // fits once whoever was forgotten has left, and 65 of the 320 remembered
    expect(far!.resetsAtMs).toBe(T0 + 744 * SECOND_MS + 90 * DAY_MS);
    expect(only(rows.judge([wide], by(5000), far!.resetsAtMs)).breached).toBe(false);
    expect(only(rows.judge([wide], by(5000), far!.resetsAtMs - 1)).breached).toBe(true);
  });

  it('is full even where those who are remembered have been given back', () => {
    const wide = limit({ ...distinct, cap: 256 });
    const rows = new Memory();
    const entered = Array.from({ length: 400 }, (_, i) => rows.enter([wide], by(i), T0 + i));
    for (const one of entered.slice(70)) rows.release(one);
    rows.repack(T0 + 400);
    const reading = only(rows.judge([wide], by(5000), T0 + 400));
    expect(reading.used).toBeLessThan(256);
    expect(reading).toMatchObject({ breached: true, exact: false });
    expect(only(rows.judge([wide], by(5000), reading.resetsAtMs)).breached).toBe(false);
  });
});

const TYPES = ['earn', 'burn', 'transfer', 'adjust', 'registration'] as const;
const KINDS: SubjectKind[] = ['account', 'device', 'store', 'counterparty'];

function randomLimit(random: Seeded, id: number): Limit {
  const metric = random.pick(['count', 'points', 'distinct'] as const);
  const subject = random.pick(KINDS);
  return limit({
    id: `limit-${id}`,
    subject,
    types: TYPES.filter(() => random.chance(0.5)),
    metric,
    distinctOf: metric === 'distinct' ? random.pick(KINDS.filter((kind) => kind !== subject)) : undefined,
    windowMs: random.pick([SECOND_MS, 10 * SECOND_MS, MINUTE_MS, HOUR_MS]),
    cap: metric === 'points' ? 1 + random.below(200) : 1 + random.below(6),
    refundable: metric === 'count' && random.chance(0.4),
  });
}

function randomMovement(random: Seeded): Movement {
  const kinds = KINDS.filter(() => random.chance(0.8));
  return {
    type: random.pick(TYPES),
    direction: random.pick(['credit', 'debit']),
    points: random.below(60),
    names: Object.fromEntries(kinds.map((kind) => [kind, name(kind, random.below(3))])),
  };
}

interface Known {
  movement: Movement;
  entered: Entered;
}

/** What a limit has counted, by every movement that still stands. */
function usedOf(limits: Limit, movement: Movement, all: Iterable<Known>, nowMs: number): number {
  const counted = [...all].filter(
    ({ movement: past, entered: { entry } }) =>
      limits.types.includes(past.type) &&
      past.names[limits.subject] === movement.names[limits.subject] &&
      nowMs - entry.atMs < limits.windowMs,
  );
  const { distinctOf } = limits;
  if (distinctOf) return new Set(counted.map(({ movement: past }) => past.names[distinctOf]).filter(Boolean)).size;
  if (limits.metric === 'points') return counted.reduce((sum, { entered }) => sum + entered.entry.points, 0);
  return counted.filter(({ entered }) => !(limits.refundable && entered.entry.marked)).length;
}

/** For what is looked at half a million times, where a matcher would take longer than all the rest. */
function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(`does not hold: ${what}`);
}

describe('limits together, against an oracle that keeps every movement', { timeout: 60_000 }, () => {
  it('agree over 2,000 sequences, hard ones are never passed, and fit when they say', () => {
    let breaches = 0;
    forSeeds(1, 2000, (random) => {
      const limits = Array.from({ length: 1 + random.below(6) }, (_, id) => randomLimit(random, id));
      const paceMs = random.pick([1, 100, SECOND_MS, MINUTE_MS]);
      const rows = new Memory();
      let known: Known[] = [];
      let nowMs = T0;
      for (let i = 0; i < 50; i++) {
        nowMs += random.below(paceMs + 1);
        const movement = randomMovement(random);
        const readings = rows.judge(limits, movement, nowMs);
        for (const reading of readings) {
          must(reading.used === usedOf(reading.limit, movement, known, nowMs), 'what is used');
          must(reading.exact, 'so few entries are exact');
          if (!reading.breached) continue;
          breaches++;
          const at = (atMs: number) => only(rows.judge([reading.limit], movement, atMs));
          const fits = reading.add <= reading.limit.cap;
          const then = at(reading.resetsAtMs);
          must(then.breached === !fits, 'it fits when it said');
          // where it can fit, not a millisecond sooner; where it cannot, when nothing counts any more
          must(fits ? at(reading.resetsAtMs - 1).breached : then.used === 0, 'and no sooner');
        }
        if (!readings.some(({ breached }) => breached))
          known.push({ movement, entered: rows.enter(limits, movement, nowMs) });
        for (const { limit: hard } of readings) {
          must(usedOf(hard, movement, known, nowMs) <= hard.cap, 'the cap');
        }
        if (random.chance(0.2)) rows.repack(nowMs);
        if (random.chance(0.25) && known.length > 0) {
          const picked = random.pick(known);
          const { keys, entry } = picked.entered;
          known = known.filter((one) => one !== picked);
          if (random.chance(0.5)) rows.release(picked.entered);
          else {
            const marked = entry.marked || random.chance(0.5);
            const toPoints = marked ? 0 : random.below(entry.points + 1);
            rows.amend(picked.entered, toPoints, marked);
            known.push({ ...picked, entered: { keys, entry: { ...entry, points: toPoints, marked } } });
          }
        }
      }
    });
    expect(breaches).toBeGreaterThan(10_000);
  });
});
