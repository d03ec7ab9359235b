import { type Refusal, refuse } from '../kernel/errors.js';
import type { Actor } from '../audit/core/chain.js';
import { auditSlice } from '../audit/audit.slice.js';
import type { Batch, LaneCommand } from '../platform/lane/lane.types.js';
import { subjectSlice } from '../velocity/subject.slice.js';
import { appealSlice, closeAppeals } from './appeal.slice.js';
import { applyChange, applyEndIfDue } from './change.js';
import type { Decision } from './core/decision.js';
import { type Calls, readAt, transition } from './core/transitions.js';
import { isTombstone } from './decision.columns.js';
import { decisionSlice } from './decision.slice.js';

export const noSuchDecision = (): Refusal => refuse('decision.not_found', 'There is no such decision.');

/** Loads a decision by its uuid, with the subjects that it stands in. */
export function needDecision(batch: Batch, decisionId: string): void {
  const decisions = batch.use(decisionSlice);
  decisions.wantId(decisionId);
  batch.use(subjectSlice).want(decisions.id(decisionId)?.keys ?? []);
}

/** Commit, cancel, reverse or refuse a decision by its uuid. Answers the decision as it reads afterwards. */
export function callCommand<C extends 'commit' | 'cancel' | 'reverse' | 'refuse'>(
  name: C,
  decisionId: string,
  call: Calls[C],
  actor: Actor,
): LaneCommand<Decision | Refusal> {
  return {
    name,
    priority: 'decision',
    needs(batch) {
      needDecision(batch, decisionId);
      if (name === 'refuse') batch.use(appealSlice).want(decisionId);
    },
    step(batch) {
      const found = batch.use(decisionSlice).id(decisionId);
      return found ? callOn(batch, name, found, call, actor) : noSuchDecision();
    },
  };
}

function callOn<C extends 'commit' | 'cancel' | 'reverse' | 'refuse'>(
  batch: Batch,
  name: C,
  found: Decision,
  call: Calls[C],
  actor: Actor,
): Decision | Refusal {
  const decision = applyEndIfDue(batch, found);
  const change = transition(name, decision, call, batch.nowMs);
  const changed = 'refused' in change ? change : applyChange(batch, change, actor);
  // an appeal is answered whatever its decision has become: where there is nothing to refuse, it is all that is refused
  const answers = name === 'refuse' && closeAppeals(batch, decision.decisionId, 'rejected', actor);
  if ('refused' in changed) return answers ? readAt(decision, batch.nowMs) : changed;
  return readAt(changed, batch.nowMs);
}

/** Gives back a hold whose end is due: the sweep's command. Answers whether there was one. */
export function expireCommand(decisionId: string): LaneCommand<boolean> {
  return {
    name: 'expire',
    priority: 'background',
    needs: (batch) => needDecision(batch, decisionId),
    step(batch) {
      const found = batch.use(decisionSlice).id(decisionId);
      return found !== undefined && applyEndIfDue(batch, found) !== found;
    },
  };
}

/** What a cancelled transaction answers where its original was not seen. */
export interface CancelledUnseen {
  transactionId: string;
  status: 'cancelled';
}

/** Cancels by the caller's own id, seen or not: an original that comes later is told so and counts nowhere. */
export function cancelTransactionCommand(
  transactionId: string,
  actor: Actor,
): LaneCommand<Decision | CancelledUnseen | Refusal> {
  return {
    name: 'cancel_transaction',
    priority: 'decision',
    needs(batch) {
      const decisions = batch.use(decisionSlice);
      decisions.wantTransaction(transactionId);
      const found = decisions.transaction(transactionId);
      if (found && !isTombstone(found)) batch.use(subjectSlice).want(found.keys);
    },
    step(batch) {
      const found = batch.use(decisionSlice).transaction(transactionId);
      if (found && !isTombstone(found)) return callOn(batch, 'cancel', found, {}, actor);
      if (!found) bury(batch, transactionId, actor);
      return { transactionId, status: 'cancelled' };
    },
  };
}

function bury(batch: Batch, transactionId: string, actor: Actor): void {
  batch.began = true;
  batch.use(decisionSlice).put({ transactionId, cancelledAtMs: batch.nowMs });
  batch.use(auditSlice).append({ actor, action: 'transaction.cancelled', target: transactionId });
}
