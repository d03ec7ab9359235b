/**
 * The verdict on one transaction. Pure: the same request, findings and policy give the same verdict, in tests, in
 * backtests and years later. Invariant: a breached hard limit is always a deny, whatever else says so.
 */
import type { ListMatch } from '../../lists/core/list-index.js';
import type { DegradableSignal, Outcome, Policy } from '../../policy/core/policy.js';
import type { FiredRule } from '../../policy/core/rules.js';
import type { LimitReading } from '../../velocity/core/limits.js';
import type { DecisionRequest, Reason } from './decision.js';
import { reason } from './reasons.js';

const STRENGTH: Record<Outcome, number> = { allow: 0, challenge: 1, review: 2, deny: 3 };

/** How much a reason weighs by what it asks for; a soft limit with `score` brings its own weight. */
const WEIGHT: Record<Exclude<Outcome, 'allow'>, number> = { challenge: 60, review: 75, deny: 100 };

export interface Findings {
  /** Every limit that applies, as it stands before this transaction. */
  readings: readonly LimitReading[];
  /** List entries that name a subject of the request. */
  lists: readonly ListMatch[];
  /** Rules whose condition holds. */
  fired: readonly FiredRule[];
  /** Signals that could not be read in time. */
  degraded: readonly DegradableSignal[];
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
  const breaches = findings.readings.filter((reading) => reading.breached);
  const score = scoreOf(breaches, findings.fired);
  const reasons = [
    ...breaches.map(breachReason),
    ...findings.fired.map(ruleReason),
    ...findings.lists.map(listReason),
    ...findings.degraded.map((signal) => degradedReason(signal, degradedOutcome(signal, request, policy))),
    ...(findings.forced && !breaches.some(isHard) ? [reason('test.outcome', 0)] : []),
  ];
  const accepted = accept(outcomeBefore(request, breaches, findings, score, policy), request, findings, policy);
  reasons.push(...accepted.reasons);
  reasons.sort((a, b) => b.weight - a.weight);
  const found = accepted.outcome;
  const counts = found !== 'deny';
  return policy.mode === 'observe'
    ? { outcome: 'allow', score, reasons, wouldHaveBeen: found, counts }
    : { outcome: found, score, reasons, wouldHaveBeen: null, counts };
}

/**
 * What was found, before what the caller accepts: a hard limit beats a test's wish, a block beats an allow, and an allow
 * beats all that is soft.
 */
function outcomeBefore(
  request: DecisionRequest,
  breaches: readonly LimitReading[],
  findings: Findings,
  score: number,
  policy: Policy,
): Outcome {
  if (breaches.some(isHard)) return 'deny';
  if (findings.forced) return findings.forced;
  const stands = (name: ListMatch['list']) => findings.lists.some(({ list }) => list === name);
  if (stands('block')) return 'deny';
  if (stands('allow')) return 'allow';
  const degraded = findings.degraded.map((signal) => degradedOutcome(signal, request, policy));
  return [...breaches.map(outcomeOf), ...findings.fired.map(outcomeOfRule), ...degraded].reduce(
    stronger,
    bandOf(score, policy),
  );
}

function scoreOf(breaches: readonly LimitReading[], fired: readonly FiredRule[]): number {
  const weights = [...breaches.map(({ limit }) => limit.weight ?? 0), ...fired.map(({ rule }) => rule.weight ?? 0)];
  return Math.min(
    100,
    weights.reduce((sum, weight) => sum + weight, 0),
  );
}

/** What the policy makes of a signal that is missing. `unavailable` never gets here: nothing is decided then. */
function degradedOutcome(signal: DegradableSignal, { type }: DecisionRequest, policy: Policy): Outcome {
  const end = policy.degraded[signal][type];
  return end === 'ignore' || end === 'unavailable' ? 'allow' : end;
}

const degradedReason = (signal: DegradableSignal, outcome: Outcome): Reason =>
  reason('signal.degraded', outcome === 'allow' ? 0 : WEIGHT[outcome], { signal });

/** Whether the policy wants no decision at all without one of the signals that are missing. */
export const isUnavailable = (request: DecisionRequest, { degraded }: Findings, policy: Policy): boolean =>
  degraded.some((signal) => policy.degraded[signal][request.type] === 'unavailable');

const isHard = ({ limit }: LimitReading): boolean => limit.kind === 'hard';

const outcomeOfRule = ({ rule }: FiredRule): Outcome => (rule.outcome === 'score' ? 'allow' : rule.outcome);

const ruleReason = ({ rule, facts }: FiredRule): Reason => ({
  code: `rule.${rule.id}`,
  message: rule.reason,
  weight: rule.outcome === 'score' ? (rule.weight ?? 0) : WEIGHT[rule.outcome],
  detail: facts,
});

/** A watched subject is evidence: it weighs a little, and asks for nothing by itself. */
const LIST_WEIGHT: Record<ListMatch['list'], number> = { block: 100, watch: 10, allow: 0 };

const listReason = ({ list, subject, entryId, reason: why }: ListMatch): Reason => ({
  code: `list.${list}`,
  message: why,
  weight: LIST_WEIGHT[list],
  detail: { subject, entryId },
});

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
