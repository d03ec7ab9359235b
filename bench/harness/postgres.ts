/**
 * A throw-away PostgreSQL 18 from the embedded binaries, durable as production is: fsync and synchronous_commit on, on
 * the disk of the temporary directory. It ends with us, however we end: a shell waits for the end of a pipe.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { chownSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type QueryResultRow } from 'pg';
import { placeBinaries } from '../../src/platform/postgres/embedded/binaries.js';
import { asUser, run } from '../../src/platform/postgres/embedded/programs.js';
import { postgresUser } from '../../src/platform/postgres/embedded/system-user.js';
import { migrate } from '../../src/platform/postgres/migrate.js';
import { freePort } from './processes.js';

export interface BenchDatabase {
  ownerUrl: string;
  serviceUrl: string;
  /** As its owner. */
  query<R extends QueryResultRow>(sql: string, values?: unknown[]): Promise<R[]>;
}

export interface BenchPostgres {
  /** Of the postmaster. */
  pid: number;
  version: string;
  settings: string;
  emptyDatabase(): Promise<BenchDatabase>;
  /** One with the record's tables. */
  record(): Promise<BenchDatabase>;
  /** As the superuser. */
  admin(sql: string): Promise<QueryResultRow[]>;
  stop(): Promise<void>;
}

const OWNER = 'pointguard_owner';
const SERVICE_LOGIN = 'pointguard_app';
const SETTINGS = ['shared_buffers=1GB', 'max_wal_size=8GB', 'max_connections=200'];

const UNTIL_WE_END = `"$1/postgres" -D "$2/data" -k "$2" -p "$3" -c listen_addresses=127.0.0.1 -c fsync=on \
  -c synchronous_commit=on ${SETTINGS.map((setting) => `-c ${setting}`).join(' ')} >>"$2/log" 2>&1 &
server=$!
read -r word
kill -INT $server 2>/dev/null
wait $server
rm -rf "$2"`;

async function queryOnce<R extends QueryResultRow>(url: string, sql: string, values: unknown[] = []): Promise<R[]> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<R>(sql, values)).rows;
  } finally {
    await client.end();
  }
}

async function makeCluster(): Promise<{ directory: string; bin: string; password: string }> {
  const user = postgresUser();
  const directory = mkdtempSync(join(tmpdir(), 'pointguard-bench-'));
  const data = join(directory, 'data');
  const password = randomBytes(12).toString('hex');
  const passwordFile = join(directory, 'password');
  writeFileSync(passwordFile, password, { mode: 0o600 });
  mkdirSync(data, { mode: 0o700 });
  if (user) for (const path of [directory, passwordFile, data]) chownSync(path, user.uid, user.gid);
  const bin = placeBinaries(user, () => directory);
  const access = ['-U', 'postgres', '--auth=scram-sha-256', `--pwfile=${passwordFile}`];
  await run(join(bin, 'initdb'), ['-D', data, ...access, '--encoding=UTF8', '--no-locale'], user);
  return { directory, bin, password };
}

async function untilItAnswers(url: string): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt++) {
    try {
      await queryOnce(url, 'select 1');
      return;
    } catch {
      await sleep(50);
    }
  }
  throw new Error('PostgreSQL did not start within 30 s');
}

export async function startPostgres(): Promise<BenchPostgres> {
  const { directory, bin, password } = await makeCluster();
  const port = await freePort();
  const shell: ChildProcess = spawn('/bin/sh', ['-c', UNTIL_WE_END, 'sh', bin, directory, String(port)], {
    ...asUser(postgresUser()),
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const urlOf = (role: string, name: string): string => `postgres://${role}:${password}@127.0.0.1:${port}/${name}`;
  const superuserUrl = urlOf('postgres', 'postgres');
  await untilItAnswers(superuserUrl);
  const admin = (sql: string) => queryOnce(superuserUrl, sql);
  await admin(`create role ${OWNER} login createrole password '${password}'`);
  await admin(`create role ${SERVICE_LOGIN} login password '${password}'`);
  let count = 0;
  const emptyDatabase = async (): Promise<BenchDatabase> => {
    const name = `bench_${++count}`;
    await admin(`create database ${name} owner ${OWNER}`);
    const ownerUrl = urlOf(OWNER, name);
    const query: BenchDatabase['query'] = (sql, values) => queryOnce(ownerUrl, sql, values);
    return { ownerUrl, serviceUrl: urlOf(SERVICE_LOGIN, name), query };
  };
  const [{ server_version: version } = { server_version: '' }] = await admin('show server_version');
  return {
    pid: Number(readFileSync(join(directory, 'data/postmaster.pid'), 'utf8').split('\n')[0]),
    version: String(version),
    settings: ['fsync=on', 'synchronous_commit=on', ...SETTINGS].join(', '),
    emptyDatabase,
    async record() {
      const database = await emptyDatabase();
      await migrate({ connectionString: database.ownerUrl }, { serviceLogin: SERVICE_LOGIN });
      return database;
    },
    admin,
    async stop() {
      const ended = once(shell, 'exit');
      shell.stdin?.end();
      await ended;
    },
  };
}
