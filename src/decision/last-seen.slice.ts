import { within } from '../kernel/deadline.js';
import type { KeyRing } from '../platform/keys/key-ring.js';
import { open, SealError, type SealKey, seal, sealedKid } from '../platform/keys/seal.js';
import type { Batch, LaneTransaction, Row, Slice, Statement } from '../platform/lane/lane.types.js';
import { byteaArray, byteaOf } from '../platform/postgres/binary-array.js';
import type { LastSeen } from '../signals/core/location.js';

const SELECT: Statement = {
  name: 'account_seen_select',
  text: 'select account_key, seen from account_seen where program_id = $1 and account_key = any($2::bytea[])',
};
const UPSERT: Statement = {
  name: 'account_seen_upsert',
  text: `insert into account_seen (program_id, account_key, seen) select $1, * from unnest($2::bytea[], $3::bytea[])
    on conflict (program_id, account_key) do update set seen = excluded.seen`,
};

/** Where the accounts of one batch were last seen. Read under the lock, so that it is never late. */
export class LastSeenRows {
  private readonly seen = new Map<string, LastSeen | undefined>();
  private readonly wanted = new Set<string>();
  private readonly changed = new Map<string, SealKey>();
  private readonly late = new Set<string>();

  constructor(
    private readonly keys: KeyRing,
    private readonly programId: number,
    private readonly deadlineMs: number,
  ) {}

  want(accountKey: string): void {
    if (!this.seen.has(accountKey)) this.wanted.add(accountKey);
  }

  of(accountKey: string): LastSeen | undefined {
    return this.seen.get(accountKey);
  }

  put(accountKey: string, seen: LastSeen, key: SealKey): void {
    this.seen.set(accountKey, seen);
    this.changed.set(accountKey, key);
  }

  load(transaction: LaneTransaction): Promise<unknown> | undefined {
    const wanted = [...this.wanted];
    this.wanted.clear();
    if (wanted.length === 0) return undefined;
    for (const accountKey of wanted) this.seen.set(accountKey, undefined);
    return this.read(transaction, wanted);
  }

  private async read(transaction: LaneTransaction, wanted: readonly string[]): Promise<void> {
    const keys = byteaArray(wanted.map((key) => Buffer.from(key, 'hex')));
    const rows = await transaction.query(SELECT, [this.programId, keys]);
    await Promise.all(rows.map((row) => this.unsealed(row)));
  }

  private async unsealed(row: Row): Promise<void> {
    const accountKey = row.account_key?.slice(2) ?? '';
    const sealed = byteaOf(row.seen ?? '');
    const key = await this.keyOf(accountKey, sealed);
    // a key that is gone was destroyed on purpose: what it sealed is forgotten
    if (!key) return;
    const text = openedOrNone(key, sealed, this.context(accountKey));
    if (text !== undefined) this.seen.set(accountKey, JSON.parse(text) as LastSeen);
  }

  /** A key store that does not answer must not hold up the lane: the signal is late, and the policy says what that means. */
  private async keyOf(accountKey: string, sealed: Buffer): Promise<SealKey | undefined> {
    try {
      return await within(this.deadlineMs, this.keys.sealKeyById(sealedKid(sealed) ?? ''));
    } catch {
      this.late.add(accountKey);
      return undefined;
    }
  }

  /** Whether where the account was last seen could not be read in time. */
  isLate(accountKey: string): boolean {
    return this.late.has(accountKey);
  }

  write(transaction: LaneTransaction): Promise<unknown> | undefined {
    if (this.changed.size === 0) return undefined;
    const rows = [...this.changed].sort(([a], [b]) => (a < b ? -1 : 1));
    return transaction.query(UPSERT, [
      this.programId,
      byteaArray(rows.map(([accountKey]) => Buffer.from(accountKey, 'hex'))),
      byteaArray(
        rows.map(([accountKey, key]) => seal(key, JSON.stringify(this.seen.get(accountKey)), this.context(accountKey))),
      ),
    ]);
  }

  /** Bound to its account: a value moved to another row does not open. */
  private context(accountKey: string): string {
    return `account_seen/${this.programId}/${accountKey}`;
  }
}

/** A damaged value is not known, and written anew by the next decision: an account must not stay undecidable for it. */
function openedOrNone(key: SealKey, sealed: Buffer, context: string): string | undefined {
  try {
    return open(key, sealed, context);
  } catch (error) {
    if (error instanceof SealError) return undefined;
    throw error;
  }
}

export type LastSeenSlice = Slice<LastSeenRows>;

/** @param deadlineMs within which a key must be there */
export const lastSeenSlice = (keys: KeyRing, deadlineMs: number): LastSeenSlice => ({
  name: 'last_seen',
  open: (batch: Batch) => new LastSeenRows(keys, batch.programId, deadlineMs),
  load: (rows, transaction) => rows.load(transaction),
  write: (rows, transaction) => rows.write(transaction),
});
