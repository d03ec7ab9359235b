/** kill -9 of the service under load, again and again: what callers were told stays true, and nothing happens twice. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { joinEmbedded } from '../../src/platform/postgres/embedded/embedded.js';
import { build } from '../support/clone.js';
import { violationsIn } from '../support/invariants.js';
import { historyViolations, LOAD_POLICY, type Load, startLoad } from '../support/load.js';
import { freshRecord, type TestDatabase } from '../support/postgres.js';
import { type ServiceHome, serviceHome, type ServiceProcess } from '../support/process.js';

const KILLS = 10;

let home: ServiceHome;
beforeAll(build);
afterEach(() => home.clear());

async function killAgainAndAgain(load: Load, first: ServiceProcess, use: (instance: ServiceProcess) => void) {
  let instance = first;
  for (let kill = 0; kill < KILLS; kill++) {
    const before = load.told.length;
    while (load.told.length < before + 30) await sleep(5);
    await sleep(Math.random() * 150);
    await instance.kill();
    instance = await home.start();
    use(instance);
  }
  return instance;
}

async function expectTrue(query: TestDatabase['query'], load: Load): Promise<void> {
  // holds that ended while nobody was there are given back within a sweep or two
  await sleep(4000);
  expect(await historyViolations(query, load)).toEqual([]);
  expect(await violationsIn(query, 'acme')).toEqual([]);
  const [open] = await query<{ due: number }>(
    `select count(*)::int as due from pointguard.decision where open_until_ms < extract(epoch from clock_timestamp()) * 1000 - 1500`,
  );
  expect(open?.due).toBe(0);
  const outcomes = Map.groupBy(load.told, ({ call, body }) => `${call} ${body.outcome}`);
  process.stdout.write(
    `  ${[...outcomes].map(([what, told]) => `${what}: ${told.length}`).join(', ')}; repeated: ${load.repeated}\n`,
  );
  // a load that reached no limit would have proved nothing about them
  expect(outcomes.get('decide deny')?.length).toBeGreaterThan(10);
  expect(load.repeated).toBeGreaterThan(KILLS);
}

describe('kill -9 ten times under load', () => {
  test('of an instance beside another, on a PostgreSQL server', async () => {
    const database = await freshRecord();
    home = serviceHome({ database, policy: LOAD_POLICY });
    const stays = await home.start();
    let urls = [stays.url];
    const load = startLoad({ urls: () => urls });
    const use = (instance: ServiceProcess) => {
      urls = [stays.url, instance.url];
    };
    const first = await home.start();
    use(first);
    await killAgainAndAgain(load, first, use);
    await load.stop();
    // both served
    expect(load.toldBy.get(stays.url)).toBeGreaterThan(KILLS);
    await expectTrue(database.query, load);
  });

  test('of the only one, with its embedded record', async () => {
    home = serviceHome({ policy: LOAD_POLICY });
    const first = await home.start();
    let { url } = first;
    const load = startLoad({ urls: () => [url], workers: 8 });
    const last = await killAgainAndAgain(load, first, (instance) => {
      url = instance.url;
    });
    await load.stop();
    await expectTrue(embeddedQuery, load);
    last.signal('SIGTERM');
    expect(await last.ended()).toBe(0);
  });
});

/** Queries of the embedded record, as a command joins it. */
const embeddedQuery: TestDatabase['query'] = async (sql, values) => {
  const server = await joinEmbedded(join(home.directory, 'data'), () => undefined);
  const client = new Client(server.owner);
  await client.connect();
  try {
    return (await client.query(sql, values)).rows;
  } finally {
    await client.end();
    await server.close();
  }
};
