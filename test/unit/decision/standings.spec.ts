/** How a limit stands after a decision: what is shown of it, and what the evidence gives back. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packReadings, standingOf, unpackStandings, worthShowing } from '../../../src/decision/core/standings.js';
import type { Limit } from '../../../src/policy/core/policy.js';
import { parsePolicy } from '../../../src/policy/core/policy.schema.js';
import type { LimitReading } from '../../../src/velocity/core/limits.js';
import { NOW_MS } from './decisions.js';

function limitsOf(...limits: object[]): readonly Limit[] {
  const named = limits.map((limit, n) => ({
    id: `l${n}`,
    subject: 'account',
    types: ['burn'],
    metric: 'points',
    window: 'P1D',
    cap: 10,
    kind: 'hard',
    reason: 'because',
    ...limit,
  }));
  const parsed = parsePolicy(JSON.stringify({ version: 1, limits: named }));
  if (!('policy' in parsed)) throw new Error('no policy');
  return parsed.policy.limits;
}
const [TEN] = limitsOf({}) as [Limit];
const reading = (used: number, add: number, more: Partial<LimitReading> = {}): LimitReading => ({
  limit: TEN,
  used,
  add,
  breached: used + add > TEN.cap,
  exact: true,
  resetsAtMs: NOW_MS,
  ...more,
});

describe('a standing', () => {
  it.each<[number, number, boolean, number, number]>([
    [3, 4, true, 7, 3],
    [3, 4, false, 3, 7],
    [6, 4, true, 10, 0],
    [6, 5, false, 6, 4],
    [8, 5, true, 13, 0], // a soft limit that was passed: nothing remains, and never less
  ])('of %i used and %i more, counted %s: used %i, remaining %i', (used, add, counts, now, remaining) => {
    expect(standingOf(reading(used, add), counts)).toEqual({
      id: 'l0',
      subject: 'account',
      metric: 'points',
      window: 'P1D',
      used: now,
      cap: 10,
      remaining,
      exact: true,
      resetsAt: new Date(NOW_MS).toISOString(),
    });
  });

  it.each<[number, number, boolean, boolean]>([
    [7, 0, true, false],
    [8, 0, true, true],
    [7, 1, true, true],
    [7, 1, false, false],
    [0, 8, false, false],
    [20, 0, false, true],
  ])('of %i used and %i more, counted %s, is worth showing: %s', (used, add, counts, shown) => {
    expect(worthShowing(reading(used, add), counts)).toBe(shown);
  });

  it('of a cap of one is worth showing only once it is used', () => {
    const [one] = limitsOf({ cap: 1 }) as [Limit];
    expect(worthShowing(reading(0, 0, { limit: one }), true)).toBe(false);
    expect(worthShowing(reading(0, 1, { limit: one }), true)).toBe(true);
  });
});

describe('evidence', () => {
  const LIMITS = limitsOf({}, { metric: 'count', cap: 1 }, { subject: 'device', window: 'PT5M', cap: 9e15 });

  it('gives every standing back as it was told, by the limits that judged', () => {
    const readings = fc.array(
      fc.record({
        limit: fc.constantFrom(...LIMITS),
        used: fc.nat({ max: 2 ** 50 }),
        add: fc.nat({ max: 1e12 }),
        breached: fc.boolean(),
        exact: fc.boolean(),
        resetsAtMs: fc.integer({ min: 0, max: NOW_MS * 4 }),
      }),
    );
    fc.assert(
      fc.property(readings, fc.boolean(), (some, counts) => {
        const told = some.map((one) => standingOf(one, counts));
        expect(unpackStandings(packReadings(some, counts), LIMITS)).toEqual(told);
      }),
    );
  });

  it('keeps no word that the policy’s version has', () => {
    expect(packReadings([reading(3, 4, { exact: false })], true)).toBe(`[["l0",7,0,${NOW_MS}]]`);
    expect(packReadings([], true)).toBe('[]');
  });

  it('of limits that the policy does not have says nothing of them', () => {
    const text = packReadings([reading(1, 1), reading(2, 1, { limit: LIMITS[1]! })], true);
    expect(unpackStandings(text, [LIMITS[1]!]).map(({ id, used }) => [id, used])).toEqual([['l1', 3]]);
    expect(unpackStandings(text, [])).toEqual([]);
  });
});
