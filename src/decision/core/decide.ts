/**
 * The verdict on one transaction. Pure: the same request, findings and policy give the same verdict, in tests, in
 * backtests and years later. Invariant: a breached hard limit is always a deny, whatever else says so.
 */
import type { Outcome, Policy } from '../../policy/core/policy.js';
import type { LimitReading } from '../../velocity/core/limits.js';
import type { DecisionRequest, Reason } from './decision.js';
import { reason } from './reasons.js';

const STRENGTH: Record<Outcome, number> = { allow: 0, challenge: 1, review: 2, deny: 3 };

/** How much a reason weighs by what it asks for; a soft limit with `score` brings its own weight. */
const WEIGHT: Record<Exclude<Outcome, 'allow'>, number> = { challenge: 60, review: 75, deny: 100 };

export interface Findings {
  /** Every limit that applies, as it stands before this transaction. */
  readings: readonly LimitReading[];
  /** Holds of the account that time would give back. */
  openHolds: number;
  /** What a hold of this transaction would do at its end. */
  onHoldEnd: 'commit' | 'release';
  /** An outcome that a test asked for: it replaces what was found, but never passes a hard limit. */
  forced?: Outcome;
}

export interface Verdict {
  outcome: Outcome;
  /** 0 … 100. */
  score: number;
  /** Heaviest first. */
  reasons: Reason[];
  /** In observe mode: what the outcome would have been. */
  wouldHaveBeen: Outcome | null;
  /** Whether it counts in the windows: what is denied, or would be, counts nowhere. */
  counts: boolean;
}

const stronger = (a: Outcome, b: Outcome): Outcome => (STRENGTH[a] >= STRENGTH[b] ? a : b);

export function decide(request: DecisionRequest, findings: Findings, policy: Policy): Verdict {
  const reasons = findings.readings.filter((reading) => reading.breached).map(breachReason);
  const score = Math.min(
    100,
    findings.readings.reduce((sum, { breached, limit }) => sum + (breached ? (limit.weight ?? 0) : 0), 0),
  );
  let outcome = findings.readings.reduce<Outcome>(
    (found, reading) => stronger(found, outcomeOf(reading)),
    bandOf(score, policy),
  );
  const passesHardLimit = findings.readings.some(({ breached, limit }) => breached && limit.kind === 'hard');
  if (findings.forced && !passesHardLimit) {
    outcome = findings.forced;
    reasons.push(reason('test.outcome', 0));
  }
  const accepted = accept(outcome, request, findings, policy);
  reasons.push(...accepted.reasons);
  reasons.sort((a, b) => b.weight - a.weight);
  const found = accepted.outcome;
  if (policy.mode === 'observe') {
    return { outcome: 'allow', score, reasons, wouldHaveBeen: found, counts: found !== 'deny' };
  }
  return { outcome: found, score, reasons, wouldHaveBeen: null, counts: found !== 'deny' };
}

const outcomeOf = ({ breached, limit }: LimitReading): Outcome => {
  if (!breached) return 'allow';
  if (limit.kind === 'hard') return 'deny';
  return limit.onBreach === 'challenge' || limit.onBreach === 'review' ? limit.onBreach : 'allow';
};

function bandOf(score: number, { scoreBands }: Policy): Outcome {
  if (score >= scoreBands.deny) return 'deny';
  if (score >= scoreBands.review) return 'review';
  return score >= scoreBands.challenge ? 'challenge' : 'allow';
}

function breachReason(reading: LimitReading): Reason {
  const { limit, used, add } = reading;
  const outcome = outcomeOf(reading);
  return {
    code: `limit.${limit.id}`,
    message: limit.reason,
    weight: outcome === 'allow' ? (limit.weight ?? 0) : WEIGHT[outcome],
    detail: { subject: limit.subject, metric: limit.metric, window: limit.window, cap: limit.cap, used, add },
  };
}

/** Turns what the caller or the member cannot do into what the policy says instead. */
function accept(
  outcome: Outcome,
  request: DecisionRequest,
  findings: Findings,
  policy: Policy,
): { outcome: Outcome; reasons: Reason[] } {
  const accepts = request.accepts ?? ['challenge', 'review'];
  const reasons: Reason[] = [];
  let found = outcome;
  if (found === 'challenge') {
    // members have no factor yet that a challenge could ask for
    found = policy.challengeImpossible;
    reasons.push(reason('step_up.unavailable', WEIGHT.challenge));
  }
  if (found === 'review' && !accepts.includes('review')) {
    found = 'deny';
    reasons.push(reason('review.not_accepted', WEIGHT.review));
  }
  const givenBackByTime = found === 'review' || (found === 'allow' && findings.onHoldEnd === 'release');
  if (givenBackByTime && findings.openHolds >= policy.maxOpenHolds) {
    found = 'deny';
    reasons.push(reason('holds.too_many', WEIGHT.deny, { open: findings.openHolds, most: policy.maxOpenHolds }));
  }
  return { outcome: found, reasons };
}
