import type { Actor } from '../audit/core/chain.js';
import type { Refusal } from '../kernel/errors.js';
import { timeOrderedUuid } from '../kernel/ids.js';
import type { Batch, LaneCommand, Slice, Statement } from '../platform/lane/lane.types.js';
import { byteaArray, int8Array, textArray, uuidArray } from '../platform/postgres/binary-array.js';
import { needDecision, noSuchDecision } from './call.command.js';
import { applyChange, applyEndIfDue } from './change.js';
import type { Decision } from './core/decision.js';
import { readAt } from './core/transitions.js';
import { decisionSlice } from './decision.slice.js';

const INSERT: Statement = {
  name: 'appeal_insert',
  text: `insert into appeal (program_id, appeal_id, decision_id, at_ms, due_at_ms, note, state)
    select $1, *, 'open' from unnest($2::uuid[], $3::uuid[], $4::int8[], $5::int8[], $6::bytea[])`,
};

const CLOSE: Statement = {
  name: 'appeal_close',
  text: `update appeal set state = t.state from unnest($2::uuid[], $3::text[]) as t(decision_id, state)
    where appeal.program_id = $1 and appeal.decision_id = t.decision_id and appeal.state = 'open'`,
};

/** A person answers an appeal within three days (API.md §4). */
export const APPEAL_DUE_MS = 3 * 86_400_000;

export interface Appeal {
  appealId: string;
  decisionId: string;
  atMs: number;
  dueAtMs: number;
  /** Sealed. */
  note: Buffer;
}

/** Appeals of one batch: made, and closed by what a person decides. */
class Appeals {
  readonly made: Appeal[] = [];
  readonly closed = new Map<string, 'upheld' | 'rejected'>();
}

const appealSlice: Slice<Appeals> = {
  name: 'appeal',
  open: () => new Appeals(),
  write({ made, closed }, transaction, { programId }) {
    if (made.length === 0 && closed.size === 0) return undefined;
    return Promise.all([
      made.length > 0 &&
        transaction.query(INSERT, [
          programId,
          uuidArray(made.map((appeal) => appeal.appealId)),
          uuidArray(made.map((appeal) => appeal.decisionId)),
          int8Array(made.map((appeal) => appeal.atMs)),
          int8Array(made.map((appeal) => appeal.dueAtMs)),
          byteaArray(made.map((appeal) => appeal.note)),
        ]),
      closed.size > 0 &&
        transaction.query(CLOSE, [programId, uuidArray([...closed.keys()]), textArray([...closed.values()])]),
    ]);
  },
};

/** Said by a person's verdict on a decision: its open appeals are answered with it. */
export function closeAppeals(batch: Batch, decisionId: string, state: 'upheld' | 'rejected'): void {
  batch.use(appealSlice).closed.set(decisionId, state);
}

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
      batch.use(appealSlice).made.push(appeal);
      const appealed = { ...decision, version: decision.version + 1 };
      const change = { decision: appealed, budget: { do: 'keep' as const }, events: ['decision.appealed'] };
      return { decision: readAt(applyChange(batch, change, actor), batch.nowMs), appeal };
    },
  };
}
