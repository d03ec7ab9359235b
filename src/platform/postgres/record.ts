/**
 * The record, opened: an embedded PostgreSQL in DATA_DIR, or the one that DATABASE_URL names. From here on there is no
 * difference between the two.
 */
import { Client, type ClientConfig, Pool } from 'pg';
import { type EmbeddedServer, joinEmbedded, serveEmbedded } from './embedded/embedded.js';
import { inSchema, loginOf, unusable } from './login.js';
import { migrate, pendingMigrations } from './migrate.js';
import { codeOf, RecordError } from './record-error.js';

export interface RecordSettings {
  databaseUrl?: string;
  migrationDatabaseUrl?: string;
  dataDir: string;
  production: boolean;
}

export interface OpenRecord {
  /** Login of the service's role, search path `pointguard`. */
  readonly service: ClientConfig;
  /** For what callers read and look up, as the same role: at most 6 connections, a statement at most 2 s. */
  readonly pool: Pool;
  /**
   * For what the service itself lives by: revocations, ends of holds, health, freeing a lane. Two connections that no
   * caller can keep busy: without them, a handful of slow reads had every request of every program refused.
   */
  readonly ownPool: Pool;
  readonly embedded: boolean;
  close(): Promise<void>;
}

const MIGRATE_FIRST = 'run `pointguard migrate` first';

const CALLERS_CONNECTIONS = 6;
const OWN_CONNECTIONS = 2;

function poolOf(service: ClientConfig, max: number): Pool {
  const pool = new Pool({
    ...service,
    max,
    statement_timeout: 2000,
    // the client's own clock, for a server that is frozen or cut off and cannot time out by itself
    query_timeout: 4000,
    connectionTimeoutMillis: 2000,
    keepAlive: true,
    application_name: 'pointguard',
  });
  // a connection lost while idle: the next look-up opens another, and says so if it cannot
  pool.on('error', () => undefined);
  return pool;
}

/** Whether a role may change tables of the record: by the schema, or as owner of the schema or of a table, or as superuser. */
const MAY_CHANGE_TABLES = `select current_setting('server_version_num')::int as version,
    has_schema_privilege(s.oid, 'create') or pg_has_role(s.nspowner, 'usage') or exists (
      select from pg_class t where t.relnamespace = s.oid and pg_has_role(t.relowner, 'usage')) as ddl
  from pg_namespace s where s.nspname = 'pointguard'`;

/** Both pools on one login, and their end. */
function poolsOf(service: ClientConfig): Pick<OpenRecord, 'pool' | 'ownPool'> & { end: () => Promise<void> } {
  const pool = poolOf(service, CALLERS_CONNECTIONS);
  const ownPool = poolOf(service, OWN_CONNECTIONS);
  return {
    pool,
    ownPool,
    async end() {
      await Promise.all([pool.end(), ownPool.end()]);
    },
  };
}

async function checkRole(pool: Pool): Promise<void> {
  const { rows } = await pool.query<{ ddl: boolean }>(MAY_CHANGE_TABLES);
  if (rows[0]?.ddl !== true) return;
  throw new RecordError(
    "The role of DATABASE_URL may change the tables of the record, which production refuses; give the service a login of its own, and the owner's to MIGRATION_DATABASE_URL for `pointguard migrate`.",
  );
}

/** No such table, no such schema, no privilege. */
const NEVER_MIGRATED = new Set(['42P01', '3F000', '42501']);

async function checkVersion(pool: Pool): Promise<void> {
  try {
    const [first] = await pendingMigrations(pool);
    if (first) throw new RecordError(`The record lacks migration ${first.version} (${first.name}); ${MIGRATE_FIRST}.`);
  } catch (cause) {
    if (!NEVER_MIGRATED.has(codeOf(cause) ?? '')) throw cause;
    throw new RecordError(`The record is not set up for the role of DATABASE_URL; ${MIGRATE_FIRST}.`, { cause });
  }
}

const SUPPORTED_FROM = 150_000;

async function checkServer(pool: Pool): Promise<void> {
  const { rows } = await pool.query<{ version: number }>(
    "select current_setting('server_version_num')::int as version",
  );
  if ((rows[0]?.version ?? 0) >= SUPPORTED_FROM) return;
  throw new RecordError('The record needs PostgreSQL 15 or later.');
}

/** Migrates as the owner; his login is the service's own where no other is given. Answers what was applied. */
async function migrateServer(settings: RecordSettings, databaseUrl: string): Promise<string[]> {
  const [variable, url] =
    settings.migrationDatabaseUrl === undefined
      ? ['DATABASE_URL', databaseUrl]
      : ['MIGRATION_DATABASE_URL', settings.migrationDatabaseUrl];
  const owner = loginOf(variable, url);
  const serviceLogin = new Client(loginOf('DATABASE_URL', databaseUrl)).user;
  try {
    return await migrate(owner, { serviceLogin });
  } catch (cause) {
    throw unusable(variable, url, cause);
  }
}

async function openServer(settings: RecordSettings, databaseUrl: string): Promise<OpenRecord> {
  const service = inSchema(loginOf('DATABASE_URL', databaseUrl));
  const { pool, ownPool, end } = poolsOf(service);
  try {
    await checkServer(pool);
    if (settings.production) {
      await checkVersion(pool);
      await checkRole(pool);
    } else {
      await migrateServer(settings, databaseUrl);
    }
  } catch (cause) {
    await end();
    throw unusable('DATABASE_URL', databaseUrl, cause);
  }
  return { service, pool, ownPool, embedded: false, close: end };
}

/** The embedded server is ours alone, so it is migrated in production, too: there is no other instance to wait for. */
async function migrateEmbedded(server: EmbeddedServer): Promise<string[]> {
  try {
    const applied = await migrate(server.owner, { embedded: true });
    server.announce();
    return applied;
  } catch (error) {
    await server.close();
    throw error;
  }
}

async function openEmbedded(server: EmbeddedServer): Promise<OpenRecord> {
  await migrateEmbedded(server);
  const service = inSchema(server.service);
  const { pool, ownPool, end } = poolsOf(service);
  return {
    service,
    pool,
    ownPool,
    embedded: true,
    async close() {
      await end();
      await server.close();
    },
  };
}

const startEmbedded = { serve: serveEmbedded, command: joinEmbedded };

/**
 * Opens the record, brought up to date (production: checked only; `pointguard migrate` brings it). A service holds an
 * embedded record alone; a command joins it, or runs it for itself. `onLost` gets a sentence when the embedded server
 * ends by itself: the process cannot go on. Throws RecordError (its message is for the operator).
 */
export async function openRecord(
  settings: RecordSettings,
  purpose: 'serve' | 'command',
  onLost: (sentence: string) => void = () => undefined,
): Promise<OpenRecord> {
  if (settings.databaseUrl !== undefined) return openServer(settings, settings.databaseUrl);
  return openEmbedded(await startEmbedded[purpose](settings.dataDir, onLost));
}

/** Brings the record up to date, in production too: the command `pointguard migrate`. Answers what was applied. */
export async function migrateRecord(settings: RecordSettings): Promise<string[]> {
  if (settings.databaseUrl !== undefined) return migrateServer(settings, settings.databaseUrl);
  const server = await joinEmbedded(settings.dataDir, () => undefined);
  const applied = await migrateEmbedded(server);
  await server.close();
  return applied;
}
