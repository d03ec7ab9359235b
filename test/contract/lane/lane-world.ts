/** Lanes on a real record, with a module of the smallest kind: counters that have a cap, and a log of what was granted. */
import pino from 'pino';
import { Client, Pool, type PoolConfig } from 'pg';
import { laneConnections, type LaneConnections } from '../../../src/platform/lane/lane-connections.js';
import { openLanes, type RunningLanes } from '../../../src/platform/lane/lanes.js';
import type { LaneOptions } from '../../../src/platform/lane/program-lane.js';
import type { Batch, LaneCommand, LaneTransaction, Slice, Statement } from '../../../src/platform/lane/lane.types.js';
import { int8Array, textArray } from '../../../src/platform/postgres/binary-array.js';
import { createMetrics, type Metrics } from '../../../src/platform/telemetry/metrics.js';
import { freshRecord, type TestDatabase } from '../../support/postgres.js';

export const logger = pino({ level: 'silent' });

const SELECT: Statement = {
  name: 'counter_select',
  text: 'select name, value from counter where program_id = $1 and name = any($2::text[])',
};
const UPSERT: Statement = {
  name: 'counter_upsert',
  text: `insert into counter (program_id, name, value) select $1, * from unnest($2::text[], $3::int8[])
    on conflict (program_id, name) do update set value = excluded.value`,
};
const INSERT: Statement = {
  name: 'counter_log_insert',
  text: `insert into counter_log (program_id, seq, at_ms, command) select $1, * from unnest($2::int8[], $3::int8[], $4::text[])`,
};

class Counters {
  readonly values = new Map<string, number>();
  private readonly wanted = new Set<string>();
  private readonly changed = new Set<string>();
  private readonly log: { seq: number; atMs: number; command: string }[] = [];

  want(name: string): void {
    if (!this.values.has(name)) this.wanted.add(name);
  }

  raise(name: string): void {
    this.values.set(name, (this.values.get(name) ?? 0) + 1);
    this.changed.add(name);
  }

  note(batch: Batch, command: string): void {
    this.log.push({ seq: batch.nextSeq(), atMs: batch.nowMs, command });
  }

  load(transaction: LaneTransaction, { programId }: Batch): Promise<unknown> | undefined {
    const names = [...this.wanted].filter((name) => !this.values.has(name));
    this.wanted.clear();
    if (names.length === 0) return undefined;
    for (const name of names) this.values.set(name, 0);
    return transaction.query(SELECT, [programId, textArray(names)]).then((rows) => {
      for (const row of rows) this.values.set(String(row.name), Number(row.value));
      return rows;
    });
  }

  /** As modules do: several statements behind one promise. */
  write(transaction: LaneTransaction, { programId }: Batch): Promise<unknown> | undefined {
    const names = [...this.changed];
    if (names.length === 0 && this.log.length === 0) return undefined;
    return Promise.all([
      transaction.query(UPSERT, [
        programId,
        textArray(names),
        int8Array(names.map((name) => this.values.get(name) ?? 0)),
      ]),
      transaction.query(INSERT, [
        programId,
        int8Array(this.log.map((row) => row.seq)),
        int8Array(this.log.map((row) => row.atMs)),
        textArray(this.log.map((row) => row.command)),
      ]),
    ]);
  }
}

export const counters: Slice<Counters> = {
  name: 'counter',
  open: () => new Counters(),
  load: (state, transaction, batch) => state.load(transaction, batch),
  write: (state, transaction, batch) => state.write(transaction, batch),
};

export interface Granted {
  granted: boolean;
  atMs: number;
}

/** Raises a counter by one where its cap allows; writes nothing where not. */
export const raise = (
  command: string,
  more: { name?: string; cap?: number; priority?: LaneCommand<unknown>['priority'] } = {},
): LaneCommand<Granted> => {
  const { name = 'c', cap = Number.POSITIVE_INFINITY, priority = 'decision' } = more;
  return {
    name: 'raise',
    priority,
    needs: (batch) => batch.use(counters).want(name),
    step(batch) {
      const state = batch.use(counters);
      if ((state.values.get(name) ?? 0) >= cap) return { granted: false, atMs: batch.nowMs };
      state.raise(name);
      state.note(batch, command);
      return { granted: true, atMs: batch.nowMs };
    },
  };
};

export interface LogRow {
  seq: number;
  at_ms: number;
  command: string;
  /** The transaction that wrote it: the batch. */
  batch: string;
}

export interface Instance {
  lanes: RunningLanes;
  connections: LaneConnections;
  metrics: Metrics;
  pool: Pool;
  errors: { error: unknown; what: string }[];
  stop(): Promise<void>;
}

export interface LaneWorld {
  database: TestDatabase;
  /** Of the first program. */
  programId: number;
  addProgram(name: string): Promise<number>;
  instance(more?: Partial<LaneOptions> & { login?: PoolConfig; mostConnections?: number }): Instance;
  log(programId?: number): Promise<LogRow[]>;
  value(name?: string, programId?: number): Promise<number>;
  lane(programId?: number): Promise<{ seq: number; batch: number; now_ms: number }>;
  /** A session of the service's role that does as it is told. Ended with the world. */
  session(): Promise<Client>;
  stop(): Promise<void>;
}

const TABLES = `
  create table pointguard.counter (program_id integer, name text, value bigint check (value < 1000000), primary key (program_id, name));
  create table pointguard.counter_log (program_id integer, seq bigint, at_ms bigint, command text not null check (command not like 'refused%'),
    batch xid8 not null default pg_current_xact_id(), primary key (program_id, seq));
  create unique index on pointguard.counter_log (program_id, command);
  grant select, insert, update on pointguard.counter, pointguard.counter_log to pointguard_service;
`;

export async function laneWorld(): Promise<LaneWorld> {
  const database = await freshRecord();
  await database.query(TABLES);
  const stops: (() => Promise<unknown>)[] = [];
  const schema = { connectionString: database.serviceUrl, options: '-c search_path=pointguard' };
  const addProgram = async (name: string): Promise<number> => {
    const [row] = await database.query<{ program_id: number }>(
      `with made as (insert into pointguard.program (name, mode, created_at_ms) values ($1, 'test', 0) returning program_id)
       insert into pointguard.lane (program_id) select program_id from made returning program_id`,
      [name],
    );
    return row?.program_id ?? Number.NaN;
  };
  const programId = await addProgram('counted');
  return {
    database,
    programId,
    addProgram,
    instance({ login = schema, mostConnections, ...more } = {}) {
      const pool = new Pool({ ...schema, max: 4 });
      pool.on('error', () => undefined);
      const connections = laneConnections(login, pool, mostConnections);
      const metrics = createMetrics();
      const errors: Instance['errors'] = [];
      const onError = (error: unknown, what: string) => void errors.push({ error, what });
      const lanes = openLanes({ connections, metrics, deadlineMs: 10_000, onError, ...more });
      let stopping: Promise<void> | undefined;
      const stop = () =>
        (stopping ??= (async () => {
          await lanes.drain();
          await connections.close();
          await pool.end();
        })());
      stops.push(stop);
      return { lanes, connections, metrics, pool, errors, stop };
    },
    log: async (id = programId) =>
      (
        await database.query(
          'select seq::int, at_ms::float8, command, batch::text from pointguard.counter_log where program_id = $1 order by seq',
          [id],
        )
      ).map((row) => row as LogRow),
    value: async (name = 'c', id = programId) => {
      const [row] = await database.query<{ value: number }>(
        'select value::int from pointguard.counter where program_id = $1 and name = $2',
        [id, name],
      );
      return row?.value ?? 0;
    },
    lane: async (id = programId) => {
      const [row] = await database.query<{ seq: number; batch: number; now_ms: number }>(
        'select seq::int, batch::int, now_ms::float8 from pointguard.lane where program_id = $1',
        [id],
      );
      if (!row) throw new Error('no lane');
      return row;
    },
    async session() {
      const client = new Client(schema);
      client.on('error', () => undefined);
      await client.connect();
      stops.push(() => client.end());
      return client;
    },
    async stop() {
      for (const stop of stops.toReversed()) await stop();
    },
  };
}

/** Takes the lane in a session, as a batch does, and keeps it. */
export async function holdLane(client: Client, programId: number): Promise<void> {
  await client.query('begin');
  await client.query('select 1 from lane where program_id = $1 for no key update', [programId]);
}
