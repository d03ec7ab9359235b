/** The promise: of any number of simultaneous transactions exactly as many pass as there is room for, over instances. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { policyWith, startTestService, type TestService, transaction } from '../support/service.js';

const MANY = 1000;
const CAP = 5;
let instances: [TestService, TestService];

beforeAll(async () => {
  const policy = policyWith([
    ['count', 'account', ['burn'], 'count', 'PT1H', CAP],
    ['points', 'account', ['earn'], 'points', 'PT1H', CAP * 100],
    ['distinct', 'device', ['transfer'], 'distinct', 'PT1H', CAP, { distinctOf: 'account' }],
    ['both', 'store', ['adjust'], 'count', 'PT1H', CAP],
    ['both-points', 'store', ['adjust'], 'points', 'PT1H', 1_000_000],
  ]);
  // the two share two cores with the thousand callers: their deadline is not what is tested here
  const env = { DECISION_DEADLINE_MS: '50000' };
  const first = await startTestService({ policy, env });
  instances = [first, await startTestService({ policy, env, database: first.database })];
});
afterAll(async () => {
  for (const instance of instances) await instance.stop();
});

/** Sends all at once, every second one to the other instance. */
const sendAll = (bodies: readonly object[]) =>
  Promise.all(bodies.map((body, n) => instances[n % 2 === 0 ? 0 : 1].post('/v1/decisions?include=limits', body)));

const outcomes = (answers: Awaited<ReturnType<typeof sendAll>>) => {
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
  return {
    held: answers.filter(({ body }) => body.status === 'held'),
    denied: answers.filter(({ body }) => body.status === 'denied'),
  };
};

describe(`${MANY} transactions at once against a cap of ${CAP}`, () => {
  it.each<[string, (n: number) => object]>([
    ['count', () => ({ type: 'burn', accountId: 'hot' })],
    ['points', () => ({ type: 'earn', accountId: 'hot', points: 100 })],
    [
      'distinct',
      (n) => ({ type: 'transfer', accountId: `a-${n}`, counterpartyAccountId: 'to', device: { id: 'hot' } }),
    ],
  ])('of %s: exactly as many are held as there is room for', async (limitId, more) => {
    const { held, denied } = outcomes(await sendAll(Array.from({ length: MANY }, (_, n) => transaction(more(n)))));
    expect(held).toHaveLength(CAP);
    expect(denied).toHaveLength(MANY - CAP);
    for (const { body } of denied) expect(body.reasons[0].code).toBe(`limit.${limitId}`);
    const used = held.map(({ body }) => body.limits.find(({ id }: { id: string }) => id === limitId).used);
    const step = limitId === 'points' ? 100 : 1;
    expect(used.toSorted((a, b) => a - b)).toEqual(Array.from({ length: CAP }, (_, n) => (n + 1) * step));
  });

  it('where one limit has no room, no other one keeps anything of it', async () => {
    const { held } = outcomes(
      await sendAll(
        Array.from({ length: 100 }, () =>
          transaction({ type: 'adjust', direction: 'credit', storeId: 'hot', points: 7 }),
        ),
      ),
    );
    expect(held).toHaveLength(CAP);
    const { body } = await instances[0].post(
      '/v1/decisions?include=limits',
      transaction({ type: 'adjust', direction: 'credit', storeId: 'hot', points: 1 }),
    );
    expect(body.limits.map(({ id, used }: { id: string; used: number }) => [id, used])).toEqual([
      ['both', CAP],
      ['both-points', CAP * 7],
    ]);
  });

  it('room that is given back is used again, and no more than that', async () => {
    const more = { type: 'burn', accountId: 'again' };
    const { held } = outcomes(await sendAll(Array.from({ length: 20 }, () => transaction(more))));
    await Promise.all(held.slice(0, 3).map(({ body }) => instances[1].post(`/v1/decisions/${body.decisionId}/cancel`)));
    expect(outcomes(await sendAll(Array.from({ length: 20 }, () => transaction(more)))).held).toHaveLength(3);
  });

  it('points of different sizes never pass the cap, and none that fits at the end was left out', async () => {
    const bodies = Array.from({ length: 200 }, (_, n) =>
      transaction({ type: 'earn', accountId: 'sizes', points: 1 + (n % 90) }),
    );
    const { held, denied } = outcomes(await sendAll(bodies));
    const sum = held.reduce((total, { body }) => total + Number(body.points), 0);
    expect(sum).toBeLessThanOrEqual(CAP * 100);
    const left = CAP * 100 - sum;
    for (const { body } of denied) {
      const { used, remaining } = body.limits.find(({ id }: { id: string }) => id === 'points');
      expect(used + remaining).toBe(CAP * 100);
      expect(body.points).toBeGreaterThan(left);
    }
  });

  it('one transaction to both instances at once is one decision', async () => {
    const body = transaction({ accountId: 'twin-of-two' });
    const answers = await sendAll(Array.from({ length: 100 }, () => body));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(99);
    expect(new Set(answers.map((answer) => answer.body.decisionId)).size).toBe(1);
  });

  it('seq and the audit have no gap', async () => {
    const rows = await instances[0].database.query<{ ok: boolean }>(`select
      (select count(*) = max(seq) and min(seq) = 1 and max(seq) = (select seq from pointguard.lane where program_id = 1)
        from pointguard.event where program_id = 1)
      and (select count(*) = max(seq) and min(seq) = 1 from pointguard.audit where program_id = 1) as ok`);
    expect(rows).toEqual([{ ok: true }]);
  });
});
