/** PostgreSQL killed, frozen and full, under load: callers hear so in time, nothing acknowledged is lost, and all comes back. */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { build } from '../support/clone.js';
import { violationsIn } from '../support/invariants.js';
import { historyViolations, LOAD_POLICY, startLoad } from '../support/load.js';
import { startTestPostgres, type TestDatabase, type TestPostgres } from '../support/postgres.js';
import { type ServiceHome, serviceHome } from '../support/process.js';
import { startTestService, transaction } from '../support/service.js';

/** A decision's deadline, and what a loaded machine needs to say so. */
const DEADLINE_MS = 2000 + 1500;

let postgres: TestPostgres;
let home: ServiceHome | undefined;
beforeAll(async () => {
  build();
  postgres = await startTestPostgres('on');
});
afterEach(() => home?.clear());
afterAll(() => postgres.stop());

async function asSuperuser(sql: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: postgres.superuserUrl });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

async function expectTrue(database: TestDatabase, load: ReturnType<typeof startLoad>): Promise<void> {
  await sleep(3000);
  expect(await historyViolations(database.query, load)).toEqual([]);
  expect(await violationsIn(database.query, 'acme')).toEqual([]);
}

/** The postmaster and all of its children. */
function processesOf(postmaster: number): number[] {
  const children = readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      // the name of a process stands in brackets and may hold spaces; state and parent follow
      const [, parent] = readFileSync(`/proc/${name}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
      return Number(parent) === postmaster;
    } catch {
      return false;
    }
  });
  return [postmaster, ...children.map(Number)];
}

test('kill -9 of PostgreSQL three times under load: nothing acknowledged is lost, and the service comes back', async () => {
  expect(await asSuperuser('show fsync')).toEqual([{ fsync: 'on' }]);
  const database = await postgres.freshRecord();
  home = serviceHome({ database, policy: LOAD_POLICY });
  const instance = await home.start();
  const load = startLoad({ urls: () => [instance.url] });
  const backAfterMs: number[] = [];
  for (let kill = 0; kill < 3; kill++) {
    await sleep(1500 + Math.random() * 300);
    await postgres.kill();
    await sleep(1000);
    const restartedMs = performance.now();
    await postgres.restart();
    const before = load.told.length;
    while (load.told.length === before) await sleep(10);
    backAfterMs.push(Math.round(performance.now() - restartedMs));
  }
  await sleep(1000);
  await load.stop();
  process.stdout.write(`  answers again ${backAfterMs.join(', ')} ms after PostgreSQL was started\n`);
  expect(Math.max(...backAfterMs)).toBeLessThan(30_000);
  await expectTrue(database, load);
});

test('PostgreSQL frozen for 5 s: every caller hears 503 within the deadline, and all goes on afterwards', async () => {
  const database = await postgres.freshRecord();
  home = serviceHome({ database, policy: LOAD_POLICY });
  const instance = await home.start();
  const direct = await startTestService({ database, policy: LOAD_POLICY });
  // its keys and lists are read with its first decision
  expect((await direct.post('/v1/decisions', transaction())).status).toBe(201);
  const load = startLoad({ urls: () => [instance.url] });
  await sleep(1000);
  const frozen = processesOf(postgres.pid);
  expect(frozen.length).toBeGreaterThan(5);
  for (const pid of frozen) process.kill(pid, 'SIGSTOP');
  const answers: { status: number; tookMs: number; code: unknown }[] = [];
  const endMs = performance.now() + 5000;
  try {
    while (performance.now() < endMs) {
      const startMs = performance.now();
      const { status, body } = await direct.post('/v1/decisions', transaction());
      answers.push({ status, code: body.code, tookMs: performance.now() - startMs });
      await sleep(50);
    }
  } finally {
    for (const pid of frozen) process.kill(pid, 'SIGCONT');
  }
  process.stdout.write(
    `  ${answers.length} answers, the slowest after ${Math.round(Math.max(...answers.map((one) => one.tookMs)))} ms\n`,
  );
  expect(new Set(answers.map((one) => one.status))).toEqual(new Set([503]));
  expect(new Set(answers.map((one) => one.code))).toEqual(new Set(['record.unavailable']));
  for (const { tookMs } of answers) expect(tookMs).toBeLessThan(DEADLINE_MS);
  await sleep(2000);
  expect((await direct.post('/v1/decisions', transaction())).status).toBe(201);
  await load.stop();
  await expectTrue(database, load);
  await direct.stop();
});

test('no connection left: callers hear 503 within the deadline; once there is one they are served', async () => {
  const service = await startTestService({ database: await postgres.freshRecord() });
  expect((await service.post('/v1/decisions', transaction())).status).toBe(201);
  const taken: Client[] = [];
  const takeAll = async () => {
    for (;;) {
      const client = new Client({ connectionString: service.database.serviceUrl });
      client.on('error', () => undefined);
      try {
        await client.connect();
      } catch (error) {
        await client.end().catch(() => undefined);
        return (error as { code?: string }).code;
      }
      taken.push(client);
    }
  };
  expect(await takeAll()).toBe('53300');
  await taken[0]?.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pointguard lane'",
  );
  // what that freed is taken before the lane asks for it
  await takeAll();
  const startMs = performance.now();
  const refused = await service.post('/v1/decisions', transaction());
  expect(refused).toMatchObject({ status: 503, body: { code: 'record.unavailable' } });
  expect(performance.now() - startMs).toBeLessThan(DEADLINE_MS);
  await Promise.all(taken.map((client) => client.end()));
  expect((await service.post('/v1/decisions', transaction())).status).toBe(201);
  await service.stop();
});
