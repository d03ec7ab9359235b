/** What a lane promises, on a real record and with several instances. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { LaneCommand } from '../../../src/platform/lane/lane.types.js';
import { counters, type Granted, holdLane, type LaneWorld, laneWorld, raise } from './lane-world.js';

let world: LaneWorld;
beforeEach(async () => {
  world = await laneWorld();
});
afterEach(() => world.stop());

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const granted = (answers: readonly Granted[]): number => answers.filter((answer) => answer.granted).length;

async function expectGapless(): Promise<void> {
  const log = await world.log();
  expect(log.map((row) => row.seq)).toEqual(range(log.length).map((index) => index + 1));
  expect((await world.lane()).seq).toBe(log.length);
}

describe('a cap', () => {
  test('is reached exactly and never passed, by three instances at once', async () => {
    const instances = range(3).map(() => world.instance());
    const answers = await Promise.all(
      range(900).map(async (index) => {
        // in waves, so that many batches of all instances meet
        await sleep((index % 60) * 5);
        return await instances[index % 3]!.lanes.submit(world.programId, raise(`c${index}`, { cap: 300 }));
      }),
    );
    expect(granted(answers)).toBe(300);
    expect(await world.value()).toBe(300);
    await expectGapless();
    const writers = new Set((await world.log()).map((row) => row.batch));
    expect(writers.size).toBeGreaterThan(10);
  });

  test('is passed by the one-statement lock that the lane must not use: the check above would see it', async () => {
    await world.database.query('insert into pointguard.counter (program_id, name, value) values ($1, $$c$$, 0)', [
      world.programId,
    ]);
    const sessions = await Promise.all(range(8).map(() => world.session()));
    const oneByOne = async (session: (typeof sessions)[number]) => {
      for (let turn = 0; turn < 60; turn++) {
        await session.query('begin isolation level read committed');
        const { rows } = await session.query<{ value: string }>(
          `with locked as (select program_id from lane where program_id = $1 for no key update)
           select value from locked join counter using (program_id) where name = 'c'`,
          [world.programId],
        );
        const value = Number(rows[0]?.value);
        await session.query('update counter set value = $2 where program_id = $1', [world.programId, value + 1]);
        await session.query('commit');
      }
    };
    await Promise.all(sessions.map(oneByOne));
    // 480 were granted, fewer were counted: a cap of 300 would have been passed
    expect(await world.value()).toBeLessThan(480);
  });
});

describe('time', () => {
  test('never goes back in the order of seq, and stands where the record’s clock was put back', async () => {
    const { lanes, metrics } = world.instance();
    const first = await lanes.submit(world.programId, raise('first'));
    const later = first.atMs + 3_600_000;
    await world.database.query('update pointguard.lane set now_ms = $1', [later]);
    const second = await lanes.submit(world.programId, raise('second'));
    expect(second.atMs).toBe(later);
    expect(await metrics.registry.getSingleMetricAsString('pointguard_lane_clock_ahead_seconds')).toMatch(
      new RegExp(`program="${world.programId}"} (3599\\.\\d+|3600)`),
    );
    const log = await world.log();
    expect(log.map((row) => row.at_ms)).toEqual([first.atMs, later]);
  });

  test('is from after the wait for the lock', async () => {
    const { lanes } = world.instance();
    await lanes.submit(world.programId, raise('warm'));
    const session = await world.session();
    await holdLane(session, world.programId);
    const waiting = lanes.submit(world.programId, raise('waits'));
    await sleep(300);
    const { rows } = await session.query<{ now: string }>(
      'select floor(extract(epoch from clock_timestamp()) * 1000) as now',
    );
    await session.query('rollback');
    expect((await waiting).atMs).toBeGreaterThanOrEqual(Number(rows[0]?.now));
  });
});

describe('the lane row', () => {
  test('of a program that has none is an error: it would lock nothing', async () => {
    const { lanes, errors } = world.instance();
    await expect(lanes.submit(4711, raise('lost'))).rejects.toMatchObject({ code: 'internal.error' });
    expect(String(errors.at(-1)?.error)).toContain('has no lane');
    expect(await world.log(4711)).toEqual([]);
  });

  test('says a new batch where something was written, and none where nothing was', async () => {
    const { lanes } = world.instance();
    await lanes.submit(world.programId, raise('one', { cap: 1 }));
    expect(await world.lane()).toMatchObject({ seq: 1, batch: 1 });
    expect(await lanes.submit(world.programId, raise('two', { cap: 1 }))).toMatchObject({ granted: false });
    expect(await world.lane()).toMatchObject({ seq: 1, batch: 1 });
    const clock: LaneCommand<void> = {
      name: 'clock',
      priority: 'decision',
      needs: () => {},
      step: (batch) => void (batch.clockMs = 5),
    };
    await lanes.submit(world.programId, clock);
    expect(await world.lane()).toMatchObject({ seq: 1, batch: 2, now_ms: 5 });
  });
});

describe('what waits', () => {
  test('goes in batches of at most 128, decisions first, with 16 places for what can wait', async () => {
    const { lanes } = world.instance();
    const all = [
      ...range(60).map((index) => raise(`b${index}`, { priority: 'background' })),
      ...range(300).map((index) => raise(`d${index}`)),
    ];
    await Promise.all(all.map((command) => lanes.submit(world.programId, command)));
    const batches = Map.groupBy(await world.log(), (row) => row.batch);
    const [first, ...rest] = [...batches.values()].map((rows) => rows.map((row) => row.command));
    expect(first).toEqual([...range(112).map((index) => `d${index}`), ...range(16).map((index) => `b${index}`)]);
    for (const batch of rest) expect(batch.length).toBeLessThanOrEqual(128);
    expect((await world.log()).length).toBe(360);
    await expectGapless();
  });

  test('is at most as much as may wait: one more is refused, nothing of it happens, the rest does', async () => {
    const { lanes, metrics } = world.instance({ mostWaiting: 50 });
    const answers = await Promise.allSettled(
      range(80).map((index) => lanes.submit(world.programId, raise(`c${index}`))),
    );
    const refused = answers.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
    expect(refused).toHaveLength(30);
    for (const error of refused) {
      expect(error).toMatchObject({ code: 'service.overloaded', extra: { retryAfterSeconds: 1 } });
    }
    expect(await world.value()).toBe(50);
    expect(await metrics.registry.getSingleMetricAsString('pointguard_lane_dropped_commands_total')).toContain(
      'cause="overloaded"} 30',
    );
    expect(await metrics.registry.getSingleMetricAsString('pointguard_lane_waiting_commands')).toContain('} 0');
    await expect(lanes.submit(world.programId, raise('later'))).resolves.toMatchObject({ granted: true });
  });

  test('past its deadline is dropped unapplied', async () => {
    const { lanes } = world.instance();
    await lanes.submit(world.programId, raise('warm'));
    const session = await world.session();
    await holdLane(session, world.programId);
    const late = lanes.submit(world.programId, raise('under way'), 150);
    await sleep(50);
    const dropped = range(20).map((index) => lanes.submit(world.programId, raise(`late ${index}`), 150));
    const stays = lanes.submit(world.programId, raise('stays'));
    for (const one of await Promise.allSettled([late, ...dropped])) {
      expect(one).toMatchObject({ status: 'rejected', reason: { code: 'record.unavailable' } });
    }
    await session.query('rollback');
    await stays;
    const commands = (await world.log()).map((row) => row.command);
    // whose batch was under way is open; the others had no batch yet
    expect(commands.filter((command) => command !== 'under way')).toEqual(['warm', 'stays']);
  });

  test('is done before the lanes have ended, and nothing new is taken', async () => {
    const { lanes } = world.instance();
    const waiting = range(200).map((index) => lanes.submit(world.programId, raise(`c${index}`)));
    const drained = lanes.drain();
    await expect(lanes.submit(world.programId, raise('too late'))).rejects.toMatchObject({
      code: 'service.overloaded',
    });
    await drained;
    expect(await world.value()).toBe(200);
    expect(granted(await Promise.all(waiting))).toBe(200);
  });
});

describe('many programs', () => {
  test('and no connection for one of them: what is past its deadline when its turn comes is dropped', async () => {
    const { lanes } = world.instance({ mostConnections: 1 });
    const other = await world.addProgram('other');
    const session = await world.session();
    await holdLane(session, world.programId);
    const takes = lanes.submit(world.programId, raise('takes the connection'));
    await sleep(100);
    const late = lanes.submit(other, raise('late'), 150);
    const stays = lanes.submit(other, raise('stays'));
    await expect(late).rejects.toMatchObject({ code: 'record.unavailable' });
    await session.query('rollback');
    await Promise.all([takes, stays]);
    expect((await world.log(other)).map((row) => row.command)).toEqual(['stays']);
  });

  test('share a bounded number of connections, and each gets its turn', async () => {
    const { lanes } = world.instance({ mostConnections: 3 });
    const programs = await Promise.all(range(40).map((index) => world.addProgram(`p${index}`)));
    await Promise.all(
      programs.flatMap((programId) => range(5).map((index) => lanes.submit(programId, raise(`c${index}`)))),
    );
    const values = await Promise.all(programs.map((programId) => world.value('c', programId)));
    expect(new Set(values)).toEqual(new Set([5]));
    // idle ones are kept: there were never more
    const [row] = await world.database.query<{ connections: number }>(
      `select count(*)::int as connections from pg_stat_activity
       where datname = current_database() and application_name = 'pointguard lane'`,
    );
    expect(row?.connections).toBe(3);
  });
});

describe('a command', () => {
  test('may name rows that only loaded rows name', async () => {
    const { lanes } = world.instance();
    const chain: LaneCommand<number[]> = {
      name: 'chain',
      priority: 'decision',
      needs(batch) {
        const state = batch.use(counters);
        state.want('a');
        if (state.values.has('a') && !Number.isNaN(batch.nowMs)) state.want(`b${state.values.get('a')}`);
      },
      step: (batch) => [batch.use(counters).values.get('a') ?? -1, batch.use(counters).values.get('b1') ?? -1],
    };
    await lanes.submit(world.programId, raise('a', { name: 'a' }));
    await lanes.submit(world.programId, raise('b', { name: 'b1' }));
    await lanes.submit(world.programId, raise('c', { name: 'b1' }));
    expect(await lanes.submit(world.programId, chain)).toEqual([1, 2]);
  });

  test('that names rows without end fails alone', async () => {
    const { lanes } = world.instance();
    let last = 0;
    const endless: LaneCommand<void> = {
      name: 'endless',
      priority: 'decision',
      needs: (batch) => batch.use(counters).want(`e${last++}`),
      step: () => {},
    };
    const [bad, good] = await Promise.allSettled([
      lanes.submit(world.programId, endless),
      lanes.submit(world.programId, raise('good')),
    ]);
    expect(bad).toMatchObject({ status: 'rejected', reason: { code: 'internal.error' } });
    expect(good.status).toBe('fulfilled');
    expect(await world.value()).toBe(1);
  });

  test('whose work is long ends the batch: the others come in the next ones', async () => {
    const { lanes } = world.instance();
    const slow = (command: string): LaneCommand<Granted> => ({
      ...raise(command),
      step(batch) {
        const end = performance.now() + 12;
        while (performance.now() < end);
        return raise(command).step(batch);
      },
    });
    await Promise.all(range(4).map((index) => lanes.submit(world.programId, slow(`s${index}`))));
    const log = await world.log();
    expect(log.map((row) => row.command)).toEqual(['s0', 's1', 's2', 's3']);
    expect(new Set(log.map((row) => row.batch)).size).toBe(4);
  });
});
