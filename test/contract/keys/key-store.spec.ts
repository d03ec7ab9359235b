import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pool } from 'pg';
import { afterAll, describe, expect, test } from 'vitest';
import { openFileKeyStore } from '../../../src/platform/keys/file-key-store.js';
import type { KeyStore } from '../../../src/platform/keys/key-store.js';
import { migrateKeyStore, openPostgresKeyStore } from '../../../src/platform/keys/postgres-key-store.js';
import { freshRecord } from '../../support/postgres.js';

/** A store that several processes open: each `open` is one of them. */
interface Shared {
  open(): Promise<KeyStore>;
  close(): Promise<void>;
}

async function sharedFiles(): Promise<Shared> {
  const dataDir = mkdtempSync(join(tmpdir(), 'pointguard-keys-'));
  return { open: () => openFileKeyStore(dataDir), close: async () => rmSync(dataDir, { recursive: true }) };
}

async function sharedDatabase(): Promise<Shared> {
  const database = await freshRecord();
  const owner = new Pool({ connectionString: database.ownerUrl, max: 4 });
  // two instances that start at once, and one later
  await Promise.all([migrateKeyStore(owner), migrateKeyStore(owner)]);
  await migrateKeyStore(owner);
  await owner.end();
  const pools: Pool[] = [];
  return {
    async open() {
      const pool = new Pool({ connectionString: database.serviceUrl, max: 2 });
      pools.push(pool);
      return openPostgresKeyStore(pool);
    },
    async close() {
      for (const pool of pools) await pool.end();
    },
  };
}

describe.each([
  ['files', sharedFiles],
  ['PostgreSQL, as the role of the service', sharedDatabase],
])('key store in %s', (_name, share) => {
  let shared: Promise<Shared> | undefined;
  const open = async () => (await (shared ??= share())).open();
  afterAll(async () => (await shared)?.close());

  test('keeps what was created, byte for byte, for every process', async () => {
    const store = await open();
    const wrapped = randomBytes(80);
    expect(await store.get('token.1')).toBeUndefined();
    expect(await store.create('token.1', wrapped)).toEqual(wrapped);
    expect(await store.get('token.1')).toEqual(wrapped);
    expect(await (await open()).get('token.1')).toEqual(wrapped);
  });

  test('never changes a key: the second creator gets the first one', async () => {
    const store = await open();
    const first = await store.create('subject.1', Buffer.from('first'));
    expect(await store.create('subject.1', Buffer.from('second'))).toEqual(first);
    expect(await store.get('subject.1')).toEqual(Buffer.from('first'));
  });

  test('of many that create one key at once, one wins and all see its key', async () => {
    const stores = await Promise.all(Array.from({ length: 8 }, open));
    for (let round = 0; round < 10; round++) {
      const name = `data.1.2026-${String(round + 10)}`;
      const seen = await Promise.all(stores.map((store, who) => store.create(name, Buffer.from(`${who} ${round}`))));
      expect(new Set(seen.map(String)).size).toBe(1);
      expect(await stores[0]?.get(name)).toEqual(seen[0]);
    }
  });

  test('lists by prefix, sorted, the letter for letter prefix only', async () => {
    const store = await open();
    for (const name of ['list.b', 'list.a', 'list.a1', 'listx']) await store.create(name, Buffer.of(1));
    expect(await store.list('list.')).toEqual(['list.a', 'list.a1', 'list.b']);
    expect(await store.list('list_')).toEqual([]);
    expect(await store.list('%')).toEqual([]);
    expect(await store.list('')).toEqual(expect.arrayContaining(['list.a', 'token.1']));
  });

  test.each(['../master.key', 'a/b', '.hidden', '', 'A', 'a\0b', 'x'.repeat(101), 'a b'])(
    '%j is no name',
    async (name) => {
      const store = await open();
      // a store may refuse at once or by its promise
      await expect((async () => store.get(name))()).rejects.toThrow(RangeError);
      await expect((async () => store.create(name, Buffer.of(1)))()).rejects.toThrow(RangeError);
    },
  );
});

test('the role of the service can neither change nor delete a key', async () => {
  const database = await freshRecord();
  const owner = new Pool({ connectionString: database.ownerUrl, max: 1 });
  const service = new Pool({ connectionString: database.serviceUrl, max: 1 });
  await migrateKeyStore(owner);
  await openPostgresKeyStore(service).create('token.1', Buffer.of(1));
  for (const sql of [
    `update pointguard_keys.wrapped_key set wrapped = ''`,
    'delete from pointguard_keys.wrapped_key',
    'truncate pointguard_keys.wrapped_key',
    'create table pointguard_keys.other (id integer)',
  ]) {
    await expect(service.query(sql)).rejects.toMatchObject({ code: '42501' });
  }
  await Promise.all([owner.end(), service.end()]);
});
