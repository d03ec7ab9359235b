/**
 * Migrations: plain SQL files, append-only, each applied once in a transaction of its own with its checksum. Instances
 * of two versions run side by side for a while, so a migration expands before a later one contracts, and a record that
 * is ahead of this program is fine.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, type ClientBase, type ClientConfig, escapeIdentifier, type Pool } from 'pg';
import { inSchema } from './login.js';
import { ensurePartitions } from './partitions.js';
import { codeOf, RecordError } from './record-error.js';

const SHIPPED = fileURLToPath(new URL('./migrations/', import.meta.url));
/** Only one instance migrates at a time. Any fixed number; advisory locks are per database. */
const MIGRATION_LOCK = 7_040_173_301;
const LOCK_LIMIT_MS = 60_000;

const LEDGER = `create table if not exists schema_migration (
  version    integer primary key,
  name       text not null,
  checksum   text not null,
  applied_at timestamptz not null default now()
)`;

export interface Migration {
  version: number;
  name: string;
  sql: string;
  /** SHA-256 of the file, hex. */
  checksum: string;
}

export interface MigrateOptions {
  /** The role that the service logs in as; it gets what `pointguard_service` may do. */
  serviceLogin?: string;
  /** Embedded: the service logs in as `pointguard_service` itself. */
  embedded?: boolean;
  /** Where the files are; the shipped ones. */
  directory?: string;
}

/** The migrations of a directory in order. Throws RecordError where a file is not named `0001_what_it_does.sql`. */
export function readMigrations(directory = SHIPPED): Migration[] {
  return readdirSync(directory)
    .sort()
    .map((file) => {
      const match = /^(\d{4})_(\w+)\.sql$/.exec(file);
      if (!match) throw new RecordError(`${join(directory, file)} is not named like a migration.`);
      const sql = readFileSync(join(directory, file), 'utf8');
      return {
        version: Number(match[1]),
        name: match[2] ?? '',
        sql,
        checksum: createHash('sha256').update(sql).digest('hex'),
      };
    });
}

/** The migrations that a record lacks. Throws RecordError where one that was applied has changed since. */
export async function pendingMigrations(client: ClientBase | Pool, shipped = readMigrations()): Promise<Migration[]> {
  const rows = await client.query<{ version: number; checksum: string }>(
    'select version, checksum from pointguard.schema_migration',
  );
  const applied = new Map(rows.rows.map((row) => [row.version, row.checksum]));
  const changed = shipped.find(({ version, checksum }) => applied.has(version) && applied.get(version) !== checksum);
  if (changed) {
    throw new RecordError(
      `Migration ${changed.version} (${changed.name}) has changed since it was applied to this record; migrations are append-only.`,
    );
  }
  return shipped.filter(({ version }) => !applied.has(version));
}

/** Sets up what the first migration needs: the schema, the ledger of migrations, and the service's role. */
async function prepare(client: Client, options: MigrateOptions): Promise<void> {
  await client.query('create schema if not exists pointguard');
  await client.query(LEDGER);
  await ensureServiceRole(client, options);
}

/** A role is of the whole server: another database's migration may make it at the same moment. */
const MAKE_ROLE = `do $$ begin
  if not exists (select from pg_roles where rolname = 'pointguard_service') then
    create role pointguard_service nologin;
  end if;
exception when duplicate_object or unique_violation then null; end $$`;

const IS_MEMBER = `select pg_has_role(rolname, 'pointguard_service', 'member') as member from pg_roles where rolname = $1`;

async function grantServiceRole(client: Client, login: string): Promise<void> {
  const { rows } = await client.query<{ member: boolean }>(IS_MEMBER, [login]);
  if (rows[0]?.member === false) await client.query(`grant pointguard_service to ${escapeIdentifier(login)}`);
}

async function ensureServiceRole(client: Client, { serviceLogin, embedded }: MigrateOptions): Promise<void> {
  try {
    await client.query(MAKE_ROLE);
    if (embedded) await client.query('alter role pointguard_service login');
    else if (serviceLogin !== undefined) await grantServiceRole(client, serviceLogin);
  } catch (cause) {
    if (codeOf(cause) !== '42501') throw cause;
    throw new RecordError(
      "The migration's role may not make the role pointguard_service and grant it to the service's login; give it CREATEROLE, or let an administrator do both.",
      { cause },
    );
  }
}

async function apply(client: Client, migration: Migration): Promise<void> {
  await client.query('begin');
  try {
    await client.query(migration.sql);
    await client.query('insert into schema_migration (version, name, checksum) values ($1, $2, $3)', [
      migration.version,
      migration.name,
      migration.checksum,
    ]);
    await client.query('commit');
  } catch (cause) {
    await client.query('rollback').catch(() => undefined);
    throw new RecordError(
      `Migration ${migration.version} (${migration.name}) failed (${codeOf(cause)}); it changed nothing.`,
      {
        cause,
      },
    );
  }
}

async function lockMigrations(client: Client): Promise<void> {
  try {
    await client.query(`set lock_timeout = ${LOCK_LIMIT_MS}`);
    await client.query('select pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await client.query('reset lock_timeout');
  } catch (cause) {
    if (codeOf(cause) !== '55P03') throw cause;
    throw new RecordError(`Another instance has been migrating the record for ${LOCK_LIMIT_MS / 1000} s.`, { cause });
  }
}

/**
 * Brings a record up to date, as its owner, and makes this month's and the next two months' partitions. Answers the
 * names of what was applied. Two callers at once take turns. Throws RecordError, or the error of the connection.
 */
export async function migrate(owner: ClientConfig, options: MigrateOptions = {}): Promise<string[]> {
  const shipped = readMigrations(options.directory);
  const client = new Client(inSchema(owner));
  // an error of an idle connection: the next query tells
  client.on('error', () => undefined);
  await client.connect();
  try {
    await lockMigrations(client);
    await prepare(client, options);
    const pending = await pendingMigrations(client, shipped);
    for (const migration of pending) await apply(client, migration);
    if (shipped.length > 0) await ensurePartitions(client);
    return pending.map(({ version, name }) => `${String(version).padStart(4, '0')}_${name}`);
  } finally {
    await client.end();
  }
}
