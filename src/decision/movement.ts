import type { Policy, SubjectKind } from '../policy/core/policy.js';
import type { Movement } from '../velocity/core/limits.js';
import type { DecisionRequest } from './core/decision.js';

const kindsOf = new WeakMap<Policy, readonly SubjectKind[]>();

/** The subjects that a policy's limits ask for. */
function subjectKinds(policy: Policy): readonly SubjectKind[] {
  let kinds = kindsOf.get(policy);
  if (!kinds) {
    kinds = [
      ...new Set(policy.limits.flatMap(({ subject, distinctOf }) => (distinctOf ? [subject, distinctOf] : [subject]))),
    ];
    kindsOf.set(policy, kinds);
  }
  return kinds;
}

/** A request as limits see it: the keyed names of those subjects that the policy's limits ask for. */
export function movementOf(
  request: DecisionRequest,
  policy: Policy,
  nameOf: (kind: SubjectKind) => string | undefined,
): Movement {
  const names: Movement['names'] = {};
  for (const kind of subjectKinds(policy)) names[kind] = nameOf(kind);
  return { type: request.type, direction: request.direction, points: request.points, names };
}
