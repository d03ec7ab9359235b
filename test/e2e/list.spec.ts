/** `GET /v1/decisions`: every filter, and pages that stand still while others decide. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestService, type TestService } from '../support/service.js';
import { type Answer, type Backend, backendOf } from './backend.js';

interface Listed {
  decisionId: string;
  transactionId: string;
  accountId: string;
  outcome: string;
  status: string;
  evaluatedAt: string;
}

let service: TestService;
let backend: Backend;
const made: Listed[] = [];

const START_MS = Date.parse('2026-03-01T12:00:00Z');
const at = (second: number) => new Date(START_MS + second * 1000).toISOString();

/** One decision a second, of each kind in turn; the last ones come after the ends of the holds. */
const KINDS: ((n: number) => Promise<Answer>)[] = [
  (n) => backend.decide({ accountId: `a-${n % 3}` }),
  (n) => backend.decideAs('review', { accountId: `a-${n % 3}` }),
  (n) => backend.decideAs('deny', { accountId: `a-${n % 3}` }),
  (n) => backend.decide({ accountId: `a-${n % 3}`, onHoldEnd: 'release' }),
  async (n) => backend.commit((await backend.decide({ accountId: `a-${n % 3}` })).body.decisionId),
  async (n) => backend.cancel((await backend.decide({ accountId: `a-${n % 3}` })).body.decisionId),
  async (n) => {
    const { decisionId } = (await backend.commit((await backend.decide({ accountId: `a-${n % 3}` })).body.decisionId))
      .body;
    return backend.reverse(decisionId, { reversalId: `r-${n}` });
  },
];
const EACH = 3;

beforeAll(async () => {
  service = await startTestService({ policy: { version: 1, maxOpenHolds: 1000 } });
  backend = await backendOf(service);
  for (let n = 0; n < EACH * KINDS.length; n++) {
    await backend.clock(at(n));
    made.push((await KINDS[n % KINDS.length]!(n)).body as Listed);
  }
  await backend.post('/v1/decisions/cancel', { transactionId: 'never-seen' });
});
afterAll(() => service.stop());

const list = (query: string) => backend.get(`/v1/decisions${query}`);
const ids = (items: readonly Listed[]) => items.map(({ decisionId }) => decisionId);

async function all(query: Record<string, string>, limit = 200): Promise<Listed[]> {
  const items: Listed[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page = await list(
      `?${new URLSearchParams({ ...query, limit: String(limit), ...(cursor && { cursor }) }).toString()}`,
    );
    expect(page.status).toBe(200);
    items.push(...(page.body.items as Listed[]));
    cursor = page.body.nextCursor as string | null;
  }
  return items;
}

describe('filters', () => {
  const newestFirst = (those: (listed: Listed) => boolean) => ids(made.filter(those)).reverse();

  it('none: all, newest first, each as its GET answers; unseen ones are no decisions', async () => {
    const items = await all({});
    expect(ids(items)).toEqual(newestFirst(() => true));
    for (const item of items) expect((await backend.find(item.decisionId)).body).toEqual(item);
  });

  it('transactionId, accountId', async () => {
    const one = made[5]!;
    expect(ids(await all({ transactionId: one.transactionId }))).toEqual([one.decisionId]);
    expect(await all({ transactionId: 'never-seen' })).toEqual([]);
    expect(ids(await all({ accountId: 'a-1' }))).toEqual(newestFirst(({ accountId }) => accountId === 'a-1'));
    expect(await all({ accountId: 'a-9' })).toEqual([]);
    expect(ids(await all({ accountId: 'a-1', transactionId: made[0]!.transactionId }))).toEqual([]);
  });

  it.each(['allow', 'challenge', 'review', 'deny'])('outcome=%s', async (outcome) => {
    expect(ids(await all({ outcome }))).toEqual(newestFirst((listed) => listed.outcome === outcome));
  });

  it('from is inside, to is not', async () => {
    const between = ({ evaluatedAt }: Listed) => evaluatedAt >= at(5) && evaluatedAt < at(9);
    expect(ids(await all({ from: at(5), to: at(9) }))).toEqual(newestFirst(between));
    expect(await all({ from: at(5), to: at(9) })).toHaveLength(4);
    expect(await all({ from: at(9), to: at(5) })).toEqual([]);
    expect(ids(await all({ from: '2026-03-01T13:00:05+01:00', to: at(6) }))).toEqual(ids([made[5]!]));
    expect(await all({ from: '1970-01-01T00:00:00Z', to: '9999-12-31T23:59:59.999Z' })).toHaveLength(made.length);
  });

  it('together', async () => {
    const those = (listed: Listed) =>
      listed.outcome === 'allow' && listed.accountId === 'a-2' && listed.evaluatedAt >= at(3);
    expect(ids(await all({ outcome: 'allow', accountId: 'a-2', from: at(3) }))).toEqual(newestFirst(those));
  });

  const STATUSES = ['held', 'challenged', 'in_review', 'denied', 'cancelled', 'expired', 'committed', 'reversed'];
  it.each(STATUSES)('status=%s, as it reads now', async (status) => {
    expect(ids(await all({ status }))).toEqual(newestFirst((listed) => listed.status === status));
  });

  it('status after the ends of the holds: held by time no more', async () => {
    await backend.clock('P1D');
    for (const status of STATUSES) {
      const items = await all({ status });
      expect(items.map((item) => item.status)).toEqual(items.map(() => status));
    }
    expect(await all({ status: 'held' })).toEqual([]);
    expect(await all({ status: 'committed' })).toHaveLength(2 * EACH);
    expect(await all({ status: 'expired' })).toHaveLength(EACH);
    const counts = await Promise.all(STATUSES.map(async (status) => (await all({ status })).length));
    expect(counts.reduce((sum, count) => sum + count)).toBe(made.length);
  });
});

describe('pages', () => {
  it.each([1, 2, 7, 20, 21, 22])('of %d hold each decision once, in one order', async (limit) => {
    expect(ids(await all({}, limit))).toEqual(ids(await all({})));
  });

  it('end with nextCursor null, exactly at the last one', async () => {
    expect((await list(`?limit=${made.length}`)).body.nextCursor).toBeNull();
    expect((await list(`?limit=${made.length - 1}`)).body.nextCursor).toEqual(expect.any(String));
    expect((await list('?limit=200&accountId=a-9')).body).toEqual({ items: [], nextCursor: null });
  });

  it('have 50 where nothing is said', async () => {
    const filler = await Promise.all(Array.from({ length: 51 }, () => backend.decide({ accountId: 'filler' })));
    expect(filler.every(({ status }) => status === 201)).toBe(true);
    expect((await list('?accountId=filler')).body.items).toHaveLength(50);
  });

  it('stand still while others decide in between: nothing twice, nothing lost', async () => {
    const before = ids(await all({ accountId: 'filler' }));
    const seen: string[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page = await list(`?accountId=filler&limit=10${cursor && `&cursor=${cursor}`}`);
      seen.push(...ids(page.body.items as Listed[]));
      cursor = page.body.nextCursor as string | null;
      // also in the same millisecond: the clock of a test program stands
      await Promise.all(Array.from({ length: 5 }, () => backend.decide({ accountId: 'filler' })));
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(before.filter((id) => !seen.includes(id))).toEqual([]);
  });
});

describe('refused with a pointer', () => {
  it.each([
    ['cursor=', '/cursor'],
    ['cursor=x', '/cursor'],
    ['cursor=dec_', '/cursor'],
    ['cursor=dec_zzzzzzzzzzzzzzzzzzzzzzzzzz', '/cursor'],
    ['cursor=lnk_01m80dansc2pjc1bmcet5veajk', '/cursor'],
    [`cursor=${'a'.repeat(65)}`, '/cursor'],
    ["cursor='%20or%201=1--", '/cursor'],
    ['limit=0', '/limit'],
    ['limit=201', '/limit'],
    ['limit=-1', '/limit'],
    ['limit=1.5', '/limit'],
    ['limit=x', '/limit'],
    ['limit=', '/limit'],
    ['outcome=held', '/outcome'],
    ['status=HELD', '/status'],
    ['status=held&status=denied', '/status'],
    ['from=yesterday', '/from'],
    ['to=2026-03-01', '/to'],
    ['from=2026-02-30T00:00:00Z', '/from'],
    ['accountId=a%40example.org', '/accountId'],
    ['transactionId=', '/transactionId'],
    ['unknown=1', ''],
    ['include=limits', ''],
  ])('?%s', async (query, pointer) => {
    const refused = await list(`?${query}`);
    expect(refused).toMatchObject({ status: 422, body: { code: 'request.invalid', errors: [{ pointer }] } });
  });
});
