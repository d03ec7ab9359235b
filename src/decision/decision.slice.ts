import type { Batch, LaneTransaction, Row, Slice, Statement } from '../platform/lane/lane.types.js';
import { byteaArray, textArray, uuidArray } from '../platform/postgres/binary-array.js';
import { SubjectRows, subjectSlice } from '../velocity/subject.slice.js';
import type { Decision, Tombstone } from './core/decision.js';
import {
  DECISION_COLUMNS,
  decisionOf,
  decisionParameters,
  INSERT_DECISIONS,
  isTombstone,
  UPDATE_DECISIONS,
} from './decision.columns.js';

const BY_TRANSACTION: Statement = {
  name: 'decision_by_transaction',
  text: `select ${DECISION_COLUMNS} from decision where program_id = $1 and transaction_id = any($2::text[])`,
};
const BY_ID: Statement = {
  name: 'decision_by_id',
  text: `select ${DECISION_COLUMNS} from decision where program_id = $1 and decision_id = any($2::uuid[])`,
};
/** The subjects that those decisions stand in, in the same round trip. A recorded key is longer than its row's key. */
const SUBJECTS_OF: Statement = {
  name: 'decision_subjects',
  text: `select s.key, s.state from subject s where s.program_id = $1 and s.key = any(array(
    select substring(k from 1 for case when get_bit(substring(k from 17 for 1), 7) = 1 then 18 else 17 end)
    from decision d cross join unnest(d.subject_keys) k where d.program_id = $1 and d.decision_id = any($2::uuid[])))`,
};
/** Without an entry it counts nowhere, and so not here: what observe mode would have denied. */
const OPEN_HOLDS: Statement = {
  name: 'decision_open_holds',
  text: `select account_key, count(*) as open from decision
    where program_id = $1 and account_key = any($2::bytea[]) and open_until_ms is not null and entry_seq is not null
    group by account_key`,
};
const INSERT_EVIDENCE: Statement = {
  name: 'evidence_insert',
  text: `insert into decision_evidence (program_id, decision_id, request, sealed, salt, readings)
    select $1, * from unnest($2::uuid[], $3::text[], $4::bytea[], $5::bytea[], $6::text[])`,
};

/** What was known when deciding. */
export interface Evidence {
  decisionId: string;
  /** JSON of the request without personal fields. */
  request: string;
  sealed: Buffer | null;
  /** Opens the audit's commitment. */
  salt: Buffer;
  /** JSON of every limit as it stood. */
  readings: string;
}

/** The decisions that one batch works on: loaded by transaction or by id, each written once, in its last form. */
export class DecisionRows {
  private readonly byTransaction = new Map<string, Decision | Tombstone | null>();
  private readonly transactionOf = new Map<string, string | null>();
  private readonly wantedTransactions = new Set<string>();
  private readonly wantedIds = new Set<string>();
  private readonly wantedAccounts = new Set<string>();
  private readonly openByAccount = new Map<string, number>();
  private readonly stored = new Set<string>();
  private readonly changed = new Set<string>();
  private readonly evidence: Evidence[] = [];

  wantTransaction(transactionId: string): void {
    if (!this.byTransaction.has(transactionId)) this.wantedTransactions.add(transactionId);
  }

  /** By the decision's uuid; its subjects come along. */
  wantId(decisionId: string): void {
    if (!this.transactionOf.has(decisionId)) this.wantedIds.add(decisionId);
  }

  wantOpenHolds(accountKey: string): void {
    if (!this.openByAccount.has(accountKey)) this.wantedAccounts.add(accountKey);
  }

  transaction(transactionId: string): Decision | Tombstone | undefined {
    return this.byTransaction.get(transactionId) ?? undefined;
  }

  id(decisionId: string): Decision | undefined {
    const transactionId = this.transactionOf.get(decisionId);
    const found = transactionId == null ? undefined : this.transaction(transactionId);
    return found && !isTombstone(found) ? found : undefined;
  }

  openHolds(accountKey: string): number {
    return this.openByAccount.get(accountKey) ?? 0;
  }

  put(row: Decision | Tombstone): void {
    const before = this.byTransaction.get(row.transactionId);
    this.byTransaction.set(row.transactionId, row);
    this.changed.add(row.transactionId);
    if (isTombstone(row)) return;
    this.transactionOf.set(row.decisionId, row.transactionId);
    const opened = Number(isOpen(row)) - Number(before != null && isOpen(before));
    this.openByAccount.set(row.accountKey, this.openHolds(row.accountKey) + opened);
  }

  addEvidence(evidence: Evidence): void {
    this.evidence.push(evidence);
  }

  load(transaction: LaneTransaction, batch: Batch): Promise<unknown> | undefined {
    const queries: Promise<unknown>[] = [];
    const { programId } = batch;
    if (this.wantedTransactions.size > 0) {
      const wanted = drain(this.wantedTransactions);
      for (const id of wanted) this.byTransaction.set(id, null);
      queries.push(transaction.query(BY_TRANSACTION, [programId, textArray(wanted)]).then((rows) => this.loaded(rows)));
    }
    if (this.wantedIds.size > 0) {
      const wanted = drain(this.wantedIds);
      for (const id of wanted) this.transactionOf.set(id, null);
      queries.push(transaction.query(BY_ID, [programId, uuidArray(wanted)]).then((rows) => this.loaded(rows)));
      const subjects: SubjectRows = batch.use(subjectSlice);
      queries.push(
        transaction.query(SUBJECTS_OF, [programId, uuidArray(wanted)]).then((rows) => subjects.loaded(rows)),
      );
    }
    if (this.wantedAccounts.size > 0) {
      const wanted = drain(this.wantedAccounts);
      for (const key of wanted) this.openByAccount.set(key, 0);
      const keys = byteaArray(wanted.map((key) => Buffer.from(key, 'hex')));
      queries.push(transaction.query(OPEN_HOLDS, [programId, keys]).then((rows) => this.loadedOpenHolds(rows)));
    }
    return queries.length > 0 ? Promise.all(queries) : undefined;
  }

  private loadedOpenHolds(rows: readonly Row[]): void {
    for (const row of rows) this.openByAccount.set(row.account_key?.slice(2) ?? '', Number(row.open));
  }

  private loaded(rows: readonly Parameters<typeof decisionOf>[0][]): void {
    for (const row of rows) {
      const found = decisionOf(row);
      this.stored.add(found.transactionId);
      this.byTransaction.set(found.transactionId, found);
      if (!isTombstone(found)) this.transactionOf.set(found.decisionId, found.transactionId);
    }
  }

  write(transaction: LaneTransaction, { programId }: Batch): Promise<unknown> | undefined {
    const rows = [...this.changed].map((id) => this.byTransaction.get(id)).filter((row) => row != null);
    if (rows.length === 0) return undefined;
    const fresh = rows.filter((row) => !this.stored.has(row.transactionId));
    const known = rows.filter((row) => this.stored.has(row.transactionId));
    return Promise.all([
      fresh.length > 0 && transaction.query(INSERT_DECISIONS, decisionParameters(programId, fresh)),
      known.length > 0 && transaction.query(UPDATE_DECISIONS, decisionParameters(programId, known)),
      this.evidence.length > 0 && transaction.query(INSERT_EVIDENCE, this.evidenceParameters(programId)),
    ]);
  }

  private evidenceParameters(programId: number): unknown[] {
    return [
      programId,
      uuidArray(this.evidence.map((row) => row.decisionId)),
      textArray(this.evidence.map((row) => row.request)),
      byteaArray(this.evidence.map((row) => row.sealed)),
      byteaArray(this.evidence.map((row) => row.salt)),
      textArray(this.evidence.map((row) => row.readings)),
    ];
  }
}

const isOpen = (row: Decision | Tombstone): boolean =>
  !isTombstone(row) && row.entry !== null && row.hold !== null && row.hold.then !== 'commit';

function drain(wanted: Set<string>): string[] {
  const list = [...wanted];
  wanted.clear();
  return list;
}

export const decisionSlice: Slice<DecisionRows> = {
  name: 'decision',
  open: () => new DecisionRows(),
  load: (rows, transaction, batch) => rows.load(transaction, batch),
  write: (rows, transaction, batch) => rows.write(transaction, batch),
};
