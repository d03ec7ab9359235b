import type { Batch, Slice, Statement } from '../platform/lane/lane.types.js';
import { byteaArray, int8Array, textArray, uuidArray } from '../platform/postgres/binary-array.js';

const INSERT: Statement = {
  name: 'appeal_insert',
  text: `insert into appeal (program_id, appeal_id, decision_id, at_ms, due_at_ms, note, state)
    select $1, * from unnest($2::uuid[], $3::uuid[], $4::int8[], $5::int8[], $6::bytea[], $7::text[])`,
};

const CLOSE: Statement = {
  name: 'appeal_close',
  text: `update appeal set state = t.state from unnest($2::uuid[], $3::text[]) as t(decision_id, state)
    where appeal.program_id = $1 and appeal.decision_id = t.decision_id and appeal.state = 'open'`,
};

type Verdict = 'upheld' | 'rejected';

export interface Appeal {
  appealId: string;
  decisionId: string;
  atMs: number;
  dueAtMs: number;
  /** Sealed. */
  note: Buffer;
}

/** Appeals of one batch: made, and closed by what a person decides. A verdict closes what came before it, and nothing later. */
class Appeals {
  readonly made: { appeal: Appeal; state: 'open' | Verdict }[] = [];
  readonly closed = new Map<string, Verdict>();

  make(appeal: Appeal): void {
    this.made.push({ appeal, state: 'open' });
  }

  close(decisionId: string, state: Verdict): void {
    this.closed.set(decisionId, state);
    for (const one of this.made) if (one.appeal.decisionId === decisionId && one.state === 'open') one.state = state;
  }
}

export const appealSlice: Slice<Appeals> = {
  name: 'appeal',
  open: () => new Appeals(),
  write({ made, closed }, transaction, { programId }) {
    if (made.length === 0 && closed.size === 0) return undefined;
    // closed first: who objects to a verdict of the same batch has not been heard yet
    return Promise.all([
      closed.size > 0 &&
        transaction.query(CLOSE, [programId, uuidArray([...closed.keys()]), textArray([...closed.values()])]),
      made.length > 0 &&
        transaction.query(INSERT, [
          programId,
          uuidArray(made.map(({ appeal }) => appeal.appealId)),
          uuidArray(made.map(({ appeal }) => appeal.decisionId)),
          int8Array(made.map(({ appeal }) => appeal.atMs)),
          int8Array(made.map(({ appeal }) => appeal.dueAtMs)),
          byteaArray(made.map(({ appeal }) => appeal.note)),
          textArray(made.map(({ state }) => state)),
        ]),
    ]);
  },
};

/** Said by a person's verdict on a decision: its open appeals are answered with it. */
export function closeAppeals(batch: Batch, decisionId: string, state: Verdict): void {
  batch.use(appealSlice).close(decisionId, state);
}
