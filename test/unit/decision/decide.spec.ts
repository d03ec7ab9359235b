import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide, type Findings } from '../../../src/decision/core/decide.js';
import { type DecisionRequest, OUTCOMES } from '../../../src/decision/core/decision.js';
import { CUSTOMER_MESSAGES } from '../../../src/decision/core/reasons.js';
import { renderDecision } from '../../../src/decision/core/render.js';
import type { Limit, Policy } from '../../../src/policy/core/policy.js';
import { parsePolicy } from '../../../src/policy/core/policy.schema.js';
import type { LimitReading } from '../../../src/velocity/core/limits.js';
import { decisionWith } from './decisions.js';

const REQUEST: DecisionRequest = { transactionId: 't-1', accountId: 'a-1', type: 'burn', points: 100 };

const DEFAULTS = parsePolicy('{"version": 1}');
function policyWith(more: Partial<Policy> = {}): Policy {
  if (!('policy' in DEFAULTS)) throw new Error('the empty policy cannot be read');
  return { ...DEFAULTS.policy, ...more };
}

function reading(id: string, breached: boolean, more: Partial<Limit> = { kind: 'hard' }): LimitReading {
  const limit: Limit = {
    id,
    subject: 'account',
    types: ['burn'],
    metric: 'count',
    window: 'PT1H',
    windowMs: 3_600_000,
    cap: 5,
    kind: 'soft',
    refundable: false,
    reason: `because of ${id}`,
    ...more,
  };
  return { limit, used: breached ? 5 : 1, add: 1, breached, exact: true, resetsAtMs: 0 };
}
const hard = (breached: boolean) => reading('hard', breached, { kind: 'hard' });
const soft = (onBreach: 'challenge' | 'review' | 'score', weight?: number) =>
  reading(`soft-${onBreach}-${weight ?? ''}`, true, { kind: 'soft', onBreach, weight });

const judge = (findings: Partial<Findings>, policy: Partial<Policy> = {}, request: Partial<DecisionRequest> = {}) =>
  decide(
    { ...REQUEST, ...request },
    { readings: [], lists: [], fired: [], degraded: [], openHolds: 0, onHoldEnd: 'commit', ...findings },
    policyWith(policy),
  );
const codes = (verdict: ReturnType<typeof decide>) => verdict.reasons.map(({ code }) => code);

describe('the strongest finding wins', () => {
  it.each([
    ['nothing', [], 'allow'],
    ['limits with room', [hard(false), reading('other', false, { kind: 'soft', onBreach: 'review' })], 'allow'],
    ['a soft limit that asks for a review', [soft('review')], 'review'],
    ['a review beside a small score', [soft('score', 10), soft('review')], 'review'],
    ['a hard limit beside a review', [soft('review'), hard(true)], 'deny'],
  ])('%s → %#', (_, readings, outcome) => {
    expect(judge({ readings }).outcome).toBe(outcome);
  });

  it.each([
    [[59], 'allow', 59],
    [[60], 'review', 60], // a challenge, which nobody can answer yet
    [[30, 44], 'review', 74],
    [[75], 'review', 75],
    [[89], 'review', 89],
    [[40, 50], 'deny', 90],
    [[90, 90], 'deny', 100],
  ])('scores %j add up to %s', (weights, outcome, score) => {
    const verdict = judge({ readings: weights.map((weight) => soft('score', weight)) });
    expect(verdict).toMatchObject({ outcome, score });
  });

  it('names reasons heaviest first, with what the analyst needs', () => {
    const verdict = judge({ readings: [soft('score', 10), soft('review'), hard(true)] });
    expect(codes(verdict)).toEqual(['limit.hard', 'limit.soft-review-', 'limit.soft-score-10']);
    expect(verdict.reasons[0]).toEqual({
      code: 'limit.hard',
      message: 'because of hard',
      weight: 100,
      detail: { subject: 'account', metric: 'count', window: 'PT1H', cap: 5, used: 5, add: 1 },
    });
  });
});

describe('what cannot be shown', () => {
  const challenge = { readings: [soft('challenge')] };
  it.each([
    ['review', undefined, 'review', ['limit.soft-challenge-', 'step_up.unavailable']],
    ['review', ['challenge', 'review'], 'review', ['limit.soft-challenge-', 'step_up.unavailable']],
    ['review', ['review'], 'review', ['limit.soft-challenge-', 'step_up.unavailable']],
    ['review', ['challenge'], 'deny', ['review.not_accepted', 'limit.soft-challenge-', 'step_up.unavailable']],
    ['review', [], 'deny', ['review.not_accepted', 'limit.soft-challenge-', 'step_up.unavailable']],
    ['deny', undefined, 'deny', ['limit.soft-challenge-', 'step_up.unavailable']],
    ['deny', ['review'], 'deny', ['limit.soft-challenge-', 'step_up.unavailable']],
  ] as const)('a challenge, impossible: %s, accepted: %j → %s', (challengeImpossible, accepts, outcome, reasons) => {
    const verdict = judge(challenge, { challengeImpossible }, { accepts: accepts && [...accepts] });
    expect(verdict.outcome).toBe(outcome);
    expect(codes(verdict)).toEqual(reasons);
    expect(verdict.counts).toBe(outcome !== 'deny');
  });

  it('a review that is not accepted is a deny, an allow is not touched', () => {
    expect(judge({ readings: [soft('review')] }, {}, { accepts: ['challenge'] }).outcome).toBe('deny');
    expect(judge({}, {}, { accepts: [] }).outcome).toBe('allow');
  });
});

describe('open holds', () => {
  it.each([
    ['allow that time commits', {}, 10, 'allow'],
    ['allow that time gives back, room for one', { onHoldEnd: 'release' }, 9, 'allow'],
    ['allow that time gives back, no room', { onHoldEnd: 'release' }, 10, 'deny'],
    ['review, room for one', { readings: [soft('review')] }, 9, 'review'],
    ['review, no room', { readings: [soft('review')] }, 10, 'deny'],
    ['review, far too many', { readings: [soft('review')] }, 11, 'deny'],
  ] as const)('%s → %#', (_, findings, openHolds, outcome) => {
    const verdict = judge({ ...findings, openHolds });
    expect(verdict.outcome).toBe(outcome);
    expect(codes(verdict).includes('holds.too_many')).toBe(outcome === 'deny');
  });
});

describe('an outcome that a test asks for', () => {
  it.each(OUTCOMES)('%s replaces what was found', (forced) => {
    const verdict = judge({ forced, readings: [soft('review')] });
    expect(verdict.outcome).toBe(forced === 'challenge' ? 'review' : forced);
    expect(codes(verdict)).toContain('test.outcome');
  });

  it.each(OUTCOMES)('%s never passes a hard limit', (forced) => {
    const verdict = judge({ forced, readings: [hard(true)] });
    expect(verdict).toMatchObject({ outcome: 'deny', counts: false });
    expect(codes(verdict)).not.toContain('test.outcome');
  });

  it('follows the same ways as any other', () => {
    expect(judge({ forced: 'review' }, {}, { accepts: [] }).outcome).toBe('deny');
    expect(judge({ forced: 'review', openHolds: 10 }).outcome).toBe('deny');
    expect(judge({ forced: 'challenge' }, { challengeImpossible: 'deny' }).outcome).toBe('deny');
  });
});

describe('observe mode', () => {
  const observe: Partial<Policy> = { mode: 'observe' };
  it.each([
    [[], 'allow', true],
    [[soft('review')], 'review', true],
    [[soft('challenge')], 'review', true],
    [[hard(true)], 'deny', false],
  ])('answers allow and says what it found: %#', (readings, wouldHaveBeen, counts) => {
    expect(judge({ readings }, observe)).toMatchObject({ outcome: 'allow', wouldHaveBeen, counts });
  });
});

it('whatever was found: a breached hard limit is a deny, a deny counts nowhere, the score is 0 to 100', () => {
  const readings = fc.array(
    fc.record({
      breached: fc.boolean(),
      limit: fc.oneof(
        fc.constant({ kind: 'hard' as const }),
        fc
          .constantFrom('challenge' as const, 'review' as const)
          .map((onBreach) => ({ kind: 'soft' as const, onBreach })),
        fc
          .integer({ min: 1, max: 100 })
          .map((weight) => ({ kind: 'soft' as const, onBreach: 'score' as const, weight })),
      ),
    }),
    { maxLength: 8 },
  );
  fc.assert(
    fc.property(
      readings,
      fc.constantFrom(undefined, ...OUTCOMES),
      fc.constantFrom('enforce' as const, 'observe' as const),
      fc.subarray(['challenge', 'review'] as ('challenge' | 'review')[]),
      fc.nat(20),
      (found, forced, mode, accepts, openHolds) => {
        const all = found.map(({ breached, limit }, index) => reading(`l-${index}`, breached, limit));
        const verdict = judge({ readings: all, forced, openHolds }, { mode }, { accepts });
        const effective = verdict.wouldHaveBeen ?? verdict.outcome;
        const hardBreached = all.some(({ breached, limit }) => breached && limit.kind === 'hard');
        expect(!hardBreached || effective === 'deny').toBe(true);
        expect(verdict.counts).toBe(effective !== 'deny');
        expect(effective).not.toBe('challenge');
        expect(mode === 'enforce' || verdict.outcome === 'allow').toBe(true);
        expect(verdict.score).toBeGreaterThanOrEqual(0);
        expect(verdict.score).toBeLessThanOrEqual(100);
        expect(verdict.reasons.map(({ weight }) => weight)).toEqual(
          verdict.reasons.map(({ weight }) => weight).toSorted((a, b) => b - a),
        );
        expect(effective !== 'review' || accepts.includes('review')).toBe(true);
        expect(effective === 'allow' || verdict.reasons.length > 0).toBe(true);
      },
    ),
    { numRuns: 500 },
  );
});

describe('what the member reads', () => {
  it('is in three languages and depends on the outcome alone', () => {
    for (const outcome of OUTCOMES) {
      const [first, second] = [hard(true), soft('score', 10)].map(
        (finding) =>
          renderDecision(decisionWith({ outcome, reasons: judge({ readings: [finding] }).reasons })).reasons[0],
      );
      expect(first?.customerMessage).toEqual(second?.customerMessage);
      expect(Object.keys(CUSTOMER_MESSAGES[outcome]).sort()).toEqual(['de', 'en', 'fr']);
      expect(new Set(Object.values(CUSTOMER_MESSAGES[outcome])).size).toBe(3);
    }
  });

  it('names no limit, number or signal', () => {
    const texts = Object.values(CUSTOMER_MESSAGES).flatMap((byLanguage) => Object.values(byLanguage));
    for (const text of texts) expect(text).not.toMatch(/\d|limit|Limit|score|device|fraud|betrug|fraude/i);
  });
});
