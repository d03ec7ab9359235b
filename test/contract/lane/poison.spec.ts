/** Commands at fault among good ones, and faults that pass: the good ones all succeed, exactly once. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { LaneCommand, Slice } from '../../../src/platform/lane/lane.types.js';
import { counters, type LaneWorld, laneWorld, raise } from './lane-world.js';

let world: LaneWorld;
beforeEach(async () => {
  world = await laneWorld();
});
afterEach(() => world.stop());

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** A slice whose statement fails as the command says; each batch has a state of its own. */
type Fault = { sql?: string; values?: unknown[]; throws?: boolean; nested?: boolean };
const faulty = (phase: 'load' | 'write'): Slice<{ faults: Fault[] }> => ({
  name: `faulty ${phase}`,
  open: () => ({ faults: [] }),
  [phase](state: { faults: Fault[] }, transaction: Parameters<NonNullable<Slice<unknown>['load']>>[1]) {
    const faults = state.faults.splice(0);
    if (faults.length === 0) return undefined;
    const sent = faults.map(({ sql, values = [], throws }) => {
      if (throws) throw new RangeError('a row that cannot be packed');
      return transaction.query({ name: '', text: sql ?? 'select 1' }, values);
    });
    return faults[0]?.nested
      ? Promise.all([Promise.resolve(), Promise.all([Promise.resolve(), Promise.all(sent)])])
      : Promise.all(sent);
  },
});
const faultyLoad = faulty('load');
const faultyWrite = faulty('write');

const failing = (slice: typeof faultyLoad, fault: Fault): LaneCommand<string> => {
  let asked = new WeakSet<object>();
  return {
    name: 'poison',
    priority: 'decision',
    needs(batch) {
      if (slice !== faultyLoad || asked.has(batch)) return;
      asked = new WeakSet([batch]);
      batch.use(slice).faults.push(fault);
    },
    step(batch) {
      if (slice === faultyWrite) batch.use(slice).faults.push(fault);
      return 'applied';
    },
  };
};

const POISONS: Record<string, () => LaneCommand<unknown>> = {
  'a step that throws': () => ({
    name: 'poison',
    priority: 'decision',
    needs: () => {},
    step: () => {
      throw new Error('a defect');
    },
  }),
  'a step that throws after it changed the state': () => ({
    name: 'poison',
    priority: 'decision',
    needs: (batch) => batch.use(counters).want('c'),
    step(batch) {
      batch.use(counters).raise('c');
      batch.use(counters).note(batch, 'half done');
      throw new Error('a defect');
    },
  }),
  'needs that throw': () => ({
    name: 'poison',
    priority: 'decision',
    needs: () => {
      throw new TypeError('a defect');
    },
    step: () => 'never',
  }),
  'a load of bad data (22P02)': () => failing(faultyLoad, { sql: "select 'x'::integer" }),
  'a load with NUL in a text (22021)': () => failing(faultyLoad, { sql: 'select $1::text', values: ['a\0b'] }),
  'a load that throws': () => failing(faultyLoad, { throws: true }),
  'a value that the driver cannot send': () =>
    failing(faultyWrite, {
      sql: 'select $1',
      values: [
        {
          toPostgres: () => {
            throw new Error('no');
          },
        },
      ],
    }),
  'a write against a constraint (23514)': () => raise('refused by the table'),
  'a number out of range (22003)': () => failing(faultyWrite, { sql: 'select 10::numeric(1)' }),
  'a write that fails behind three promises (23514)': () =>
    failing(faultyWrite, {
      sql: "insert into counter_log (program_id, seq, at_ms, command) values (0, 1, 1, 'refused')",
      nested: true,
    }),
  'a write that throws': () => failing(faultyWrite, { throws: true }),
  'a table that is not there (42P01)': () => failing(faultyWrite, { sql: 'select 1 from nowhere' }),
};

describe('a command at fault', () => {
  test.each(Object.entries(POISONS))('%s, three among 97 good ones', async (_, poison) => {
    const { lanes, errors, metrics } = world.instance();
    const commands = range(100).map((index) => ([7, 50, 99].includes(index) ? poison() : raise(`c${index}`)));
    // no two of the same name in the log: had one been applied twice, its batch would have failed
    commands[99] = commands[99]?.name === 'poison' ? commands[99] : raise('refused as well');
    commands[50] = commands[50]?.name === 'poison' ? commands[50] : raise('refused once more');
    const answers = await Promise.allSettled(commands.map((command) => lanes.submit(world.programId, command)));
    const failed = answers.flatMap((one, index) => (one.status === 'rejected' ? [index] : []));
    expect(failed).toEqual([7, 50, 99]);
    for (const index of failed) {
      const { reason } = answers[index] as PromiseRejectedResult;
      expect(reason).toMatchObject({ code: 'internal.error' });
      // the cause is for the log
      expect(reason.detail).toBe('The command could not be carried out.');
    }
    expect(errors).toHaveLength(3);
    expect(await world.value()).toBe(97);
    const log = await world.log();
    expect(log.map((row) => row.seq)).toEqual(range(97).map((index) => index + 1));
    expect(new Set(log.map((row) => row.command)).size).toBe(97);
    expect(await metrics.registry.getSingleMetricAsString('pointguard_lane_retries_total')).toMatch(
      /cause="halved"} \d+/,
    );
  });

  test('costs others no more than two tries for each halving', async () => {
    const { lanes, metrics } = world.instance();
    const commands = range(128).map((index) => (index === 77 ? raise('refused') : raise(`c${index}`)));
    await Promise.allSettled(commands.map((command) => lanes.submit(world.programId, command)));
    const text = await metrics.registry.getSingleMetricAsString('pointguard_lane_batch_commands');
    expect(Number(/_count (\d+)/.exec(text)?.[1])).toBeLessThanOrEqual(1 + 2 * 7);
  });
});

/** Fails the first so many writes with a SQLSTATE; a sequence counts across rollbacks. */
const failWith = (state: string, times: number): string => `
  create sequence pointguard.tries;
  grant usage on sequence pointguard.tries to pointguard_service;
  create function pointguard.fail() returns trigger language plpgsql as $$ begin
    if nextval('pointguard.tries') <= ${times} then raise exception 'made to fail' using errcode = '${state}'; end if;
    return null;
  end $$;
  create trigger fail after insert or update on pointguard.counter for each statement execute function pointguard.fail();`;

describe('a fault that passes', () => {
  test.each(['08006', '40001', '40P01', '53200', '53300', '55P03', '57014', '57P01', '57P03', '25006'])(
    '%s: the batch is tried again whole, and each command is applied once',
    async (state) => {
      await world.database.query(failWith(state, 3));
      const { lanes, metrics } = world.instance();
      await Promise.all(range(50).map((index) => lanes.submit(world.programId, raise(`c${index}`))));
      expect(await world.value()).toBe(50);
      expect(new Set((await world.log()).map((row) => row.batch)).size).toBe(1);
      const retries = await metrics.registry.getSingleMetricAsString('pointguard_lane_retries_total');
      expect(retries).toContain(`cause="${state}"} 3`);
      expect(retries).not.toContain('halved');
    },
  );

  test('and does not pass: callers hear so at their deadlines, and nothing is there', async () => {
    await world.database.query(failWith('40001', 1_000_000));
    const { lanes } = world.instance();
    const answers = await Promise.allSettled(
      range(20).map((index) => lanes.submit(world.programId, raise(`c${index}`), 400)),
    );
    for (const one of answers) expect(one).toMatchObject({ reason: { code: 'record.unavailable' } });
    expect(await world.log()).toEqual([]);
    expect(await world.lane()).toMatchObject({ seq: 0, batch: 0 });
    await world.database.query('drop trigger fail on pointguard.counter');
    await lanes.submit(world.programId, raise('afterwards'));
    expect((await world.log()).map((row) => row.command)).toEqual(['afterwards']);
  });
});
