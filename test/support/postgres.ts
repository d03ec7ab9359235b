/**
 * A throw-away PostgreSQL 18 for tests, from the same binaries as the embedded record, set up as production is: an owner
 * who is no superuser, and a login of the service's own that gets its rights from the role `pointguard_service`.
 *
 * One server a worker is enough: `freshRecord()` gives each spec file a migrated database of its own, as a copy of a
 * template. The server ends with its worker, however that ends: a shell waits for the end of a pipe.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type QueryResultRow } from 'pg';
import { placeBinaries } from '../../src/platform/postgres/embedded/binaries.js';
import { asUser, run } from '../../src/platform/postgres/embedded/programs.js';
import { postgresUser } from '../../src/platform/postgres/embedded/system-user.js';
import { migrate } from '../../src/platform/postgres/migrate.js';
import type { RecordSettings } from '../../src/platform/postgres/record.js';

/** A database: URLs of its owner and of the service's login, and a query as the owner. */
export interface TestDatabase {
  readonly name: string;
  readonly ownerUrl: string;
  readonly serviceUrl: string;
  /** What `openRecord` takes for it. */
  readonly settings: RecordSettings;
  query<R extends QueryResultRow = QueryResultRow>(sql: string, values?: unknown[]): Promise<R[]>;
}

/** The server, and its first database (empty). */
export interface TestPostgres extends TestDatabase {
  /** Of the postmaster now running. */
  readonly pid: number;
  readonly port: number;
  readonly superuserUrl: string;
  /** An empty database. */
  emptyDatabase(): Promise<TestDatabase>;
  /** A migrated database, as a copy of a template. */
  freshRecord(): Promise<TestDatabase>;
  /** SIGKILL to the whole server; `restart()` brings it back on the same port with the same data. */
  kill(): Promise<void>;
  restart(): Promise<void>;
  /** Fast shutdown; the files are deleted. */
  stop(): Promise<void>;
}

const OWNER = 'pointguard_owner';
const SERVICE_LOGIN = 'pointguard_app';

/** Runs the server until the pipe to us closes, then stops it and deletes everything; told to `leave`, only stops it. */
const UNTIL_WE_END = `"$1/postgres" -D "$2/data" -k "$2" -c listen_addresses=127.0.0.1 -c port="$3" \
  -c fsync="$4" -c max_connections=200 -c shared_buffers=32MB -c jit=off -c timezone=UTC >>"$2/log" 2>&1 &
server=$!
read -r word
kill -INT $server 2>/dev/null
wait $server
[ "$word" = leave ] || rm -rf "$2"`;

function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

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

async function waitUntil(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt++) {
    if (await holds()) return;
    await sleep(50);
  }
  throw new Error(`${what} did not happen within 30 s`);
}

const answers = (url: string): Promise<boolean> =>
  queryOnce(url, 'select 1').then(
    () => true,
    () => false,
  );

interface Server {
  directory: string;
  bin: string;
  port: number;
  password: string;
  fsync: 'on' | 'off';
}

/** Makes the cluster; local and TCP logins need the password, so that no neighbour on the machine gets in. */
async function makeServer(fsync: Server['fsync']): Promise<Server> {
  const user = postgresUser();
  const directory = mkdtempSync(join(tmpdir(), 'pointguard-test-'));
  const password = randomBytes(12).toString('hex');
  const passwordFile = join(directory, 'password');
  writeFileSync(passwordFile, password, { mode: 0o600 });
  mkdirSync(join(directory, 'data'), { mode: 0o700 });
  if (user) for (const path of [directory, passwordFile, join(directory, 'data')]) chownSync(path, user.uid, user.gid);
  const bin = placeBinaries(user, () => directory);
  const access = ['--auth=scram-sha-256', `--pwfile=${passwordFile}`];
  const options = [
    '-D',
    join(directory, 'data'),
    '-U',
    'postgres',
    ...access,
    '--encoding=UTF8',
    '--no-locale',
    '--no-sync',
  ];
  await run(join(bin, 'initdb'), options, user);
  return { directory, bin, port: await freePort(), password, fsync };
}

/** Starts the postmaster; answers how to end it, with or without its files. */
async function startServer(server: Server, url: string): Promise<{ pid: number; end(word: string): Promise<void> }> {
  const shell = spawn(
    '/bin/sh',
    ['-c', UNTIL_WE_END, 'sh', server.bin, server.directory, String(server.port), server.fsync],
    {
      ...asUser(postgresUser()),
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    },
  );
  const ended = new Promise<void>((resolve) => shell.once('exit', () => resolve()));
  await waitUntil('the start of PostgreSQL', () => answers(url));
  shell.unref();
  if (shell.stdin && 'unref' in shell.stdin && typeof shell.stdin.unref === 'function') shell.stdin.unref();
  return {
    pid: Number(readFileSync(join(server.directory, 'data/postmaster.pid'), 'utf8').split('\n')[0]),
    async end(word) {
      shell.ref();
      shell.stdin?.end(`${word}\n`);
      await ended;
    },
  };
}

/** Starts a server of its own, as durable as said. Most tests want `freshRecord()`, which shares one. */
export async function startTestPostgres(fsync: Server['fsync'] = 'off'): Promise<TestPostgres> {
  const server = await makeServer(fsync);
  const urlOf = (role: string, name: string): string =>
    `postgres://${role}:${server.password}@127.0.0.1:${server.port}/${name}`;
  const superuserUrl = urlOf('postgres', 'postgres');
  const admin = (sql: string): Promise<QueryResultRow[]> => queryOnce(superuserUrl, sql);
  const databaseOf = (name: string): TestDatabase => {
    const [ownerUrl, serviceUrl] = [urlOf(OWNER, name), urlOf(SERVICE_LOGIN, name)];
    return {
      name,
      ownerUrl,
      serviceUrl,
      settings: { databaseUrl: serviceUrl, migrationDatabaseUrl: ownerUrl, dataDir: './unused', production: false },
      query: (sql, values) => queryOnce(ownerUrl, sql, values),
    };
  };
  let count = 0;
  const makeDatabase = async (template: string): Promise<TestDatabase> => {
    const name = `record_${++count}`;
    await admin(`create database ${name} template ${template} owner ${OWNER}`);
    return databaseOf(name);
  };
  const makeTemplate = async (): Promise<string> => {
    const database = await makeDatabase('template0');
    await migrate({ connectionString: database.ownerUrl }, { serviceLogin: SERVICE_LOGIN });
    return database.name;
  };
  let template: Promise<string> | undefined;

  let running = await startServer(server, superuserUrl);
  await admin(`create role ${OWNER} login createrole password '${server.password}'`);
  await admin(`create role ${SERVICE_LOGIN} login password '${server.password}'`);
  const first = await makeDatabase('template0');

  return {
    ...first,
    superuserUrl,
    port: server.port,
    get pid() {
      return running.pid;
    },
    emptyDatabase: () => makeDatabase('template0'),
    freshRecord: async () => makeDatabase(await (template ??= makeTemplate())),
    async kill() {
      // backends outlive their postmaster for a while, and would still answer
      const backends = readFileSync(`/proc/${running.pid}/task/${running.pid}/children`, 'utf8').trim().split(' ');
      for (const pid of [running.pid, ...backends.map(Number)]) process.kill(pid, 'SIGKILL');
      await running.end('leave');
    },
    async restart() {
      running = await startServer(server, superuserUrl);
    },
    async stop() {
      await running.end('stop');
      rmSync(server.directory, { recursive: true, force: true });
    },
  };
}

let shared: Promise<TestPostgres> | undefined;

/** The server that the spec files of a worker share. It needs no stop: it ends with the worker. */
export const sharedPostgres = (): Promise<TestPostgres> => (shared ??= startTestPostgres());

/** A migrated database of one's own on the shared server. */
export const freshRecord = async (): Promise<TestDatabase> => (await sharedPostgres()).freshRecord();
