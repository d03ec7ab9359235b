import { appendFileSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { migrate } from '../../../src/platform/postgres/migrate.js';
import { RecordError } from '../../../src/platform/postgres/record-error.js';
import { sharedPostgres, type TestDatabase } from '../../support/postgres.js';

const SHIPPED = fileURLToPath(new URL('../../../src/platform/postgres/migrations/', import.meta.url));

let database: TestDatabase;
let directory: string;

beforeEach(async () => {
  database = await (await sharedPostgres()).emptyDatabase();
  directory = mkdtempSync(join(tmpdir(), 'pointguard-migrations-'));
  // the runner is tested here, not what is shipped: one file is enough
  copyFileSync(join(SHIPPED, '0001_record.sql'), join(directory, '0001_record.sql'));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

const up = (): Promise<string[]> =>
  migrate({ connectionString: database.ownerUrl }, { serviceLogin: 'pointguard_app', directory });
const add = (name: string, sql: string): void => writeFileSync(join(directory, name), sql);
const ledger = (): Promise<{ version: number; name: string }[]> =>
  database.query('select version, name from pointguard.schema_migration order by version');
const tables = async (pattern: string): Promise<string[]> => {
  const rows = await database.query<{ name: string }>(
    `select relname as name from pg_class where relnamespace = 'pointguard'::regnamespace and relkind in ('r', 'p')
      and relname like $1 order by 1`,
    [pattern],
  );
  return rows.map((row) => row.name);
};

test('an empty database is brought up once, and the second time nothing is left to do', async () => {
  expect(await up()).toEqual(['0001_record']);
  expect(await up()).toEqual([]);
  expect(await ledger()).toEqual([{ version: 1, name: 'record' }]);
  expect(await database.query('select program_id, mode from pointguard.program')).toEqual([
    { program_id: 0, mode: 'system' },
  ]);
});

test('four that start at once apply every migration once', async () => {
  add('0002_more.sql', 'create table more (n integer); insert into more values (1)');
  const applied = await Promise.all([up(), up(), up(), up()]);
  expect(applied.flat().sort()).toEqual(['0001_record', '0002_more']);
  expect(await database.query('select n from pointguard.more')).toEqual([{ n: 1 }]);
});

test('two databases of one server, migrated at once, share the role of the service', async () => {
  const second = await (await sharedPostgres()).emptyDatabase();
  const other = migrate({ connectionString: second.ownerUrl }, { serviceLogin: 'pointguard_app', directory });
  expect(await Promise.all([up(), other])).toEqual([['0001_record'], ['0001_record']]);
});

test('a file that changed after it was applied is refused by name, and nothing else is applied', async () => {
  await up();
  appendFileSync(join(directory, '0001_record.sql'), '\n-- only a comment\n');
  add('0002_more.sql', 'create table more ()');
  const failed = up();
  await expect(failed).rejects.toThrow(RecordError);
  await expect(failed).rejects.toThrow(/Migration 1 \(record\) has changed/);
  expect(await tables('more')).toEqual([]);
});

test('a migration that fails half-way leaves nothing, is not in the ledger, and can be mended', async () => {
  await up();
  add('0002_more.sql', 'create table more (); select 1 / 0');
  await expect(up()).rejects.toThrow(/Migration 2 \(more\) failed \(22012\)/);
  expect(await tables('more')).toEqual([]);
  expect(await ledger()).toHaveLength(1);
  add('0002_more.sql', 'create table more ()');
  expect(await up()).toEqual(['0002_more']);
});

test('a record that is ahead of the program is left as it is', async () => {
  add('0002_more.sql', 'create table more ()');
  await up();
  rmSync(join(directory, '0002_more.sql'));
  expect(await up()).toEqual([]);
  expect(await tables('more')).toEqual(['more']);
});

test.each(['0002-more.sql', 'more.sql', '0002_more.sql.orig'])('a file named %s is refused', async (name) => {
  add(name, 'select 1');
  await expect(up()).rejects.toThrow(/is not named like a migration/);
});

test('the migration makes partitions for this month and the next two', async () => {
  await up();
  const [months] = await database.query<{ names: string[] }>(
    `select array_agg(to_char(date_trunc('month', now() at time zone 'UTC') + make_interval(months => n), '"_"YYYY"_"MM') order by n) as names
      from generate_series(0, 2) n`,
  );
  expect(await tables('event%')).toEqual(['event', ...(months?.names ?? []).map((month) => `event${month}`)].sort());
  expect(await tables('decision_evidence_%')).toHaveLength(3);
});

test('the login that the service uses may be the owner himself', async () => {
  const applied = migrate({ connectionString: database.ownerUrl }, { serviceLogin: 'pointguard_owner', directory });
  expect(await applied).toEqual(['0001_record']);
});

test('a login that may not give the role of the service away is told so in a sentence', async () => {
  const { superuserUrl } = await sharedPostgres();
  await up();
  const admin = new Client({ connectionString: superuserUrl });
  await admin.connect();
  await admin.query('create role stranger nologin');
  await admin.query(`grant create on database ${database.name} to pointguard_app`);
  await database.query('drop schema pointguard cascade');
  const refused = migrate({ connectionString: database.serviceUrl }, { serviceLogin: 'stranger' });
  await expect(refused).rejects.toThrow(/CREATEROLE/);
  await admin.query('drop role stranger');
  await admin.end();
});
