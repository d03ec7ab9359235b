import { auditSlice } from '../audit/audit.slice.js';
import type { Actor } from '../audit/core/chain.js';
import { type Refusal, refuse } from '../kernel/errors.js';
import { timeOrderedUuid } from '../kernel/ids.js';
import type { Batch, LaneCommand, Slice, Statement } from '../platform/lane/lane.types.js';
import { byteaArray, int8Array, textArray, uuidArray } from '../platform/postgres/binary-array.js';

const INSERT: Statement = {
  name: 'label_insert',
  text: `insert into label (program_id, label_id, decision_id, event_id, account_key, account_id, label, source,
      labelled_at_ms, recorded_at_ms, note)
    select $1, * from unnest($2::uuid[], $3::uuid[], $4::text[], $5::bytea[], $6::text[], $7::text[], $8::text[],
      $9::int8[], $10::int8[], $11::bytea[])`,
};

/** What something turned out to be: of one decision, ledger event or account. */
export interface Label {
  labelId: string;
  decisionId: string | null;
  eventId: string | null;
  accountKey: string | null;
  accountId: string | null;
  label: 'fraud' | 'legitimate';
  source: string;
  labelledAtMs: number;
  recordedAtMs: number;
  note: Buffer | null;
}

const labelSlice: Slice<Label[]> = {
  name: 'label',
  open: () => [],
  write(labels, transaction, { programId }) {
    if (labels.length === 0) return undefined;
    return transaction.query(INSERT, [
      programId,
      uuidArray(labels.map((label) => label.labelId)),
      uuidArray(labels.map((label) => label.decisionId)),
      textArray(labels.map((label) => label.eventId)),
      byteaArray(labels.map(({ accountKey }) => (accountKey === null ? null : Buffer.from(accountKey, 'hex')))),
      textArray(labels.map((label) => label.accountId)),
      textArray(labels.map((label) => label.label)),
      textArray(labels.map((label) => label.source)),
      int8Array(labels.map((label) => label.labelledAtMs)),
      int8Array(labels.map((label) => label.recordedAtMs)),
      byteaArray(labels.map((label) => label.note)),
    ]);
  },
};

/** Clocks of other systems run a little ahead. */
const MOST_AHEAD_MS = 5 * 60_000;

export type LabelInput = Omit<Label, 'labelId' | 'labelledAtMs' | 'recordedAtMs'> & { labelledAtMs?: number };

/** Stores a label. Its time may lie in the past, which is when it counts from, but not ahead of the program's clock. */
export function labelCommand(input: LabelInput, target: string, actor: Actor): LaneCommand<Label | Refusal> {
  return {
    name: 'label',
    priority: 'background',
    needs: () => {},
    step(batch: Batch) {
      const saidMs = input.labelledAtMs ?? batch.nowMs;
      if (saidMs > batch.nowMs + MOST_AHEAD_MS) {
        const errors = [{ pointer: '/labelledAt', message: 'is in the future' }];
        return refuse('request.invalid', 'labelledAt is in the future.', { errors });
      }
      const labelledAtMs = Math.min(saidMs, batch.nowMs);
      const label = { ...input, labelId: timeOrderedUuid(batch.nowMs), labelledAtMs, recordedAtMs: batch.nowMs };
      batch.use(labelSlice).push(label);
      batch.use(auditSlice).append({ actor, action: `label.${label.label}`, target });
      return label;
    },
  };
}
