/** A record of its own with real lanes and keys, and as many instances of the access service on it as a test opens. */
import { randomBytes } from 'node:crypto';
import { Pool } from 'pg';
import { AccessService } from '../../../src/access/access.service.js';
import { openAccess } from '../../../src/access/open-access.js';
import type { Actor } from '../../../src/audit/core/chain.js';
import { type KeyRing, openKeyRing } from '../../../src/platform/keys/key-ring.js';
import { masterKey } from '../../../src/platform/keys/master-key.js';
import { migrateKeyStore, openPostgresKeyStore } from '../../../src/platform/keys/postgres-key-store.js';
import { laneConnections } from '../../../src/platform/lane/lane-connections.js';
import { openLanes, type RunningLanes } from '../../../src/platform/lane/lanes.js';
import { inSchema } from '../../../src/platform/postgres/login.js';
import { createMetrics } from '../../../src/platform/telemetry/metrics.js';
import { freshRecord, type TestDatabase } from '../../support/postgres.js';

export interface Instance {
  access: AccessService;
  pool: Pool;
  lanes: RunningLanes;
  ring: KeyRing;
}

export interface AccessWorld {
  database: TestDatabase;
  /** Another instance on the same record. */
  open(): Promise<Instance>;
  close(): Promise<void>;
}

export const OPERATOR: Actor = { kind: 'person', id: 'tester' };
export const POLICY_TEXT = 'version: 1\n';

export async function accessWorld(): Promise<AccessWorld> {
  const database = await freshRecord();
  const owner = new Pool({ connectionString: database.ownerUrl, max: 1 });
  await migrateKeyStore(owner);
  await owner.end();
  const master = masterKey(randomBytes(32));
  const ends: (() => Promise<void>)[] = [];
  return {
    database,
    async open() {
      const service = inSchema({ connectionString: database.serviceUrl });
      const pool = new Pool({ ...service, max: 4 });
      const connections = laneConnections(service, pool);
      const lanes = openLanes({ connections, metrics: createMetrics(), deadlineMs: 5000 });
      const ring = await openKeyRing(openPostgresKeyStore(pool), master);
      const access = openAccess(pool, lanes, ring);
      ends.push(async () => {
        access.stop();
        await lanes.drain();
        await connections.close();
        await pool.end();
      });
      return { access, pool, lanes, ring };
    },
    async close() {
      for (const end of ends) await end();
    },
  };
}
