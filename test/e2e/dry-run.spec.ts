/** `?dryRun=true` judges as ever, and leaves no trace. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { policyWith, startTestService, type TestService, transaction } from '../support/service.js';
import { type Backend, backendOf } from './backend.js';

let service: TestService;
let backend: Backend;

beforeAll(async () => {
  service = await startTestService({
    policy: policyWith([
      ['count', 'account', ['burn'], 'count', 'P1D', 2],
      ['distinct', 'device', ['burn'], 'distinct', 'P1D', 2, { distinctOf: 'account' }],
    ]),
  });
  backend = await backendOf(service);
});
afterAll(() => service.stop());

/** Rows of every table of the database, the key store's included, and what the lane row says. */
async function trace(): Promise<Record<string, number>> {
  const tables = await service.database.query<{ name: string }>(
    `select format('%I.%I', table_schema, table_name) as name from information_schema.tables
      where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema') order by 1`,
  );
  const counts = tables
    .map(({ name }) => `select '${name}' as name, count(*)::int as rows from ${name}`)
    .join(' union all ');
  const rows = await service.database.query<{ name: string; rows: number }>(`${counts}
    union all select 'seq', seq::int from pointguard.lane where program_id = 1
    union all select 'batch', batch::int from pointguard.lane where program_id = 1
    union all select 'began', began::int from pointguard.lane where program_id = 1`);
  return Object.fromEntries(rows.map(({ name, rows: count }) => [name, count]));
}

const PERSONAL = {
  ip: '203.0.113.7',
  device: { id: 'd-1', userAgent: 'agent' },
  recipient: { email: 'a@example.org' },
};
const dry = (body: object, query = '') => backend.post(`/v1/decisions?dryRun=true${query}`, body);

// before anything was recorded: also the keys that sealing would need are not made
it('leaves no trace of anything, and names no decision', async () => {
  const before = await trace();
  expect(Object.keys(before).length).toBeGreaterThan(10);
  const body = transaction({ accountId: 'dry', ...PERSONAL });
  for (let n = 0; n < 5; n++) {
    const answer = await dry(body, '&include=limits');
    expect(answer.status).toBe(200);
    expect(answer.body.decisionId).toBeUndefined();
    expect(answer.body).toMatchObject({ outcome: 'allow', status: 'held', transactionId: body.transactionId });
    expect(answer.body.limits.map(({ used }: { used: number }) => used)).toEqual([1, 1]);
  }
  expect(await trace()).toEqual(before);
  expect((await backend.get(`/v1/decisions?transactionId=${body.transactionId}`)).body.items).toEqual([]);
  expect((await backend.post('/v1/decisions', body)).status, 'the id is still free').toBe(201);
});

describe('judges as a real one would', () => {
  it('a deny of what a real one has used up', async () => {
    for (let n = 0; n < 2; n++) expect((await backend.decide({ accountId: 'full' })).body.outcome).toBe('allow');
    const before = await trace();
    const { body } = await dry(transaction({ accountId: 'full' }));
    expect(body).toMatchObject({ outcome: 'deny', status: 'denied', reasons: [{ code: 'limit.count' }] });
    expect(await trace()).toEqual(before);
  });

  it('with the outcome that a test asks for', async () => {
    const before = await trace();
    const { body } = await backend.post('/v1/decisions?dryRun=true', transaction(), {
      'pointguard-test-outcome': 'review',
    });
    expect(body).toMatchObject({ outcome: 'review', status: 'in_review' });
    expect(await trace()).toEqual(before);
  });
});

describe('of a transaction that is known', () => {
  it('answers it as it is', async () => {
    const body = transaction(PERSONAL);
    const { body: made } = await backend.post('/v1/decisions', body);
    const before = await trace();
    const again = await dry(body);
    expect([again.status, again.body]).toEqual([200, made]);
    expect(await trace()).toEqual(before);
  });

  it('that was cancelled before it was seen: says so, and does not record it', async () => {
    const body = transaction();
    await backend.post('/v1/decisions/cancel', { transactionId: body.transactionId });
    const before = await trace();
    expect((await dry(body)).body).toMatchObject({ outcome: 'deny', status: 'cancelled' });
    expect(await trace()).toEqual(before);
    expect((await backend.post('/v1/decisions', body)).status).toBe(201);
  });
});

it('dryRun=false is a real one; anything else is refused', async () => {
  expect((await backend.post('/v1/decisions?dryRun=false', transaction())).status).toBe(201);
  for (const value of ['', '1', 'TRUE', 'yes']) {
    expect((await backend.post(`/v1/decisions?dryRun=${value}`, transaction())).body.code).toBe('request.invalid');
  }
});
