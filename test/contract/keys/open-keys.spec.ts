import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { openKeys } from '../../../src/platform/keys/open-keys.js';
import { freshRecord, sharedPostgres } from '../../support/postgres.js';

const directories: string[] = [];
afterAll(() => {
  for (const directory of directories) rmSync(directory, { recursive: true });
});

function newDataDir(): string {
  const directory = mkdtempSync(join(tmpdir(), 'pointguard-data-'));
  directories.push(directory);
  return join(directory, 'data');
}

const MASTER_KEY = Buffer.alloc(32, 3);
const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

describe('keys in DATA_DIR', () => {
  test('are made at the first start, readable by their owner only, and found at the next', async () => {
    const dataDir = newDataDir();
    const first = await openKeys({ dataDir });
    const second = await openKeys({ dataDir });
    expect(second.ring.token.active).toEqual(first.ring.token.active);
    expect(modeOf(join(dataDir, 'keys'))).toBe('700');
    expect(modeOf(join(dataDir, 'master.key'))).toBe('600');
    const files = readdirSync(join(dataDir, 'keys'));
    expect(files.toSorted()).toEqual(['index.1', 'subject.1', 'token.1']);
    for (const file of files) expect(modeOf(join(dataDir, 'keys', file))).toBe('600');
  });

  test('are the same for processes that start at once', async () => {
    const dataDir = newDataDir();
    const opened = await Promise.all(Array.from({ length: 6 }, () => openKeys({ dataDir })));
    expect(new Set(opened.map(({ ring }) => ring.token.active.key.toString('hex'))).size).toBe(1);
    expect(new Set(opened.map(({ ring }) => ring.accountKey(1, 'a'))).size).toBe(1);
  });

  test('what a crash left half-written is no key', async () => {
    const dataDir = newDataDir();
    const { ring } = await openKeys({ dataDir });
    writeFileSync(join(dataDir, 'keys', '.token.2.0011223344556677'), 'half');
    expect((await openKeys({ dataDir })).ring.token.active).toEqual(ring.token.active);
  });

  test('a directory that became readable is closed again', async () => {
    const dataDir = newDataDir();
    await openKeys({ dataDir });
    chmodSync(join(dataDir, 'keys'), 0o755);
    await openKeys({ dataDir });
    expect(modeOf(join(dataDir, 'keys'))).toBe('700');
  });

  test('a lost, a foreign, a short and an open master key end the start with a sentence without it', async () => {
    const dataDir = newDataDir();
    const path = join(dataDir, 'master.key');
    await openKeys({ dataDir });
    const good = readFileSync(path, 'utf8');

    await expect(openKeys({ dataDir, masterKey: MASTER_KEY })).rejects.toThrow(
      /^The master key is not the one that wrapped/,
    );
    chmodSync(path, 0o644);
    await expect(openKeys({ dataDir })).rejects.toThrow(`${path} can be read by anyone on this host: chmod 600 it.`);
    chmodSync(path, 0o600);
    writeFileSync(path, 'c2hvcnQ=');
    await expect(openKeys({ dataDir })).rejects.toThrow(`${path} must hold 32 bytes in base64.`);
    unlinkSync(path);
    await expect(openKeys({ dataDir })).rejects.toThrow(/^The master key is missing: put back /);
    // it made no other one, so that the right one can be put back
    writeFileSync(path, good, { mode: 0o600 });
    await expect(openKeys({ dataDir })).resolves.toBeDefined();
  });
});

describe('keys in PostgreSQL', () => {
  test('beside the record: the owner makes the schema, the service uses it, no file is made', async () => {
    const database = await freshRecord();
    const settings = { ...database.settings, dataDir: newDataDir(), masterKey: MASTER_KEY };
    const opened = await Promise.all([openKeys(settings), openKeys(settings)]);
    expect(opened[0]?.ring.token.active).toEqual(opened[1]?.ring.token.active);
    for (const { close } of opened) await close();
    expect(() => statSync(settings.dataDir)).toThrow('ENOENT');
  });

  test('in a database of their own', async () => {
    const record = await freshRecord();
    const keys = await (await sharedPostgres()).emptyDatabase();
    const settings = {
      ...record.settings,
      dataDir: newDataDir(),
      masterKey: MASTER_KEY,
      keyDatabaseUrl: keys.ownerUrl,
    };
    const { ring, close } = await openKeys(settings);
    await ring.sealKey(4, Date.UTC(2026, 0, 1));
    await close();
    expect(await keys.query('select name from pointguard_keys.wrapped_key order by 1')).toEqual(
      ['data.4.2026-01', 'index.1', 'subject.1', 'token.1'].map((name) => ({ name })),
    );
    expect(await record.query(`select from pg_namespace where nspname = 'pointguard_keys'`)).toEqual([]);
  });

  test('a database that cannot be used ends the start with a sentence without host, user and password', async () => {
    const settings = {
      dataDir: newDataDir(),
      masterKey: MASTER_KEY,
      keyDatabaseUrl: 'postgres://spy:hidden@127.0.0.1:1/k',
    };
    await expect(openKeys(settings)).rejects.toThrow(
      'The key store of KEY_DATABASE_URL cannot be used (ECONNREFUSED).',
    );
  });
});
