/** The whole machine without its HTTP surface: real commands through a real lane on a real record, on a test clock. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pool, type QueryResultRow } from 'pg';
import pino from 'pino';
import { openAccess } from '../../../src/access/open-access.js';
import { loadSettings } from '../../../src/config/settings.js';
import { type Acting, DecisionService } from '../../../src/decision/decision.service.js';
import { DecisionStore } from '../../../src/decision/decision.store.js';
import { holdSweep } from '../../../src/decision/hold-sweep.js';
import { lastSeenSlice } from '../../../src/decision/last-seen.slice.js';
import { listSlice } from '../../../src/lists/list.slice.js';
import { listSnapshots } from '../../../src/lists/list-snapshots.js';
import { openPlatform } from '../../../src/platform/open-platform.js';
import { parsePolicy } from '../../../src/policy/core/policy.schema.js';
import { policyCache, policySlice } from '../../../src/policy/policy.slice.js';
import { openNetworkData } from '../../../src/signals/network-data.js';
import { freshRecord, type TestDatabase } from '../../support/postgres.js';

export interface World {
  decisions: DecisionService;
  /** As the owner of the record, on a connection that stays open. */
  query: TestDatabase['query'];
  /** A new test program; its clock is the real one until it is moved. */
  program(name: string, policy: object): Promise<Acting>;
  close(): Promise<void>;
}

export async function openWorld(): Promise<World> {
  const database = await freshRecord();
  const directory = mkdtempSync(join(tmpdir(), 'pointguard-simulation-'));
  const settings = loadSettings({
    DATABASE_URL: database.serviceUrl,
    MIGRATION_DATABASE_URL: database.ownerUrl,
    DATA_DIR: directory,
    MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
    DECISION_DEADLINE_MS: '30000',
  });
  const platform = await openPlatform({ settings, purpose: 'serve', logger: pino({ level: 'silent' }) });
  const { pool, lanes, keys, metrics } = platform;
  const access = openAccess(pool, lanes, keys);
  const store = new DecisionStore(pool);
  // never started: nothing ends a hold but a moved clock, and a command that finds it due
  const sweep = holdSweep({
    store,
    lanes,
    metrics,
    onError: (error) => {
      throw error;
    },
  });
  const slices = {
    policies: policySlice(policyCache()),
    lists: listSlice(listSnapshots()),
    lastSeen: lastSeenSlice(keys, 150),
  };
  const networks = await openNetworkData();
  const policyOf = async (programId: number, version: number) => {
    const [row] = await database.query<{ document: string }>(
      'select document from pointguard.policy_version where program_id = $1 and version = $2',
      [programId, version],
    );
    const parsed = parsePolicy(row?.document ?? '');
    if (!('policy' in parsed)) throw new Error('no policy');
    return parsed.policy;
  };
  const owner = new Pool({ connectionString: database.ownerUrl, max: 4 });
  return {
    decisions: new DecisionService({
      lanes,
      keys,
      slices,
      networks,
      warmLists: async () => {},
      policyOf,
      deadlineMs: 30_000,
      store,
      sweep,
      metrics,
    }),
    query: async <R extends QueryResultRow>(sql: string, values?: unknown[]) =>
      (await owner.query<R>(sql, values)).rows,
    async program(name, policy) {
      const actor = { kind: 'person', id: 'simulation' } as const;
      const { programId } = await access.createProgram(
        { name, mode: 'test', policyText: JSON.stringify(policy) },
        actor,
      );
      return { program: { programId, name, mode: 'test' }, actor: { kind: 'client', id: 'simulation' } };
    },
    async close() {
      await owner.end();
      access.stop();
      await platform.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
