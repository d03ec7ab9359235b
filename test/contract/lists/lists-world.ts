/** Programs on a real record, and as many instances of the lists on it as a test opens. */
import { randomBytes } from 'node:crypto';
import { Pool } from 'pg';
import type { Actor } from '../../../src/audit/core/chain.js';
import type { ListedValues, ListMatch } from '../../../src/lists/core/list-index.js';
import type { NewListEntry } from '../../../src/lists/list.commands.js';
import { ListService } from '../../../src/lists/list.service.js';
import { type ListSlice, listSlice } from '../../../src/lists/list.slice.js';
import { type ListSnapshots, listSnapshots } from '../../../src/lists/list-snapshots.js';
import { openListStore } from '../../../src/lists/list.store.js';
import { openKeyRing } from '../../../src/platform/keys/key-ring.js';
import { masterKey } from '../../../src/platform/keys/master-key.js';
import { migrateKeyStore, openPostgresKeyStore } from '../../../src/platform/keys/postgres-key-store.js';
import { laneConnections } from '../../../src/platform/lane/lane-connections.js';
import { openLanes, type RunningLanes } from '../../../src/platform/lane/lanes.js';
import type { Batch, LaneCommand } from '../../../src/platform/lane/lane.types.js';
import { inSchema } from '../../../src/platform/postgres/login.js';
import { createMetrics } from '../../../src/platform/telemetry/metrics.js';
import { freshRecord, type TestDatabase } from '../../support/postgres.js';

export const TESTER: Actor = { kind: 'client', id: 'tester' };

export interface ListInstance {
  service: ListService;
  slice: ListSlice;
  snapshots: ListSnapshots;
  lanes: RunningLanes;
  /** What a decision made now would find. */
  match(values: ListedValues, programId?: number): Promise<ListMatch[]>;
  add(more?: Partial<NewListEntry>, programId?: number): ReturnType<ListService['add']>;
}

export interface ListsWorld {
  database: TestDatabase;
  /** Of the first program. */
  programId: number;
  addProgram(): Promise<number>;
  open(): Promise<ListInstance>;
  close(): Promise<void>;
}

/** A command that does to the lists what a test says. */
export const inLists = <A>(slice: ListSlice, act: (batch: Batch) => A): LaneCommand<A> => ({
  name: 'lists.test',
  priority: 'decision',
  needs: (batch) => void batch.use(slice),
  step: act,
});

export const matching = (slice: ListSlice, values: ListedValues): LaneCommand<ListMatch[]> =>
  inLists(slice, (batch) => batch.use(slice).match(values, batch.nowMs));

/** Device `d` on the block list without an end. */
export const newEntry = (more: Partial<NewListEntry> = {}): NewListEntry => ({
  list: 'block',
  subject: 'device',
  value: 'd',
  reason: 'because',
  expiresAtMs: null,
  ...more,
});

export async function listsWorld(): Promise<ListsWorld> {
  const database = await freshRecord();
  const owner = new Pool({ connectionString: database.ownerUrl, max: 1 });
  await migrateKeyStore(owner);
  await owner.end();
  const master = masterKey(randomBytes(32));
  const ends: (() => Promise<unknown>)[] = [];
  let programs = 0;
  const addProgram = async (): Promise<number> => {
    const [row] = await database.query<{ program_id: number }>(
      `with made as (insert into pointguard.program (name, mode, created_at_ms) values ($1, 'test', 0) returning program_id)
       insert into pointguard.lane (program_id) select program_id from made returning program_id`,
      [`program-${++programs}`],
    );
    return row?.program_id ?? Number.NaN;
  };
  const first = await addProgram();
  return {
    database,
    programId: first,
    addProgram,
    async open() {
      const login = inSchema({ connectionString: database.serviceUrl });
      const pool = new Pool({ ...login, max: 4, statement_timeout: 2000 });
      const connections = laneConnections(login, pool);
      const lanes = openLanes({ connections, metrics: createMetrics(), deadlineMs: 10_000 });
      const keys = await openKeyRing(openPostgresKeyStore(pool), master);
      const snapshots = listSnapshots();
      const slice = listSlice(snapshots);
      const service = new ListService({ lanes, keys, lists: slice, snapshots, store: openListStore(pool) });
      ends.push(async () => {
        await lanes.drain();
        await connections.close();
        await pool.end();
      });
      return {
        service,
        slice,
        snapshots,
        lanes,
        match: (values, programId = first) => lanes.submit(programId, matching(slice, values)),
        add: (more, programId = first) => service.add({ programId, actor: TESTER }, newEntry(more)),
      };
    },
    async close() {
      for (const end of ends) await end();
    },
  };
}
