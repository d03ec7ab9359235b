import type { Batch, LaneTransaction, Slice, Statement } from '../platform/lane/lane.types.js';
import { byteaArray, int8Array, textArray, uuidArray } from '../platform/postgres/binary-array.js';
import { type ActiveEntry, hasExpired, type ListEntry } from './core/list-entry.js';
import { ListIndex, type ListedValues, type ListMatch, matchesIn } from './core/list-index.js';
import { ACTIVE_COLUMNS, activeEntryOf, ENTRY_COLUMNS, listEntryOf, entryChangeOf } from './list.columns.js';
import { ListSnapshot, type ListSnapshots } from './list-snapshots.js';

const LOAD_ACTIVE: Statement = {
  name: 'list_active',
  text: `select ${ACTIVE_COLUMNS} from list_entry
    where program_id = $1 and removed_at_ms is null and (expires_at_ms is null or expires_at_ms > $2)`,
};
const LOAD_CHANGED: Statement = {
  name: 'list_changed',
  text: `select ${ACTIVE_COLUMNS}, removed_at_ms from list_entry where program_id = $1 and change > $2`,
};
const LOAD_BY_ID: Statement = {
  name: 'list_by_id',
  text: `select ${ENTRY_COLUMNS} from list_entry where program_id = $1 and entry_id = any($2::uuid[])`,
};
const UPSERT: Statement = {
  name: 'list_upsert',
  text: `insert into list_entry (program_id, change, entry_id, list, subject, value, reason, created_at_ms, expires_at_ms,
      removed_at_ms, removed_reason, salt)
    select $1, $2, * from unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::int8[], $9::int8[],
      $10::int8[], $11::text[], $12::bytea[])
    on conflict (program_id, entry_id) do update set removed_at_ms = excluded.removed_at_ms,
      removed_reason = excluded.removed_reason, change = excluded.change`,
};

/** Of one program, in force at a time: what an instance reads at once when it first meets the program. */
export const MOST_ENTRIES = 100_000;
/** Of one subject and value, whatever the list: a decision looks at each. */
export const MOST_OF_ONE_VALUE = 10;

/** Who is refused for want of room asks again: each time costs a look at every entry. */
const MAKE_ROOM_EVERY_MS = 60_000;

/** What a program's lane row says of its lists: raised by every batch that changes one. */
interface ListsHead {
  version: number;
}

/** An entry with the salt of what the audit says of it. */
export type StoredEntry = ListEntry & { salt: Buffer };

/** The lists of one batch: as they are in the record, and after the steps before. */
export class ListsInForce {
  private snapshot: ListSnapshot | undefined;
  /** Entries by id that commands named: undefined where there is none. */
  private readonly entries = new Map<string, ListEntry | undefined>();
  private readonly wanted = new Set<string>();
  /** What this batch adds and removes. The snapshot takes it in once it is committed, as any other instance's does. */
  private readonly added = new ListIndex();
  private readonly removed = new Set<string>();
  private readonly changed = new Map<string, ListEntry & { salt?: Buffer }>();

  constructor(
    private readonly snapshots: ListSnapshots,
    private readonly batch: Batch,
  ) {}

  /** Entries in force at `nowMs` that name one of the values: at most one for each list and subject, blocks first. */
  match(values: ListedValues, nowMs: number): ListMatch[] {
    return matchesIn([this.known.index, this.added], values, (entry) => this.inForce(entry, nowMs));
  }

  /** Whether the lists hold as many entries as they may, all in all or of what this one names. */
  isFull(named: ActiveEntry, nowMs: number): boolean {
    const known = this.known;
    if (known.index.size + this.added.size >= MOST_ENTRIES) known.removeExpired(nowMs, MAKE_ROOM_EVERY_MS);
    const sameValue = [...known.index.namedBy(named), ...this.added.namedBy(named)].filter((entry) =>
      this.inForce(entry, nowMs),
    );
    return known.index.size + this.added.size >= MOST_ENTRIES || sameValue.length >= MOST_OF_ONE_VALUE;
  }

  private inForce(entry: ActiveEntry, nowMs: number): boolean {
    return !hasExpired(entry, nowMs) && !this.removed.has(entry.entryId);
  }

  needEntry(entryId: string): void {
    if (!this.entries.has(entryId)) this.wanted.add(entryId);
  }

  entry(entryId: string): ListEntry | undefined {
    return this.entries.get(entryId);
  }

  add(entry: StoredEntry): void {
    this.entries.set(entry.entryId, entry);
    this.added.add(entry);
    this.change(entry);
  }

  /** @returns the entry as it is from now on */
  remove(entry: ListEntry, removedReason: string): ListEntry {
    const gone = { ...entry, removedAtMs: this.batch.nowMs, removedReason };
    this.entries.set(entry.entryId, gone);
    this.removed.add(entry.entryId);
    this.change(gone);
    return gone;
  }

  private change(entry: ListEntry): void {
    if (this.changed.size === 0) this.batch.setHead('lists', { version: this.version + 1 } satisfies ListsHead);
    this.changed.set(entry.entryId, { ...this.changed.get(entry.entryId), ...entry });
  }

  /** A program that never had an entry is at 0. */
  private get version(): number {
    return (this.batch.head('lists') as ListsHead | undefined)?.version ?? 0;
  }

  private get known(): ListSnapshot {
    if (!this.snapshot) throw new Error('the lists were not loaded');
    return this.snapshot;
  }

  load(transaction: LaneTransaction): Promise<unknown> | undefined {
    const loads = [this.loadEntries(transaction), this.loadSnapshot(transaction)].filter((load) => load !== undefined);
    return loads.length > 0 ? Promise.all(loads) : undefined;
  }

  private loadEntries(transaction: LaneTransaction): Promise<unknown> | undefined {
    const ids = [...this.wanted];
    this.wanted.clear();
    return ids.length > 0 ? this.readEntries(transaction, ids) : undefined;
  }

  private async readEntries(transaction: LaneTransaction, ids: readonly string[]): Promise<void> {
    for (const id of ids) this.entries.set(id, undefined);
    const rows = await transaction.query(LOAD_BY_ID, [this.batch.programId, uuidArray(ids)]);
    for (const entry of rows.map(listEntryOf)) this.entries.set(entry.entryId, entry);
  }

  /** Under the lock, where the version is known: nothing where the snapshot is of this version, else what changed, or all. */
  private loadSnapshot(transaction: LaneTransaction): Promise<unknown> | undefined {
    const { programId, nowMs } = this.batch;
    if (this.snapshot || Number.isNaN(nowMs)) return undefined;
    const { version } = this;
    const known = this.snapshots.get(programId);
    if (known?.servesAt(version, nowMs)) {
      if (known.version < version) return this.readChanges(transaction, known);
      this.snapshot = known;
      return undefined;
    }
    if (version > 0) return this.readAll(transaction);
    this.snapshot = this.snapshots.put(programId, new ListSnapshot(version, nowMs));
    return undefined;
  }

  private async readChanges(transaction: LaneTransaction, known: ListSnapshot): Promise<void> {
    const { programId, nowMs } = this.batch;
    const from = known.version;
    const rows = await transaction.query(LOAD_CHANGED, [programId, from]);
    known.advance(from, this.version, rows.map(entryChangeOf), nowMs);
    this.snapshots.put(programId, known);
  }

  private async readAll(transaction: LaneTransaction): Promise<void> {
    const { programId, nowMs } = this.batch;
    const snapshot = new ListSnapshot(this.version, nowMs);
    const rows = await transaction.query(LOAD_ACTIVE, [programId, nowMs]);
    snapshot.takeIn(rows.map(activeEntryOf));
    this.snapshots.put(programId, snapshot);
  }

  write(transaction: LaneTransaction): Promise<unknown> | undefined {
    const rows = [...this.changed.values()];
    if (rows.length === 0) return undefined;
    return transaction.query(UPSERT, [
      this.batch.programId,
      this.version,
      uuidArray(rows.map((row) => row.entryId)),
      textArray(rows.map((row) => row.list)),
      textArray(rows.map((row) => row.subject)),
      textArray(rows.map((row) => row.value)),
      textArray(rows.map((row) => row.reason)),
      int8Array(rows.map((row) => row.createdAtMs)),
      int8Array(rows.map((row) => row.expiresAtMs)),
      int8Array(rows.map((row) => row.removedAtMs)),
      textArray(rows.map((row) => row.removedReason)),
      byteaArray(rows.map((row) => row.salt ?? null)),
    ]);
  }
}

export type ListSlice = Slice<ListsInForce>;

export const listSlice = (snapshots: ListSnapshots): ListSlice => ({
  name: 'lists',
  open: (batch) => new ListsInForce(snapshots, batch),
  load: (lists, transaction) => lists.load(transaction),
  write: (lists, transaction) => lists.write(transaction),
});
