/** Many at once: each item answers for itself, in order, and none disturbs another. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { policyWith, startTestService, type TestService, transaction } from '../support/service.js';

let service: TestService;
beforeAll(async () => {
  service = await startTestService({ policy: policyWith([['three', 'account', ['burn'], 'count', 'PT1H', 3]]) });
});
afterAll(() => service.stop());

const batch = (items: unknown) => service.post('/v1/decisions/batch', { items });
const commit = (items: unknown) => service.post('/v1/decisions/commit-batch', { items });

describe('a batch of decisions', () => {
  it('answers each item as its own call would have, in order, and holds the cap', async () => {
    const good = () => transaction({ accountId: 'b' });
    const { status, body } = await batch([good(), { ...good(), points: 0 }, good(), { x: 1 }, good(), good(), null]);
    expect(status).toBe(200);
    const said = body.items.map(
      (item: { status: number; decision?: { status: string }; problem?: { code: string } }) => [
        item.status,
        item.decision?.status ?? item.problem?.code,
      ],
    );
    expect(said).toEqual([
      [201, 'held'],
      [422, 'request.invalid'],
      [201, 'held'],
      [422, 'request.invalid'],
      [201, 'held'],
      [201, 'denied'],
      [422, 'request.invalid'],
    ]);
    expect(body.items[1].problem).toMatchObject({ status: 422, errors: [{ pointer: '/points' }] });
  });

  it('one id three times is one decision, and the batch repeated is the same', async () => {
    const same = transaction();
    const first = await batch([same, same, same]);
    const ids = new Set(first.body.items.map((item: { decision: { decisionId: string } }) => item.decision.decisionId));
    expect(ids.size).toBe(1);
    const again = await batch([same]);
    expect(again.body.items[0]).toMatchObject({ status: 200, decision: { decisionId: [...ids][0] } });
  });

  it('takes 500, and a body of nearly a megabyte; no more', async () => {
    const items = Array.from({ length: 500 }, () =>
      transaction({ type: 'earn', device: { id: 'd', userAgent: 'x'.repeat(1000) } }),
    );
    const all = await batch(items);
    expect(all.body.items.every((item: { status: number }) => item.status === 201)).toBe(true);
    expect((await batch([...items, transaction()])).status).toBe(422);
    expect((await batch([{ ...transaction(), padding: 'x'.repeat(1024 * 1024) }])).status).toBe(413);
  });

  it.each([[[]], [null], [{}], ['x']])('items that are no list of any: %j', async (items) => {
    expect(await batch(items)).toMatchObject({ status: 422, body: { code: 'request.invalid' } });
  });

  it('a member beside the items is unknown', async () => {
    const answer = await service.post('/v1/decisions/batch', { items: [transaction()], mode: 'all' });
    expect(answer.status).toBe(422);
  });
});

describe('a batch of commits', () => {
  it('by decision or by transaction, a part or all; what is wrong is wrong alone', async () => {
    const [a, b, c] = [transaction(), transaction(), transaction()];
    const made = (await batch([a, b, c])).body.items.map((item: { decision: { decisionId: string } }) => item.decision);
    const { body } = await commit([
      { decisionId: made[0].decisionId },
      { transactionId: b.transactionId, points: 40 },
      { decisionId: made[2].decisionId, points: 101 },
      { decisionId: 'dec_nowhere' },
      { transactionId: 'never-seen' },
      { decisionId: made[0].decisionId, transactionId: a.transactionId },
      {},
    ]);
    const said = body.items.map(
      (item: { status: number; decision?: { pointsCommitted: number }; problem?: { code: string } }) => [
        item.status,
        item.decision?.pointsCommitted ?? item.problem?.code,
      ],
    );
    expect(said).toEqual([
      [200, 100],
      [200, 40],
      [422, 'decision.points'],
      [404, 'decision.not_found'],
      [404, 'decision.not_found'],
      [422, 'request.invalid'],
      [422, 'request.invalid'],
    ]);
    expect((await service.get(`/v1/decisions/${made[2].decisionId}`)).body.status).toBe('held');
  });
});
