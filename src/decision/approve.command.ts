import { type Refusal, refuse } from '../kernel/errors.js';
import type { Actor } from '../audit/core/chain.js';
import type { Batch, LaneCommand } from '../platform/lane/lane.types.js';
import type { Policy, SubjectKind } from '../policy/core/policy.js';
import type { PolicySlice } from '../policy/policy.slice.js';
import { judge, plan } from '../velocity/core/limits.js';
import { subjectSlice } from '../velocity/subject.slice.js';
import { appealSlice, closeAppeals } from './appeal.slice.js';
import { needDecision, noSuchDecision } from './call.command.js';
import { applyChange, applyEndIfDue } from './change.js';
import { type Decision, type DecisionRequest, isoTime } from './core/decision.js';
import { type Change, readAt, transition } from './core/transitions.js';
import { decisionSlice } from './decision.slice.js';
import { movementOf } from './movement.js';

export interface ApproveInput {
  decisionId: string;
  /** What was asked, from the evidence: approving after the hold has ended holds again. */
  request: DecisionRequest;
  nameOf: (kind: SubjectKind) => string | undefined;
  actor: Actor;
}

/** An analyst approves: the hold goes on, or is held again where it had ended, which may find no room. */
export function approveCommand(policies: PolicySlice, input: ApproveInput): LaneCommand<Decision | Refusal> {
  const planFor = (policy: Policy) => {
    const movement = movementOf(input.request, policy, input.nameOf);
    return { movement, ...plan(policy.limits, movement) };
  };
  return {
    name: 'approve',
    priority: 'decision',
    needs(batch) {
      needDecision(batch, input.decisionId);
      batch.use(appealSlice).want(input.decisionId);
      const inForce = batch.use(policies).active;
      if (inForce) batch.use(subjectSlice).want(planFor(inForce.policy).reads);
    },
    step(batch) {
      const found = batch.use(decisionSlice).id(input.decisionId);
      if (!found) return noSuchDecision();
      const inForce = batch.use(policies).active;
      if (!inForce) throw new Error(`program ${batch.programId} has no active policy`);
      const decision = applyEndIfDue(batch, found);
      const by = { kind: 'analyst' as const, id: input.actor.id, at: isoTime(batch.nowMs) };
      const change = transition('approve', decision, { by, holdTtlMs: inForce.policy.holdTtlMs }, batch.nowMs);
      if ('refused' in change) return change;
      if (change.budget.do !== 'enter') return release(batch, change, input.actor);
      const { movement, enters } = planFor(inForce.policy);
      const readings = judge(inForce.policy.limits, movement, batch.use(subjectSlice), batch.nowMs);
      if (readings.some(({ breached, limit }) => breached && limit.kind === 'hard')) {
        return refuse('decision.limit', 'A limit has no room for it any more.', { decisionStatus: decision.status });
      }
      const held = { ...change, decision: { ...change.decision, keys: enters } };
      return release(batch, held, input.actor);
    },
  };
}

/** What is approved answers the appeals of its decision, too. */
function release(batch: Batch, change: Change, actor: Actor): Decision {
  const approved = applyChange(batch, change, actor);
  closeAppeals(batch, approved.decisionId, 'upheld', actor);
  return readAt(approved, batch.nowMs);
}
