import { Kysely, PostgresDialect, type RawBuilder, sql } from 'kysely';
import type pg from 'pg';
import { ServiceError } from '../kernel/errors.js';

export interface PolicyVersionRow {
  version: number;
  state: 'draft' | 'active' | 'retired';
  createdAtMs: number;
  /** Of the active one, and of those that were: when it last came into force, and by whom. */
  activatedAtMs?: number;
  /** Kind and id, like `client:backend`; the first version came with its program. */
  activatedBy?: string;
}

interface Row {
  version: number;
  created_at_ms: string;
  activated_at_ms: string | null;
  activated_by: string | null;
  active: boolean;
}

const VERSIONS = sql`
  select v.version, v.created_at_ms, a.activated_at_ms, a.activated_by,
    v.version = (l.heads->'policy'->>'version')::int as active
  from policy_version v join lane l using (program_id)
  left join lateral (select activated_at_ms, activated_by from policy_activation
    where program_id = v.program_id and version = v.version order by activation desc limit 1) a on true`;

/** Reads of policies: they take no lock and wait for no lane. */
export class PolicyStore {
  private readonly db: Kysely<object>;

  constructor(pool: pg.Pool) {
    this.db = new Kysely<object>({ dialect: new PostgresDialect({ pool }) });
  }

  /** The active version first, wherever it stands, then the newest of the others. */
  async versions(programId: number, most: number): Promise<PolicyVersionRow[]> {
    const rows = await this.run(
      sql<Row>`${VERSIONS} where v.program_id = ${programId} order by active desc, v.version desc limit ${most}`,
    );
    return rows.map(versionOf);
  }

  async version(programId: number, version: number): Promise<PolicyVersionRow | undefined> {
    const [row] = await this.run(sql<Row>`${VERSIONS} where v.program_id = ${programId} and v.version = ${version}`);
    return row && versionOf(row);
  }

  /** The document as it was given. */
  async document(programId: number, version: number): Promise<string | undefined> {
    const [row] = await this.run(
      sql<{ document: string }>`select document from policy_version
        where program_id = ${programId} and version = ${version}`,
    );
    return row?.document;
  }

  private async run<R>(query: RawBuilder<R>): Promise<R[]> {
    try {
      return (await query.execute(this.db)).rows;
    } catch (error) {
      const detail = 'The record did not answer in time.';
      throw new ServiceError('record.unavailable', detail, { retryAfterSeconds: 1 }, error);
    }
  }
}

function versionOf(row: Row): PolicyVersionRow {
  // the first version came into force with its program
  const activated = row.activated_at_ms ?? (row.version === 1 ? row.created_at_ms : null);
  const before = activated === null ? 'draft' : 'retired';
  return {
    version: row.version,
    state: row.active ? 'active' : before,
    createdAtMs: Number(row.created_at_ms),
    ...(activated !== null && { activatedAtMs: Number(activated) }),
    ...(row.activated_by !== null && { activatedBy: row.activated_by }),
  };
}
