import { Kysely, PostgresDialect, type RawBuilder, type SqlBool, sql } from 'kysely';
import type pg from 'pg';
import { ServiceError } from '../kernel/errors.js';
import { uuidFloor } from '../kernel/ids.js';
import type { Row } from '../platform/lane/lane.types.js';
import type { ActiveEntry, EntryState, ListEntry, ListName, ListSubject } from './core/list-entry.js';
import { ACTIVE_COLUMNS, activeEntryOf, ENTRY_COLUMNS, listEntryOf } from './list.columns.js';

export interface ListFilter {
  list: ListName;
  subject?: ListSubject;
  /** What the entry names, by any of these. */
  named?: readonly { subject: ListSubject; value: string }[];
  state?: EntryState;
  /** Answers entries older than this uuid. */
  beforeId?: string;
  limit: number;
}

/** Decisions that named a value, counted from `sinceMs` on. */
export interface PastDecisions {
  decisions: number;
  accounts: number;
  points: number;
  sinceMs: number;
}

/** Where a decision names a value of a subject: by the index of accounts, or in its evidence's open part. */
export type NamedIn = { accountKey: string } | { path: readonly string[]; value: string };

/** Reads of lists: they take no lock and wait for no lane. */
export interface ListStore {
  /** Newest first, and the program's time at which they were read, ms. */
  page(programId: number, filter: ListFilter): Promise<{ entries: ListEntry[]; nowMs: number }>;
  /** The version of a program's lists and its time, ms: what is read after it holds at least that version. */
  version(programId: number): Promise<{ version: number; nowMs: number }>;
  /** Entries not removed that end after `nowMs`, by uuid, from the one after `afterId` on. */
  active(programId: number, nowMs: number, afterId: string, most: number): Promise<ActiveEntry[]>;
  /** Decisions since `fromMs` that named the value; of the newest ones only, or undefined, where that would take too long. */
  pastDecisions(programId: number, named: NamedIn, fromMs: number): Promise<PastDecisions | undefined>;
}

interface Tables {
  list_entry: Record<string, unknown>;
}

const textColumns = (columns: string): RawBuilder<unknown> =>
  sql.raw(columns.replace(/\w+/g, (name) => `e.${name}::text`));

/** The program's clock as it is now, whether its own or the record's. */
const NOW = sql<string>`coalesce(l.clock_ms, greatest(l.now_ms, floor(extract(epoch from clock_timestamp()) * 1000)::bigint))`;

/** As `stateOf` of list-entry.ts says. */
const stateAt = (nowMs: number): RawBuilder<string> => sql`case when e.removed_at_ms is not null then 'removed'
  when e.expires_at_ms <= ${nowMs} then 'expired' else 'active' end`;

/** Decisions that a preview looks at: what is read and parsed within a fraction of the 2 s that a statement may take. */
const MOST_LOOKED_AT = 20_000;
const STATEMENT_TIMED_OUT = '57014';

export function openListStore(pool: pg.Pool): ListStore {
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });

  async function run<R>(query: RawBuilder<R>): Promise<R[]> {
    try {
      return (await query.execute(db)).rows;
    } catch (error) {
      const detail = 'The record did not answer in time.';
      throw new ServiceError('record.unavailable', detail, { retryAfterSeconds: 1 }, error);
    }
  }

  async function version(programId: number): Promise<{ version: number; nowMs: number }> {
    const [row] = await run(
      sql<{
        version: string | null;
        now_ms: string;
      }>`select l.heads #>> '{lists,version}' as version, (${NOW})::text as now_ms
        from lane l where l.program_id = ${programId}`,
    );
    return { version: Number(row?.version ?? 0), nowMs: Number(row?.now_ms) };
  }

  return {
    version,
    async page(programId, filter) {
      const { nowMs } = await version(programId);
      const rows = await run(
        sql<Row>`select ${textColumns(ENTRY_COLUMNS)} from list_entry e
          where ${sql.join(conditionsOf(programId, filter, nowMs), sql` and `)} order by e.entry_id desc limit ${filter.limit}`,
      );
      return { entries: rows.map(listEntryOf), nowMs };
    },
    async active(programId, nowMs, afterId, most) {
      const rows = await run(
        sql<Row>`select ${textColumns(ACTIVE_COLUMNS)} from list_entry e
          where e.program_id = ${programId} and e.entry_id > ${afterId}::uuid and e.removed_at_ms is null
            and (e.expires_at_ms is null or e.expires_at_ms > ${nowMs}) order by e.entry_id limit ${most}`,
      );
      return rows.map(activeEntryOf);
    },
    async pastDecisions(programId, named, fromMs) {
      try {
        const [row] = await run(pastDecisionsQuery(programId, named, uuidFloor(fromMs)));
        return row && pastDecisionsOf(row, fromMs);
      } catch (error) {
        if (codeOfCause(error) === STATEMENT_TIMED_OUT) return undefined;
        throw error;
      }
    },
  };
}

const codeOfCause = (error: unknown): unknown => ((error as Error).cause as { code?: unknown } | undefined)?.code;

function conditionsOf(programId: number, filter: ListFilter, nowMs: number): RawBuilder<SqlBool>[] {
  const { list, subject, named, state, beforeId } = filter;
  const conditions = [sql<SqlBool>`e.program_id = ${programId}`, sql<SqlBool>`e.list = ${list}`];
  if (subject) conditions.push(sql<SqlBool>`e.subject = ${subject}`);
  if (named) {
    const any = named.map((one) => sql<SqlBool>`(e.subject = ${one.subject} and e.value = ${one.value})`);
    conditions.push(sql<SqlBool>`(${sql.join(any, sql` or `)})`);
  }
  if (state) conditions.push(sql<SqlBool>`${stateAt(nowMs)} = ${state}`);
  if (beforeId !== undefined) conditions.push(sql<SqlBool>`e.entry_id < ${beforeId}::uuid`);
  return conditions;
}

interface PastRow {
  decisions: string;
  accounts: string;
  points: string;
  /** The oldest one that was looked at; null where none was left out. */
  oldest: string | null;
}

/** The newest decisions by id, whether each names the value, and the oldest of them where there are more. */
function pastDecisionsQuery(programId: number, named: NamedIn, fromId: string): RawBuilder<PastRow> {
  const newest =
    'accountKey' in named
      ? sql`select decision_id, true as names from decision
          where program_id = ${programId} and account_key = ${Buffer.from(named.accountKey, 'hex')} and decision_id >= ${fromId}::uuid`
      : sql`select decision_id, request::json #>> ${named.path}::text[] = ${named.value} as names from decision_evidence
          where program_id = ${programId} and decision_id >= ${fromId}::uuid`;
  return sql<PastRow>`with newest as materialized (${newest} order by decision_id desc limit ${MOST_LOOKED_AT})
    select count(*)::text as decisions, count(distinct d.account_id)::text as accounts,
      coalesce(sum(d.points), 0)::text as points,
      (select decision_id::text from newest order by decision_id desc offset ${MOST_LOOKED_AT - 1}) as oldest
    from newest n join decision d on d.program_id = ${programId} and d.decision_id = n.decision_id where n.names`;
}

const pastDecisionsOf = ({ decisions, accounts, points, oldest }: PastRow, fromMs: number): PastDecisions => ({
  decisions: Number(decisions),
  accounts: Number(accounts),
  points: Number(points),
  // an id begins with its time
  sinceMs: oldest === null ? fromMs : Number.parseInt(oldest.replaceAll('-', '').slice(0, 12), 16),
});
