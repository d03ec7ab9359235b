import type { Batch, Slice, Statement } from '../platform/lane/lane.types.js';
import { byteaArray, int8Array, textArray } from '../platform/postgres/binary-array.js';
import { type AuditEntry, type AuditRow, chainHash, GENESIS } from './core/chain.js';

const INSERT: Statement = {
  name: 'audit_insert',
  text: `insert into audit (program_id, seq, at_ms, actor_kind, actor_id, action, target, reason, network, commitment, hash)
    select $1, * from unnest($2::int8[], $3::int8[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::bytea[], $11::bytea[])`,
};

interface Head {
  seq: number;
  hash: string;
}

/** The trail of one batch: rows are chained in place, and a failed write fails the batch, so the action with it. */
export class AuditTrail {
  private readonly rows: (AuditRow & { hash: Buffer })[] = [];
  constructor(private readonly batch: Batch) {}

  append(entry: AuditEntry): void {
    const head = this.batch.head('audit') as Head | undefined;
    const row: AuditRow = {
      ...entry,
      programId: this.batch.programId,
      seq: (head?.seq ?? 0) + 1,
      atMs: this.batch.nowMs,
    };
    const hash = chainHash(head ? Buffer.from(head.hash, 'hex') : GENESIS, row);
    this.batch.setHead('audit', { seq: row.seq, hash: hash.toString('hex') } satisfies Head);
    this.rows.push({ ...row, hash });
  }

  get pending(): readonly (AuditRow & { hash: Buffer })[] {
    return this.rows;
  }
}

export const auditSlice: Slice<AuditTrail> = {
  name: 'audit',
  open: (batch) => new AuditTrail(batch),
  write(trail, transaction, batch) {
    const rows = trail.pending;
    if (rows.length === 0) return undefined;
    return transaction.query(INSERT, [
      batch.programId,
      int8Array(rows.map((row) => row.seq)),
      int8Array(rows.map((row) => row.atMs)),
      textArray(rows.map((row) => row.actor.kind)),
      textArray(rows.map((row) => row.actor.id)),
      textArray(rows.map((row) => row.action)),
      textArray(rows.map((row) => row.target)),
      textArray(rows.map((row) => row.reason ?? null)),
      textArray(rows.map((row) => row.network ?? null)),
      byteaArray(rows.map((row) => row.commitment ?? null)),
      byteaArray(rows.map((row) => row.hash)),
    ]);
  },
};
