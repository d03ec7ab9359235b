import { timeOrderedUuid } from '../kernel/ids.js';
import type { Batch, Slice, Statement } from '../platform/lane/lane.types.js';
import { int4Array, int8Array, textArray, uuidArray } from '../platform/postgres/binary-array.js';

const INSERT: Statement = {
  name: 'event_insert',
  text: `insert into event (program_id, seq, event_id, type, aggregate_id, version, at_ms, data)
    select $1, * from unnest($2::int8[], $3::uuid[], $4::text[], $5::text[], $6::int4[], $7::int8[], $8::text[])`,
};

/** What happened to one aggregate: `version` rises with each event of it, `data` is JSON without personal fields. */
export interface NewEvent {
  type: string;
  aggregateId: string;
  version: number;
  data: string;
}

/** The events of one batch, numbered under the lane's lock. */
export class EventJournal {
  private readonly rows: (NewEvent & { seq: number; eventId: string; atMs: number })[] = [];
  constructor(private readonly batch: Batch) {}

  /** Takes the next number of the program. */
  emit(event: NewEvent, seq = this.batch.nextSeq()): void {
    this.rows.push({ ...event, seq, eventId: timeOrderedUuid(this.batch.recordNowMs), atMs: this.batch.nowMs });
  }

  get pending(): readonly (NewEvent & { seq: number; eventId: string; atMs: number })[] {
    return this.rows;
  }
}

export const eventSlice: Slice<EventJournal> = {
  name: 'event',
  open: (batch) => new EventJournal(batch),
  write(journal, transaction, batch) {
    const rows = journal.pending;
    if (rows.length === 0) return undefined;
    return transaction.query(INSERT, [
      batch.programId,
      int8Array(rows.map((row) => row.seq)),
      uuidArray(rows.map((row) => row.eventId)),
      textArray(rows.map((row) => row.type)),
      textArray(rows.map((row) => row.aggregateId)),
      int4Array(rows.map((row) => row.version)),
      int8Array(rows.map((row) => row.atMs)),
      textArray(rows.map((row) => row.data)),
    ]);
  },
};
