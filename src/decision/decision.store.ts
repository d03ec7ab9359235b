import { Kysely, PostgresDialect, type RawBuilder, type SqlBool, sql } from 'kysely';
import type pg from 'pg';
import { ServiceError } from '../kernel/errors.js';
import { uuidFloor } from '../kernel/ids.js';
import type { Row } from '../platform/lane/lane.types.js';
import type { Outcome } from '../policy/core/policy.js';
import type { Decision, DecisionStatus } from './core/decision.js';
import { readAt } from './core/transitions.js';
import { DECISION_COLUMNS, decisionOf } from './decision.columns.js';

export interface DecisionFilter {
  transactionId?: string;
  accountKey?: string;
  outcome?: Outcome;
  status?: DecisionStatus;
  fromMs?: number;
  toMs?: number;
  /** Answers decisions older than this uuid. */
  beforeId?: string;
  limit: number;
}

export interface StoredEvidence {
  request: string;
  sealed: Buffer | null;
}

export interface StoredAppeal {
  decision: Decision;
  atMs: number;
  dueAtMs: number;
  /** Sealed. */
  note: Buffer;
}

interface Tables {
  decision: Record<string, unknown>;
  lane: Record<string, unknown>;
  decision_evidence: Record<string, unknown>;
}

/** Columns as text, as the lane reads them: one codec serves both. */
const TEXT_COLUMNS = sql.raw(
  DECISION_COLUMNS.split(', ')
    .map((name) => `d.${name}::text`)
    .join(', '),
);

/** The program's clock as it is now, whether its own or the record's. */
const NOW = sql<string>`coalesce(l.clock_ms, greatest(l.now_ms, floor(extract(epoch from clock_timestamp()) * 1000)::bigint))`;

/** A hold past its end reads as what its end makes of it. */
const STATUS_NOW = sql<string>`case when d.hold_ends_ms <= ${NOW}
  then case d.hold_then when 'commit' then 'committed' else 'expired' end else d.status end`;

/** Statuses as written that may read as the wanted one: what an index can find. */
const WRITTEN_AS: Record<DecisionStatus, readonly DecisionStatus[]> = {
  held: ['held'],
  challenged: ['challenged'],
  in_review: ['in_review'],
  denied: ['denied'],
  cancelled: ['cancelled'],
  expired: ['expired', 'held', 'challenged', 'in_review'],
  committed: ['committed', 'held'],
  reversed: ['reversed'],
};

/** Reads of decisions: they take no lock and wait for no lane. */
export class DecisionStore {
  private readonly db: Kysely<Tables>;

  constructor(pool: pg.Pool) {
    this.db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
  }

  /** One decision as it reads now, with every limit as it stood when deciding, packed. */
  async byId(programId: number, decisionId: string): Promise<{ decision: Decision; readings: string } | undefined> {
    const rows = await this.run(
      sql<Row>`select ${TEXT_COLUMNS}, (${NOW})::text as now_ms, e.readings from decision d
        join lane l using (program_id)
        left join decision_evidence e on e.program_id = d.program_id and e.decision_id = d.decision_id
        where d.program_id = ${programId} and d.decision_id = ${decisionId}`,
    );
    const [row] = rows;
    return row && { decision: presentOf(row), readings: row.readings ?? '[]' };
  }

  /** Newest first. */
  async list(programId: number, filter: DecisionFilter): Promise<Decision[]> {
    const conditions = [sql<SqlBool>`d.program_id = ${programId}`, sql<SqlBool>`d.decision_id is not null`];
    const { transactionId, accountKey, outcome, status, fromMs, toMs, beforeId } = filter;
    if (transactionId !== undefined) conditions.push(sql<SqlBool>`d.transaction_id = ${transactionId}`);
    if (accountKey !== undefined) conditions.push(sql<SqlBool>`d.account_key = ${Buffer.from(accountKey, 'hex')}`);
    if (outcome) conditions.push(sql<SqlBool>`d.outcome = ${outcome}`);
    if (status) {
      conditions.push(sql<SqlBool>`d.status in (${sql.join(WRITTEN_AS[status].map((written) => sql.lit(written)))})`);
      conditions.push(sql<SqlBool>`${STATUS_NOW} = ${status}`);
    }
    if (fromMs !== undefined) conditions.push(sql<SqlBool>`d.decision_id >= ${uuidFloor(fromMs)}::uuid`);
    if (toMs !== undefined) conditions.push(sql<SqlBool>`d.decision_id < ${uuidFloor(toMs)}::uuid`);
    if (beforeId !== undefined) conditions.push(sql<SqlBool>`d.decision_id < ${beforeId}::uuid`);
    const rows = await this.run(
      sql<Row>`select ${TEXT_COLUMNS}, (${NOW})::text as now_ms from decision d join lane l using (program_id)
        where ${sql.join(conditions, sql` and `)} order by d.decision_id desc limit ${filter.limit}`,
    );
    return rows.map(presentOf);
  }

  async evidence(programId: number, decisionId: string): Promise<StoredEvidence | undefined> {
    const [row] = await this.run(
      sql<StoredEvidence>`select request, sealed from decision_evidence
        where program_id = ${programId} and decision_id = ${decisionId}`,
    );
    return row;
  }

  /** Open appeals, the most urgent first; notes as they are kept. */
  async openAppeals(programId: number, limit: number): Promise<StoredAppeal[]> {
    const rows = await this.run(
      sql<Row & { note: Buffer }>`select ${TEXT_COLUMNS}, (${NOW})::text as now_ms, a.at_ms::text as appealed_ms,
          a.due_at_ms::text as due_ms, a.note from appeal a
        join decision d using (program_id, decision_id) join lane l using (program_id)
        where a.program_id = ${programId} and a.state = 'open' order by a.due_at_ms limit ${limit}`,
    );
    return rows.map((row) => ({
      decision: presentOf(row),
      atMs: Number(row.appealed_ms),
      dueAtMs: Number(row.due_ms),
      note: row.note,
    }));
  }

  /** Holds that time gives back and whose end is due, a bounded number of each program, oldest first. */
  async dueHolds(most: number, programId?: number): Promise<{ programId: number; decisionId: string }[]> {
    const one = programId === undefined ? sql`true` : sql`l.program_id = ${programId}`;
    const rows = await this.run(
      sql<{ program_id: number; decision_id: string }>`select l.program_id, due.decision_id from lane l
        cross join lateral (select decision_id from decision d where d.program_id = l.program_id and d.open_until_ms <= ${NOW}
          order by d.open_until_ms limit ${most}) due where ${one}`,
    );
    return rows.map((row) => ({ programId: row.program_id, decisionId: row.decision_id }));
  }

  private async run<R>(query: RawBuilder<R>): Promise<R[]> {
    try {
      return (await query.execute(this.db)).rows;
    } catch (error) {
      throw new ServiceError(
        'record.unavailable',
        'The record did not answer in time.',
        { retryAfterSeconds: 1 },
        error,
      );
    }
  }
}

/** A row with `now_ms`, as the decision reads at that time. Rows of unseen transactions are not selected. */
const presentOf = (row: Row): Decision => readAt(decisionOf(row) as Decision, Number(row.now_ms));
