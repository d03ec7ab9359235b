/** What the service's login may do: an attacker who has it must not be able to rewrite what happened. */
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ensurePartitions } from '../../../src/platform/postgres/partitions.js';
import { freshRecord, type TestDatabase } from '../../support/postgres.js';

let record: TestDatabase;
let service: Client;
let owner: Client;

async function connect(url: string): Promise<Client> {
  const client = new Client({ connectionString: url, options: '-c search_path=pointguard' });
  await client.connect();
  return client;
}

beforeAll(async () => {
  record = await freshRecord();
  service = await connect(record.serviceUrl);
  owner = await connect(record.ownerUrl);
  await owner.query(`insert into audit (program_id, seq, at_ms, actor_kind, actor_id, action, target, hash)
    values (0, 1, 1, 'system', 'test', 'test', 'test', 'x')`);
});

afterAll(async () => {
  await service.end();
  await owner.end();
});

const DENIED = { code: '42501' };

test.each([
  'create table t ()',
  'create table pointguard.t ()',
  'create schema s',
  'create function f() returns int language sql as $$ select 1 $$',
  'create table audit_2 partition of event default',
  'alter table audit disable trigger audit_append_only',
  'alter table decision add column x int',
  'drop table audit',
  'drop table event',
  'create index on decision (points)',
  'alter role pointguard_app superuser',
  'set role pointguard_owner',
  "set session_replication_role = 'replica'",
  'truncate decision',
  'truncate audit',
  "select pg_read_file('/etc/passwd')",
  "copy program to program 'id'",
])('refused: %s', async (sql) => {
  await expect(service.query(sql)).rejects.toMatchObject(DENIED);
});

test('the service deletes nowhere, not even after it tried to give itself the right', async () => {
  // without any grant option this is a warning in PostgreSQL, not an error
  await service.query('grant delete on audit, event, decision to pointguard_app');
  const { rows } = await owner.query<{ name: string }>(
    "select oid::regclass::text as name from pg_class where relnamespace = 'pointguard'::regnamespace and relkind in ('r', 'p')",
  );
  expect(rows.length).toBeGreaterThan(10);
  for (const { name } of rows) {
    await expect(service.query(`delete from ${name}`)).rejects.toMatchObject(DENIED);
  }
});

describe('rows that are never changed', () => {
  test.each([
    "update audit set reason = 'other'",
    "update event set data = '{}'",
    "update policy_version set document = ''",
    "update program set mode = 'live'",
    "update decision_evidence set request = '{}'",
    "update decision_evidence set readings = '{}'",
    "update schema_migration set checksum = ''",
    "insert into schema_migration values (9, 'x', 'x')",
  ])('refused: %s', async (sql) => {
    await expect(service.query(sql)).rejects.toMatchObject(DENIED);
  });

  test('partitions are no way around it', async () => {
    const { rows } = await owner.query<{ name: string }>(
      "select inhrelid::regclass::text as name from pg_inherits i join pg_class c on c.oid = i.inhrelid where c.relkind = 'r'",
    );
    expect(rows.length).toBe(6);
    for (const { name } of rows) {
      await expect(service.query(`update ${name} set program_id = 1`)).rejects.toMatchObject(DENIED);
      await expect(service.query(`insert into ${name} default values`)).rejects.toMatchObject(DENIED);
    }
  });

  test.each(["update audit set reason = 'other'", 'delete from audit', 'truncate audit'])(
    'even the owner is stopped: %s',
    async (sql) => {
      await expect(owner.query(sql)).rejects.toThrow('audit is append-only');
      expect((await owner.query('select reason from audit')).rows).toEqual([{ reason: null }]);
    },
  );
});

test('the service does what it is there for', async () => {
  await service.query("insert into event values (0, 1, gen_random_uuid(), 't', 'a', 1, 1, now(), '{}')");
  await service.query(
    "insert into decision_evidence values (0, gen_random_uuid(), now(), '{}', 'sealed', 'salt', '{}')",
  );
  expect((await service.query('update decision_evidence set sealed = null, salt = null')).rowCount).toBe(1);
  expect((await service.query('update lane set seq = seq + 1, batch = batch + 1')).rowCount).toBe(1);
  await service.query("insert into subject values (0, 'k', 's')");
  expect((await service.query('select from schema_migration')).rowCount).toBeGreaterThan(0);
});

test('the service may end a backend of its own', async () => {
  const victim = await connect(record.serviceUrl);
  const ended = new Promise((resolve) => victim.on('error', resolve));
  const { rows } = await victim.query<{ pid: number }>('select pg_backend_pid() as pid');
  await service.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
  expect(await ended).toMatchObject({ code: '57P01' });
});

describe('partitions', () => {
  const drop = (): Promise<unknown> =>
    owner.query(`do $$ declare t regclass; begin
      for t in select inhrelid from pg_inherits i join pg_class c on c.oid = i.inhrelid where c.relkind = 'r' loop
        execute format('drop table %s', t); end loop; end $$`);

  test('the service makes them through the function of the owner, once', async () => {
    await drop();
    expect(await ensurePartitions(service)).toBe(6);
    expect(await ensurePartitions(service)).toBe(0);
  });

  test('their bounds are months in UTC, whatever the time zone of the session', async () => {
    await service.query("set timezone = 'Pacific/Auckland'");
    await service.query("select ensure_partition('event', '2031-01-01')");
    await service.query('reset timezone');
    await service.query("select ensure_partition('event', '2031-02-01')");
    const { rows } = await service.query<{ bound: string }>(
      "select pg_get_expr(relpartbound, oid) as bound from pg_class where relname = 'event_2031_01'",
    );
    expect(rows[0]?.bound).toBe("FOR VALUES FROM ('2031-01-01 00:00:00+00') TO ('2031-02-01 00:00:00+00')");
  });

  test('only of our two tables, by their own names', async () => {
    await expect(service.query("select ensure_partition('audit', '2031-01-01')")).rejects.toThrow('not a partitioned');
    await expect(service.query("select ensure_partition('pg_class', '2031-01-01')")).rejects.toThrow(
      'not a partitioned',
    );
  });

  test('who holds the table delays them, and is not waited for longer than 200 ms at a time', async () => {
    await drop();
    const holder = await connect(record.ownerUrl);
    await holder.query('begin; lock table event in access share mode');
    const direct = service.query("select ensure_partition('event', '2032-01-01')");
    await expect(direct).rejects.toMatchObject({ code: '55P03' });
    const made = ensurePartitions(service);
    await new Promise((resolve) => setTimeout(resolve, 500));
    await holder.query('commit');
    expect(await made).toBe(6);
    await holder.end();
  });

  test('two that make the same ones at once both end well', async () => {
    await drop();
    const other = await connect(record.serviceUrl);
    const made = await Promise.all([ensurePartitions(service), ensurePartitions(other)]);
    expect(made[0] + made[1]).toBe(6);
    await other.end();
  });
});
