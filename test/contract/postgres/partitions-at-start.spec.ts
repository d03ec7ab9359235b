/** A production record is migrated by hand, months ago: each start makes the months that have come since. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { expect, it } from 'vitest';
import { loadSettings } from '../../../src/config/settings.js';
import { openPlatform } from '../../../src/platform/open-platform.js';
import { freshRecord } from '../../support/postgres.js';

const LAST_MONTH = "to_char(now() at time zone 'UTC' + interval '2 months', '\"_\"YYYY\"_\"MM')";

it('the months ahead are there after a start in production', async () => {
  const database = await freshRecord();
  const monthsAhead = () =>
    database.query(`select to_regclass('pointguard.event' || ${LAST_MONTH}) is not null as event,
      to_regclass('pointguard.decision_evidence' || ${LAST_MONTH}) is not null as evidence`);
  await database.query(`do $$ begin execute 'drop table pointguard.event' || ${LAST_MONTH}; end $$`);
  await database.query(`do $$ begin execute 'drop table pointguard.decision_evidence' || ${LAST_MONTH}; end $$`);
  const dataDir = mkdtempSync(join(tmpdir(), 'pointguard-partitions-'));
  const settings = loadSettings({
    DATABASE_URL: database.serviceUrl,
    MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
    DATA_DIR: dataDir,
    MIGRATION_DATABASE_URL: database.ownerUrl,
  });
  expect(await monthsAhead()).toEqual([{ event: false, evidence: false }]);
  const logger = pino({ level: 'silent' });
  const platform = await openPlatform({ settings: { ...settings, production: true }, purpose: 'serve', logger });
  try {
    expect(await monthsAhead()).toEqual([{ event: true, evidence: true }]);
  } finally {
    await platform.close();
    rmSync(dataDir, { recursive: true });
  }
});
