/** A decision as clients read it. No personal field is in it. */
import { idOf } from '../../kernel/ids.js';
import { type Decision, isoTime, type LimitStanding } from './decision.js';
import { CUSTOMER_MESSAGES } from './reasons.js';

/** The answer of every call on a decision, and the data of its events. */
export function renderDecision(decision: Decision, limits: readonly LimitStanding[] = decision.limits) {
  const { hold, pointsCommitted, pointsReversed, wouldHaveBeen, approvedBy } = decision;
  const customerMessage = CUSTOMER_MESSAGES[decision.outcome];
  return {
    decisionId: idOf('dec', decision.decisionId),
    transactionId: decision.transactionId,
    accountId: decision.accountId,
    type: decision.type,
    ...(decision.direction && { direction: decision.direction }),
    points: decision.points,
    outcome: decision.outcome,
    status: decision.status,
    score: decision.score,
    policyVersion: decision.policyVersion,
    evaluatedAt: isoTime(decision.evaluatedAtMs),
    statusChangedAt: isoTime(decision.statusChangedMs),
    reasons: decision.reasons.map(({ code, message, weight, detail }) => ({
      code,
      message,
      customerMessage,
      weight,
      detail,
    })),
    limits,
    ...(hold && { hold: { expiresAt: isoTime(hold.endsAtMs), then: hold.then } }),
    ...(pointsCommitted !== null && { pointsCommitted }),
    ...(pointsReversed !== null && { pointsReversed }),
    ...(wouldHaveBeen && { wouldHaveBeen }),
    ...(approvedBy && { approvedBy }),
    ...(decision.late && { late: true }),
    degraded: decision.degraded,
  };
}
export type RenderedDecision = ReturnType<typeof renderDecision>;
