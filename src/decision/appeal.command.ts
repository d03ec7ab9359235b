import type { Actor } from '../audit/core/chain.js';
import type { Refusal } from '../kernel/errors.js';
import { timeOrderedUuid } from '../kernel/ids.js';
import type { LaneCommand } from '../platform/lane/lane.types.js';
import { type Appeal, appealSlice } from './appeal.slice.js';
import { needDecision, noSuchDecision } from './call.command.js';
import { applyChange, applyEndIfDue } from './change.js';
import type { Decision } from './core/decision.js';
import { readAt } from './core/transitions.js';
import { decisionSlice } from './decision.slice.js';

/** A person answers an appeal within three days. */
const APPEAL_DUE_MS = 3 * 86_400_000;

/** The member objects: nothing of the decision changes, but people are told, and somebody must look. */
export function appealCommand(
  decisionId: string,
  note: Buffer,
  actor: Actor,
): LaneCommand<{ decision: Decision; appeal: Appeal } | Refusal> {
  return {
    name: 'appeal',
    priority: 'background',
    needs: (batch) => needDecision(batch, decisionId),
    step(batch) {
      const found = batch.use(decisionSlice).id(decisionId);
      if (!found) return noSuchDecision();
      const decision = applyEndIfDue(batch, found);
      const appeal: Appeal = {
        appealId: timeOrderedUuid(batch.nowMs),
        decisionId,
        atMs: batch.nowMs,
        dueAtMs: batch.nowMs + APPEAL_DUE_MS,
        note,
      };
      batch.use(appealSlice).make(appeal);
      const appealed = { ...decision, version: decision.version + 1 };
      const change = { decision: appealed, budget: { do: 'keep' as const }, events: ['decision.appealed'] };
      return { decision: readAt(applyChange(batch, change, actor), batch.nowMs), appeal };
    },
  };
}
