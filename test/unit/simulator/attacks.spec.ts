import { describe, expect, it } from 'vitest';
import { ATTACK_RANGES, type AttackRange, valueAt } from '../../../src/simulator/core/attack-ranges.js';
import { attacksOf, DEFAULT_MIX, NO_ATTACKS, parseMix } from '../../../src/simulator/core/mix.js';
import { simulate } from '../../../src/simulator/core/simulation.js';
import {
  ATTACK_KINDS,
  type AttackKind,
  DAY_MS,
  type SimulatedTransaction,
} from '../../../src/simulator/core/transaction.js';

describe('the ranges', () => {
  const ranges: [string, AttackRange][] = ATTACK_KINDS.flatMap((kind) =>
    Object.entries<AttackRange>(ATTACK_RANGES[kind]).map(([name, range]): [string, AttackRange] => [
      `${kind} ${name}`,
      range,
    ]),
  );

  it.each(ranges)('%s goes from bold to blended in one direction', (_, range) => {
    expect(range.bold[0]).toBeLessThanOrEqual(range.bold[1]);
    expect(range.blended[0]).toBeLessThanOrEqual(range.blended[1]);
    for (const share of [0, 0.3, 0.999]) {
      const values = [0, 0.25, 0.5, 0.75, 1].map((mimicry) => valueAt(range, mimicry, share));
      const sorted = values.toSorted((a, b) => a - b);
      const first = values[0] ?? 0;
      expect(values).toEqual(first <= (values.at(-1) ?? 0) ? sorted : sorted.toReversed());
      expect(first).toBeGreaterThanOrEqual(range.bold[0]);
      expect(first).toBeLessThanOrEqual(range.bold[1]);
    }
  });
});

/** Attacks of one kind over many seeds: what they show, on average. */
function observed(kind: AttackKind, mimicry: number) {
  const found = Array.from({ length: 40 }, (_, seed) => seed).flatMap((seed) => {
    const { transactions } = simulate({ seed, size: 200, days: 90, mimicry, mix: { ...NO_ATTACKS, [kind]: 1 } });
    const own = transactions.filter(({ truth }) => truth.class === kind);
    // a thief who finds nothing worth taking takes nothing
    if (own.length === 0) return [];
    const devices = new Set(own.map(({ draft }) => draft.presence?.deviceId).filter(Boolean)).size;
    const accounts = new Set(own.map(({ draft }) => draft.account.accountId)).size;
    const times = own.map(({ draft }) => draft.atMs);
    const lasts = Math.max(...times) - Math.min(...times);
    return {
      lasts,
      pausesMs: lasts / own.length,
      accountsPerDevice: accounts / Math.max(1, devices),
      points: average(own.map(pointsOf)),
    };
  });
  const mean = (of: (one: (typeof found)[number]) => number) => average(found.map(of));
  return {
    pausesMs: mean((one) => one.pausesMs),
    accountsPerDevice: mean((one) => one.accountsPerDevice),
    points: mean((one) => one.points),
  };
}
const pointsOf = ({ draft }: SimulatedTransaction): number => draft.points;
const average = (values: readonly number[]): number =>
  values.reduce((sum, one) => sum + one, 0) / Math.max(1, values.length);

describe('mimicry', () => {
  const seen = Object.fromEntries(
    ATTACK_KINDS.map((kind) => [kind, [0, 0.5, 1].map((mimicry) => observed(kind, mimicry))]),
  ) as Record<AttackKind, ReturnType<typeof observed>[]>;
  const up = (values: readonly number[]) => values.toSorted((a, b) => a - b);

  it.each(ATTACK_KINDS)('makes a %s slower', (kind) => {
    const pauses = seen[kind].map(({ pausesMs }) => pausesMs);
    expect(pauses).toEqual(up(pauses));
  });

  it.each(['self-credit', 'parallel-redemption', 'take-over'] as const)('makes a %s ask for less at a time', (kind) => {
    const points = seen[kind].map((one) => one.points);
    expect(points).toEqual(up(points).toReversed());
  });

  it.each(['welcome-farm', 'mule-ring'] as const)('spreads a %s over more devices', (kind) => {
    const accounts = seen[kind].map(({ accountsPerDevice }) => accountsPerDevice);
    expect(accounts).toEqual(up(accounts).toReversed());
  });
});

describe('every attack', () => {
  it.each([1, 30])('ends within %i days, however slow', (days) => {
    const { transactions, attacks } = simulate({ seed: 4, size: 300, days, mimicry: 1 });
    expect(new Set(attacks.map(({ kind }) => kind))).toEqual(new Set(ATTACK_KINDS));
    expect(Math.max(...transactions.map(({ draft }) => draft.atMs))).toBeLessThan(days * DAY_MS);
  });

  it('takes over accounts that are there, with the points that they have', () => {
    const { transactions, attacks, memberIds } = simulate({
      seed: 8,
      size: 500,
      mix: { ...NO_ATTACKS, 'take-over': 40 },
    });
    const loot = new Map(
      attacks.flatMap(({ attackId, openings }) =>
        openings.map((one) => [`${attackId} ${one.accountId}`, one.lootPoints]),
      ),
    );
    const taken = new Map<string, number>();
    for (const { draft, truth } of transactions.filter((one) => one.truth.class === 'take-over')) {
      expect(memberIds).toContain(draft.account.accountId);
      const key = `${truth.attackId} ${draft.account.accountId}`;
      taken.set(key, (taken.get(key) ?? 0) + draft.points);
    }
    expect(taken.size).toBeGreaterThan(10);
    for (const [key, points] of taken) expect(points).toBeLessThanOrEqual(loot.get(key) ?? 0);
  });

  it('races for more than there is, at one moment', () => {
    const { transactions, attacks } = simulate({
      seed: 8,
      size: 100,
      mimicry: 0,
      mix: { ...NO_ATTACKS, 'parallel-redemption': 5 },
    });
    for (const { openings, attackId } of attacks) {
      for (const { accountId, ownPoints, lootPoints } of openings) {
        const race = transactions.filter(
          ({ draft, truth }) => truth.attackId === attackId && draft.account.accountId === accountId,
        );
        const times = race.map(({ draft }) => draft.atMs);
        expect(race.length).toBeGreaterThanOrEqual(8);
        expect(Math.max(...times) - Math.min(...times)).toBeLessThanOrEqual(5);
        expect(race.reduce((sum, { draft }) => sum + draft.points, 0)).toBe(ownPoints + lootPoints);
      }
    }
  });
});

describe('the mix', () => {
  it('makes more attacks of a kind the larger its share, and none where it is 0', () => {
    const made = [0, 1, 10, 30].map((share) => {
      const { attacks } = simulate({ seed: 2, size: 1000, days: 5, mix: { ...NO_ATTACKS, 'mule-ring': share } });
      return attacks.length;
    });
    expect(made).toEqual([0, 1, 10, 30]);
    expect([attacksOf(0, 1e5), attacksOf(0.1, 10), attacksOf(8, 20_000)]).toEqual([0, 1, 160]);
  });

  it('is read, and refused where it is none', () => {
    expect(parseMix('take-over=3, mule-ring=0.5')).toEqual({ ...NO_ATTACKS, 'take-over': 3, 'mule-ring': 0.5 });
    const back = parseMix(
      Object.entries(DEFAULT_MIX)
        .map(([kind, share]) => `${kind}=${share}`)
        .join(','),
    );
    expect(back).toEqual(DEFAULT_MIX);
    for (const wrong of [
      '',
      'take-over',
      'take-over=',
      'take-over=-1',
      'takeover=1',
      'take-over=1,take-over=2',
      'take-over=1001',
      'take-over=1e3',
      '__proto__=1',
      'member=1',
      ',',
    ]) {
      expect({ wrong, mix: parseMix(wrong) }).toEqual({ wrong, mix: undefined });
    }
  });
});
