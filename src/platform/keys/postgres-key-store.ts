import type pg from 'pg';
import { codeOf } from '../postgres/record-error.js';
import { checkedKeyName, type KeyStore } from './key-store.js';

/** What of a pool or a client is needed here. */
type Queries = Pick<pg.Pool, 'query'>;

/** Of all instances that start at once, one at a time: `create schema if not exists` alone can still collide. */
const MIGRATION_LOCK = 7_160_251;

/** Several statements in one simple query are one transaction. Append-only: statements are added, none is changed. */
const MIGRATION = `
  select pg_advisory_xact_lock(${MIGRATION_LOCK});
  create schema if not exists pointguard_keys;
  create table if not exists pointguard_keys.wrapped_key (
    name       text primary key,
    wrapped    bytea not null,
    created_at timestamptz not null default now()
  );
  do $$ begin
    if exists (select from pg_roles where rolname = 'pointguard_service') then
      grant usage on schema pointguard_keys to pointguard_service;
      grant select, insert on pointguard_keys.wrapped_key to pointguard_service;
    end if;
  end $$;`;

/** Makes the key store's table where it is missing; as a role that may create a schema there. On one connection. */
export async function migrateKeyStore(owner: Pick<pg.Client, 'query'>): Promise<void> {
  await owner.query(MIGRATION);
}

/** No such table, no such schema, no privilege on it. */
const NOT_MIGRATED = new Set(['42P01', '3F000', '42501']);

/** Whether `migrateKeyStore` has run there, so that this role can use the store. */
export async function keyStoreIsMigrated(pool: Queries): Promise<boolean> {
  try {
    await pool.query('select from pointguard_keys.wrapped_key limit 0');
    return true;
  } catch (error) {
    if (NOT_MIGRATED.has(codeOf(error) ?? '')) return false;
    throw error;
  }
}

/** Keys as rows of `pointguard_keys.wrapped_key`, which `migrateKeyStore` has made. */
export function openPostgresKeyStore(pool: Queries): KeyStore {
  const get = async (name: string): Promise<Buffer | undefined> => {
    const { rows } = await pool.query<{ wrapped: Buffer }>(
      'select wrapped from pointguard_keys.wrapped_key where name = $1',
      [checkedKeyName(name)],
    );
    return rows[0]?.wrapped;
  };
  return {
    get,
    async create(name, wrapped) {
      await pool.query(
        'insert into pointguard_keys.wrapped_key (name, wrapped) values ($1, $2) on conflict (name) do nothing',
        [checkedKeyName(name), wrapped],
      );
      // a statement of its own: its snapshot has what an earlier creator committed while ours waited
      const kept = await get(name);
      if (!kept) throw new Error('the key store did not keep a key');
      return kept;
    },
    async list(prefix) {
      const { rows } = await pool.query<{ name: string }>(
        'select name from pointguard_keys.wrapped_key where starts_with(name, $1) order by name collate "C"',
        [prefix],
      );
      return rows.map((row) => row.name);
    },
  };
}
