/** Carries a change of a decision into the batch: its budget, its row, what is said of it, the trail. */
import type { Actor } from '../audit/core/chain.js';
import { auditSlice } from '../audit/audit.slice.js';
import { eventSlice } from '../events/event.slice.js';
import type { Batch } from '../platform/lane/lane.types.js';
import { amend, enterAgain, release } from '../velocity/core/limits.js';
import { subjectSlice } from '../velocity/subject.slice.js';
import type { Decision } from './core/decision.js';
import { renderDecision } from './core/render.js';
import { type Change, endDue } from './core/transitions.js';
import { decisionIdOf } from './decision.columns.js';
import { decisionSlice } from './decision.slice.js';

export const TIME: Actor = { kind: 'system', id: 'time' };

/** @returns the decision as it is after the change */
export function applyChange(batch: Batch, change: Change, actor: Actor): Decision {
  const { decision, events, reason } = change;
  const [first] = events;
  if (first === undefined) return decision;
  const seq = batch.nextSeq();
  const changed = { ...decision, entry: settleBudget(batch, change, seq) };
  batch.use(decisionSlice).put(changed);
  const aggregateId = decisionIdOf(changed);
  const data = JSON.stringify(renderDecision(changed));
  for (const [index, type] of events.entries()) {
    const number = index === 0 ? seq : batch.nextSeq();
    batch.use(eventSlice).emit({ type, aggregateId, version: changed.version, data }, number);
    batch.use(auditSlice).append({ actor, action: type, target: aggregateId, reason });
  }
  return changed;
}

/** What the change does to the windows. @returns how the decision counts from now on */
function settleBudget(batch: Batch, { decision, budget }: Change, seq: number): Decision['entry'] {
  const subjects = batch.use(subjectSlice);
  const { entry, keys } = decision;
  if (budget.do === 'keep') return entry;
  subjects.touch(keys);
  if (budget.do === 'enter') {
    const entered = { seq, atMs: batch.nowMs, points: budget.points, marked: false };
    enterAgain(keys, entered, subjects);
    return entered;
  }
  if (!entry) return null;
  if (budget.do === 'release') {
    release(keys, entry, subjects);
    return null;
  }
  amend(keys, entry, budget.points, budget.marked, subjects);
  return { ...entry, points: budget.points, marked: budget.marked };
}

/** A hold whose end is due has ended, as of its end, before anything else happens to its decision. */
export function applyEndIfDue(batch: Batch, decision: Decision): Decision {
  const end = endDue(decision, batch.nowMs);
  return end ? applyChange(batch, end, TIME) : decision;
}
