/** Slow reads of one caller: no other request is refused for them, and holds end on time. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestService, type TestService, transaction } from '../support/service.js';

let service: TestService;
const stopped = new AbortController();
let slow: Promise<unknown>;

/** More of them than there are connections, one after another, as lists that scan would be. */
async function readSlowly(): Promise<void> {
  const { pool } = service.service.platform;
  while (!stopped.signal.aborted) await pool.query('select pg_sleep(1.5)').catch(() => undefined);
}

beforeAll(async () => {
  service = await startTestService({ policy: { version: 1, holdTtl: 'PT1S', onHoldEnd: 'release' } });
  slow = Promise.all(Array.from({ length: 16 }, readSlowly));
});

afterAll(async () => {
  stopped.abort();
  await slow;
  await service.stop();
});

it('decisions are made, the record is ready, and holds end', async () => {
  const { body } = await service.post('/v1/decisions', transaction());
  for (let i = 0; i < 10; i++) {
    expect((await service.post('/v1/decisions', transaction())).status).toBe(201);
    expect((await service.get('/readyz')).status).toBe(200);
    await sleep(300);
  }
  const expired = "select data::json ->> 'decisionId' as id from pointguard.event where type = 'decision.expired'";
  expect(await service.database.query(expired)).toContainEqual({ id: body.decisionId });
});
