import type { Policy, SubjectKind } from '../policy/core/policy.js';
import type { Movement } from '../velocity/core/limits.js';
import type { DecisionRequest } from './core/decision.js';

/** A request as limits see it: the keyed names of those subjects that the policy's limits ask for. */
export function movementOf(
  request: DecisionRequest,
  policy: Policy,
  nameOf: (kind: SubjectKind) => string | undefined,
): Movement {
  const names: Movement['names'] = {};
  for (const { subject, distinctOf } of policy.limits) {
    names[subject] ??= nameOf(subject);
    if (distinctOf) names[distinctOf] ??= nameOf(distinctOf);
  }
  return { type: request.type, direction: request.direction, points: request.points, names };
}
