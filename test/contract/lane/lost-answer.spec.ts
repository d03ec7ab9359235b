/** Connections that are lost at the worst moment: every caller gets the right answer, and every effect is there once. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sharedPostgres } from '../../support/postgres.js';
import { type CommitFault, type Proxy, startProxy } from '../../support/proxy.js';
import { holdLane, type Instance, type LaneWorld, laneWorld, raise } from './lane-world.js';

let world: LaneWorld;
let proxy: Proxy;
let instance: Instance;
beforeEach(async () => {
  world = await laneWorld();
  proxy = await startProxy((await sharedPostgres()).port);
  instance = world.instance({
    login: { connectionString: proxy.through(world.database.serviceUrl), options: '-c search_path=pointguard' },
    // one that were not given back would be missed at once
    mostConnections: 1,
  });
  await instance.lanes.submit(world.programId, raise('warm', { name: 'warm' }));
});
afterEach(async () => {
  await world.stop();
  await proxy.stop();
});

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** Every command was granted, and each stands in the record once. */
async function expectOnce(count: number): Promise<void> {
  expect(await world.value()).toBe(count);
  const log = await world.log();
  expect(log.map((row) => row.seq)).toEqual(range(count + 1).map((index) => index + 1));
  expect(new Set(log.map((row) => row.command)).size).toBe(count + 1);
}

const submitAll = (count: number) =>
  Promise.all(range(count).map((index) => instance.lanes.submit(world.programId, raise(`c${index}`, { cap: count }))));

describe('the answer to COMMIT is lost', () => {
  test.each<[CommitFault, string[]]>([
    ['cut before', ['not_committed 1']],
    ['cut after', []],
    ['silent after', []],
    ['silent before', ['not_committed 1']],
  ])('%s: callers are answered as if nothing had been', async (fault, retried) => {
    proxy.faults = [fault];
    const answers = await submitAll(100);
    expect(answers.filter((answer) => answer.granted)).toHaveLength(100);
    expect(proxy.faults).toEqual([]);
    await expectOnce(100);
    const retries = await instance.metrics.registry.getSingleMetricAsString('pointguard_lane_retries_total');
    expect([...retries.matchAll(/cause="(\w+)"} (\d+)/g)].map(([, cause, times]) => `${cause} ${times}`)).toEqual(
      retried,
    );
  });

  test('again and again, with another instance between', async () => {
    proxy.faults = range(8).flatMap(() => ['cut after', 'cut before'] as const);
    const other = world.instance();
    const answers = await Promise.all(
      range(300).map(async (index) => {
        await sleep((index % 50) * 10);
        const { lanes } = index % 3 === 0 ? other : instance;
        return await lanes.submit(world.programId, raise(`c${index}`, { cap: 250 }));
      }),
    );
    expect(proxy.faults.length).toBeLessThan(16);
    expect(answers.filter((answer) => answer.granted)).toHaveLength(250);
    await expectOnce(250);
  });

  test('and the record has gone too far since to know: nobody is answered, nothing is applied again', async () => {
    proxy.faults = ['cut after'];
    proxy.onExecuted = async () => {
      await world.database.query("update pointguard.lane set batch = batch + 10000, committed = '{}'");
    };
    const answers = await Promise.allSettled(
      range(5).map((index) => instance.lanes.submit(world.programId, raise(`c${index}`))),
    );
    for (const one of answers) expect(one).toMatchObject({ reason: { code: 'record.unavailable' } });
    await expectOnce(5);
    await expect(instance.lanes.submit(world.programId, raise('later'))).resolves.toMatchObject({ granted: true });
  });

  test('and the record stays away past the deadlines: callers hear so, and nothing is applied again', async () => {
    proxy.faults = ['cut after'];
    proxy.onExecuted = async () => {
      proxy.stalled = true;
    };
    const answers = await Promise.allSettled(
      range(5).map((index) => instance.lanes.submit(world.programId, raise(`c${index}`), 300)),
    );
    for (const one of answers) expect(one).toMatchObject({ reason: { code: 'record.unavailable' } });
    proxy.stalled = false;
    await expect(instance.lanes.submit(world.programId, raise('c5'))).resolves.toMatchObject({ granted: true });
    await expectOnce(6);
  });
});

describe('a connection', () => {
  test('that is terminated at any moment under load costs no answer and no effect', async () => {
    const killer = await world.session();
    const load = { over: false };
    const killing = (async () => {
      let ended = 0;
      while (!load.over) {
        const { rowCount } = await killer.query(
          `select pg_terminate_backend(pid) from pg_stat_activity
           where datname = current_database() and application_name = 'pointguard lane'`,
        );
        ended += rowCount ?? 0;
        await sleep(20 + Math.random() * 100);
      }
      return ended;
    })();
    const waves = range(600).map(async (index) => {
      await sleep((index % 100) * 15);
      return await instance.lanes.submit(world.programId, raise(`c${index}`));
    });
    const answers = await Promise.all(waves);
    load.over = true;
    expect(await killing).toBeGreaterThan(10);
    expect(answers.every((answer) => answer.granted)).toBe(true);
    await expectOnce(600);
  });

  test('to a server that takes it and says nothing is given up, and the next one serves', async () => {
    proxy.stallAll();
    proxy.stalled = true;
    const early = instance.lanes.submit(world.programId, raise('early'), 1000);
    await expect(early).rejects.toMatchObject({ code: 'record.unavailable' });
    const later = instance.lanes.submit(world.programId, raise('c0'));
    await sleep(2500);
    proxy.stalled = false;
    await expect(later).resolves.toMatchObject({ granted: true });
    await expectOnce(1);
  });

  test('that hangs does not keep the lanes from closing', async () => {
    proxy.stallAll();
    const closed = instance.connections.close().then(() => 'closed');
    await expect(Promise.race([closed, sleep(10_000).then(() => 'hangs')])).resolves.toBe('closed');
  });
});

describe('a holder of the lane', () => {
  const served = async (): Promise<number> => {
    const startMs = performance.now();
    await instance.lanes.submit(world.programId, raise('c0'));
    const tookMs = Math.round(performance.now() - startMs);
    process.stdout.write(`  the lane was free again after ${tookMs} ms\n`);
    await expectOnce(1);
    return tookMs;
  };

  test('that sits in its transaction is ended', async () => {
    const frozen = await world.session();
    await holdLane(frozen, world.programId);
    expect(await served()).toBeLessThan(3000);
    await expect(frozen.query('commit')).rejects.toThrow(/terminat|connection/i);
  });

  test('that is frozen while the server sends to it is ended', async () => {
    const frozen = await world.session();
    await holdLane(frozen, world.programId);
    const { stream } = (frozen as unknown as { connection: { stream: { pause(): void } } }).connection;
    stream.pause();
    frozen.query("select repeat('x', 1000) from generate_series(1, 200000)").catch(() => undefined);
    const watcher = await world.session();
    for (let blocked = false; !blocked; await sleep(20)) {
      const { rowCount } = await watcher.query(
        `select from pg_stat_activity where datname = current_database() and wait_event = 'ClientWrite'`,
      );
      blocked = rowCount === 1;
    }
    expect(await served()).toBeLessThan(3000);
  });

  test('is found behind others that wait and cannot end it', async () => {
    const frozen = await world.session();
    await holdLane(frozen, world.programId);
    // first in line: it waits for the holder, and we for it
    const first = await world.session();
    const firstGets = holdLane(first, world.programId).then(() => first.query('rollback'));
    await sleep(200);
    expect(await served()).toBeLessThan(3000);
    await firstGets;
  });
});
