import type { Batch, LaneTransaction, Row, Slice, Statement } from '../platform/lane/lane.types.js';
import { byteaArray, byteaOf } from '../platform/postgres/binary-array.js';
import { type DistinctState, emptyDistinct, packDistinct, unpackDistinct } from './core/distinct.js';
import type { Rows } from './core/limits.js';
import { isDistinctKey, rowKeyOf } from './core/subject-key.js';
import { emptyWindow, packWindow, unpackWindow, type WindowState } from './core/window.js';

const SELECT: Statement = {
  name: 'subject_select',
  text: 'select key, state from subject where program_id = $1 and key = any($2::bytea[])',
};
const UPSERT: Statement = {
  name: 'subject_upsert',
  text: `insert into subject (program_id, key, state) select $1, * from unnest($2::bytea[], $3::bytea[])
    on conflict (program_id, key) do update set state = excluded.state`,
};

/** The subject rows that one batch works on, by row key in hex; each is written once, however many commands count there. */
export class SubjectRows implements Rows {
  private readonly packed = new Map<string, Buffer | null>();
  private readonly windows = new Map<string, WindowState>();
  private readonly distincts = new Map<string, DistinctState>();
  private readonly wanted = new Set<string>();
  private readonly changed = new Set<string>();

  want(keys: readonly string[]): void {
    for (const key of keys) {
      const row = rowKeyOf(key);
      if (!this.packed.has(row)) this.wanted.add(row);
    }
  }

  window(key: string): WindowState {
    let state = this.windows.get(key);
    if (!state) {
      const bytes = this.bytesOf(key);
      state = bytes ? unpackWindow(bytes) : emptyWindow();
      this.windows.set(key, state);
    }
    return state;
  }

  distinct(key: string): DistinctState {
    let state = this.distincts.get(key);
    if (!state) {
      const bytes = this.bytesOf(key);
      state = bytes ? unpackDistinct(bytes) : emptyDistinct();
      this.distincts.set(key, state);
    }
    return state;
  }

  /** A row that nobody loaded must not read as empty: a limit would be passed. */
  private bytesOf(key: string): Buffer | null {
    const bytes = this.packed.get(key);
    if (bytes === undefined) throw new Error('a subject row was not loaded');
    return bytes;
  }

  /** Marks rows whose state was changed in place. */
  touch(keys: readonly string[]): void {
    for (const key of keys) this.changed.add(rowKeyOf(key));
  }

  loaded(rows: readonly Row[]): void {
    for (const row of rows) this.packed.set(row.key?.slice(2) ?? '', byteaOf(row.state ?? ''));
  }

  load(transaction: LaneTransaction, { programId }: Batch): Promise<unknown> | undefined {
    const wanted = [...this.wanted].filter((key) => !this.packed.has(key));
    this.wanted.clear();
    return wanted.length > 0 ? this.read(transaction, programId, wanted) : undefined;
  }

  private async read(transaction: LaneTransaction, programId: number, wanted: readonly string[]): Promise<void> {
    const keys = byteaArray(wanted.map((key) => Buffer.from(key, 'hex')));
    const rows = await transaction.query(SELECT, [programId, keys]);
    for (const key of wanted) this.packed.set(key, null);
    this.loaded(rows);
  }

  write(transaction: LaneTransaction, { programId, nowMs }: Batch): Promise<unknown> | undefined {
    // in key order, so that the order of rows says nothing and costs nothing
    const keys = [...this.changed].sort();
    if (keys.length === 0) return undefined;
    const states = keys.map((key) =>
      isDistinctKey(key) ? packDistinct(this.distinct(key), nowMs) : packWindow(this.window(key), nowMs),
    );
    return transaction.query(UPSERT, [
      programId,
      byteaArray(keys.map((key) => Buffer.from(key, 'hex'))),
      byteaArray(states),
    ]);
  }
}

export const subjectSlice: Slice<SubjectRows> = {
  name: 'subject',
  open: () => new SubjectRows(),
  load: (rows, transaction, batch) => rows.load(transaction, batch),
  write: (rows, transaction, batch) => rows.write(transaction, batch),
};
