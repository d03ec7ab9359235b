/** One id is one transaction: repeats, twins, mismatches. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { policyWith, startTestService, type TestService, transaction } from '../support/service.js';
import { type Backend, backendOf } from './backend.js';

let service: TestService;
let backend: Backend;

beforeAll(async () => {
  service = await startTestService({ policy: policyWith([['count', 'account', ['burn'], 'count', 'P1D', 1000]]) });
  backend = await backendOf(service);
  await backend.clock('2026-03-01T12:00:00Z');
});
afterAll(() => service.stop());

const FULL = {
  accountId: 'same',
  type: 'transfer',
  points: 100,
  counterpartyAccountId: 'receiver',
  partnerId: 'partner',
  reward: { id: 'reward', category: 'voucher' },
  storeId: 'store',
  ip: '203.0.113.7',
};

describe('a repeated transaction', () => {
  it('evaluates nothing: the same answer with 200, and one entry', async () => {
    const first = await backend.decide(FULL);
    expect(first.status).toBe(201);
    const { transactionId } = first.body;
    const again = await backend.post('/v1/decisions', { ...FULL, transactionId });
    expect(again.status).toBe(200);
    expect(again.body).toEqual(first.body);
  });

  it('may be worded anew where that does not make it another', async () => {
    const first = await backend.decide(FULL);
    const worded = { ...FULL, storeId: 'other', ip: '198.51.100.1', channel: 'pos', accepts: [], onHoldEnd: 'release' };
    const again = await backend.post('/v1/decisions', { ...worded, transactionId: first.body.transactionId });
    expect([again.status, again.body]).toEqual([200, first.body]);
  });

  it('reads as it is now, whatever the clock says of occurredAt', async () => {
    const occurredAt = '2026-03-01T12:00:00Z';
    const { clock, commit, decide, post } = backend;
    await clock('2026-03-01T12:00:00Z');
    const first = await decide({ ...FULL, occurredAt });
    await commit(first.body.decisionId, { points: 40 });
    await clock('P3D');
    const again = await post('/v1/decisions', { ...FULL, occurredAt, transactionId: first.body.transactionId });
    expect(again).toMatchObject({ status: 200, body: { status: 'committed', pointsCommitted: 40 } });
  });

  it.each<[string, object]>([
    ['accountId', { accountId: 'other' }],
    ['type', { type: 'burn' }],
    ['points', { points: 101 }],
    ['points by one less', { points: 99 }],
    ['counterparty', { counterpartyAccountId: 'other' }],
    ['partner', { partnerId: 'other' }],
    ['no partner', { partnerId: undefined }],
    ['reward', { reward: { id: 'other', category: 'voucher' } }],
    ['no reward', { reward: undefined }],
    ['direction', { type: 'adjust', direction: 'credit' }],
  ])('with another %s is a mismatch that changes nothing', async (_, other) => {
    const first = await backend.decide(FULL);
    const { decisionId, transactionId } = first.body;
    const before = await snapshot();
    const mismatch = await backend.post('/v1/decisions', { ...FULL, ...other, transactionId });
    expect(mismatch).toMatchObject({ status: 422, body: { code: 'idempotency.mismatch' } });
    const dry = await backend.post('/v1/decisions?dryRun=true', { ...FULL, ...other, transactionId });
    expect(dry.body.code).toBe('idempotency.mismatch');
    expect(await snapshot()).toEqual(before);
    expect((await backend.find(decisionId)).body).toEqual(first.body);
  });

  it('an adjust in the other direction is a mismatch', async () => {
    const first = await backend.decide({ type: 'adjust', direction: 'credit' });
    const { transactionId, accountId, points } = first.body;
    const other = { transactionId, accountId, points, type: 'adjust', direction: 'debit' };
    expect((await backend.post('/v1/decisions', other)).body.code).toBe('idempotency.mismatch');
  });
});

describe('twins', () => {
  it('one transaction sent 100 times at once is one decision and 100 equal answers', async () => {
    const body = transaction({ accountId: 'twins', ip: '203.0.113.9', device: { userAgent: 'x' } });
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, n) =>
        n % 2 ? service.post('/v1/decisions', body) : backend.post('/v1/decisions', body),
      ),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(99);
    expect(new Set(answers.map((answer) => JSON.stringify(answer.body))).size).toBe(1);
    expect(await backend.used('count', { accountId: 'twins' })).toBe(1);
    const [{ made, evidence }] = (await service.database.query(
      `select (select count(*)::int from pointguard.event where data like '%"twins"%') made,
        (select count(*)::int from pointguard.decision_evidence where request like '%"twins"%') evidence`,
    )) as [{ made: number; evidence: number }];
    expect([made, evidence]).toEqual([1, 1]);
  });

  it('that differ are one decision; all others are told so', async () => {
    const { transactionId } = transaction();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => backend.decide({ transactionId, accountId: 'unlike', points: n + 1 })),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.filter(({ body }) => body.code === 'idempotency.mismatch')).toHaveLength(19);
    expect(await backend.used('count', { accountId: 'unlike' })).toBe(1);
  });
});

/** Every row of the program but the time of its clock. */
async function snapshot(): Promise<unknown> {
  const [row] = await service.database.query(`select
    (select array_agg(d::text order by transaction_id) from pointguard.decision d) decisions,
    (select array_agg(s::text order by key) from pointguard.subject s) subjects,
    (select count(*)::int from pointguard.event) events, (select count(*)::int from pointguard.audit) audit,
    (select count(*)::int from pointguard.decision_evidence) evidence,
    (select array_agg((seq, batch)::text order by program_id) from pointguard.lane) lanes`);
  return row;
}
