import type { Actor } from '../audit/core/chain.js';
import { auditSlice } from '../audit/audit.slice.js';
import { idOf } from '../kernel/ids.js';
import type { Batch, LaneTransaction, Slice, Statement } from '../platform/lane/lane.types.js';
import { byteaArray, int8Array, textArray, uuidArray } from '../platform/postgres/binary-array.js';

const SELECT: Statement = {
  name: 'appeal_open_select',
  text: `select distinct decision_id from appeal
    where program_id = $1 and decision_id = any($2::uuid[]) and state = 'open'`,
};

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
  private readonly wanted = new Set<string>();
  /** By decision: whether one is open. */
  private readonly open = new Map<string, boolean>();

  want(decisionId: string): void {
    if (!this.open.has(decisionId)) this.wanted.add(decisionId);
  }

  async load(transaction: LaneTransaction, programId: number): Promise<void> {
    const wanted = [...this.wanted];
    this.wanted.clear();
    for (const decisionId of wanted) this.open.set(decisionId, false);
    const rows = await transaction.query(SELECT, [programId, uuidArray(wanted)]);
    for (const row of rows) this.open.set(row.decision_id ?? '', true);
  }

  get isWaiting(): boolean {
    return this.wanted.size > 0;
  }

  make(appeal: Appeal): void {
    this.made.push({ appeal, state: 'open' });
    this.open.set(appeal.decisionId, true);
  }

  /** @returns whether there was an open one */
  close(decisionId: string, state: Verdict): boolean {
    if (!this.open.get(decisionId)) return false;
    this.open.set(decisionId, false);
    this.closed.set(decisionId, state);
    for (const one of this.made) if (one.appeal.decisionId === decisionId && one.state === 'open') one.state = state;
    return true;
  }
}

export const appealSlice: Slice<Appeals> = {
  name: 'appeal',
  open: () => new Appeals(),
  load: (appeals, transaction, { programId }) => (appeals.isWaiting ? appeals.load(transaction, programId) : undefined),
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

/**
 * A person's verdict on a decision answers its open appeals, under that person's name. The command's `needs` wants them.
 * @returns whether there was one
 */
export function closeAppeals(batch: Batch, decisionId: string, state: Verdict, actor: Actor): boolean {
  if (!batch.use(appealSlice).close(decisionId, state)) return false;
  batch.use(auditSlice).append({ actor, action: `appeal.${state}`, target: idOf('dec', decisionId) });
  return true;
}
