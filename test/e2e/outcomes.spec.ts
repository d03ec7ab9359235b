/** What an outcome comes from, and what is said of limits. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LimitRow, policyWith, startTestService, type TestService } from '../support/service.js';
import { type Answer, type Backend, backendOf } from './backend.js';

interface Running {
  service: TestService;
  backend: Backend;
}
const running: TestService[] = [];
afterAll(async () => {
  for (const service of running) await service.stop();
});

async function start(limits: LimitRow[], more: object = {}): Promise<Running> {
  const service = await startTestService({ policy: policyWith(limits, more) });
  running.push(service);
  const backend = await backendOf(service);
  await backend.clock('2026-03-01T12:00:00Z');
  return { service, backend };
}

const codes = ({ body }: Answer): string[] => body.reasons.map(({ code }: { code: string }) => code);
const limitIds = ({ body }: Answer): string[] => body.limits.map(({ id }: { id: string }) => id);

describe('limits in an answer', () => {
  let backend: Backend;
  beforeAll(async () => {
    ({ backend } = await start([
      ['five', 'account', ['burn'], 'count', 'PT1H', 5],
      ['ten', 'account', ['burn'], 'count', 'P1D', 10],
      ['points', 'account', ['burn'], 'points', 'P1D', 1000],
      ['elsewhere', 'device', ['burn'], 'count', 'P1D', 10],
      ['earning', 'account', ['earn'], 'count', 'P1D', 10],
    ]));
  });

  it('are those used to 80 % and more; all with include=limits', async () => {
    const seen: string[][] = [];
    for (let n = 1; n <= 5; n++) seen.push(limitIds(await backend.decide({ accountId: 'nearly', points: 1 })));
    expect(seen).toEqual([[], [], [], ['five'], ['five']]);
    const all = await backend.decide({ accountId: 'all', points: 1, device: { id: 'd' } }, '?include=limits');
    expect(limitIds(all)).toEqual(['five', 'ten', 'points', 'elsewhere']);
    expect(all.body.limits[0]).toEqual({
      id: 'five',
      subject: 'account',
      metric: 'count',
      window: 'PT1H',
      used: 1,
      cap: 5,
      remaining: 4,
      exact: true,
      resetsAt: '2026-03-01T13:00:00.000Z',
    });
  });

  it('are those that were breached, however little was used; denied, it does not count itself', async () => {
    const denied = await backend.decide({ accountId: 'breach', points: 1001 });
    expect(denied.body).toMatchObject({
      outcome: 'deny',
      status: 'denied',
      limits: [{ id: 'points', used: 0, cap: 1000, remaining: 1000 }],
    });
    expect(denied.body.hold).toBeUndefined();
    expect((await backend.find(denied.body.decisionId)).body).toEqual(denied.body);
  });

  it('include=limits says the same when new, repeated and read', async () => {
    const made = await backend.decide({ accountId: 'include' }, '?include=limits');
    const { transactionId, decisionId, accountId, type, points } = made.body;
    await backend.decide({ accountId: 'include' });
    const repeated = await backend.post('/v1/decisions?include=limits', { transactionId, accountId, type, points });
    expect(limitIds(made)).toHaveLength(3);
    expect([repeated.status, repeated.body]).toEqual([200, made.body]);
    expect((await backend.find(decisionId, '?include=limits')).body).toEqual(made.body);
    expect((await backend.find(decisionId)).body.limits).toEqual([]);
  });

  it('resetsAt of a breached one is when it fits again: not a millisecond before, and then', async () => {
    for (let n = 0; n < 5; n++) {
      await backend.decide({ accountId: 'resets', points: 1 });
      await backend.clock('PT1M');
    }
    const { body } = await backend.decide({ accountId: 'resets', points: 1 });
    const resetsAt = body.limits.find(({ id }: { id: string }) => id === 'five').resetsAt;
    await backend.clock(new Date(Date.parse(resetsAt) - 1).toISOString());
    expect((await backend.decide({ accountId: 'resets', points: 1 })).body.outcome).toBe('deny');
    await backend.clock(resetsAt);
    expect((await backend.decide({ accountId: 'resets', points: 1 })).body.outcome).toBe('allow');
  });
});

describe('challenge and review', () => {
  const LIMITS: LimitRow[] = [
    ['challenge', 'account', ['burn'], 'points', 'P1D', 100, { onBreach: 'challenge' }],
    ['review', 'account', ['earn'], 'points', 'P1D', 100, { onBreach: 'review' }],
    ['score', 'account', ['transfer'], 'points', 'P1D', 100, { onBreach: 'score', weight: 90 }],
  ];
  let backend: Backend;
  let denying: Backend;
  beforeAll(async () => {
    ({ backend } = await start(LIMITS));
    ({ backend: denying } = await start(LIMITS, { challengeImpossible: 'deny' }));
  });

  it.each<[string, object, string, string[]]>([
    ['a challenge that nobody can answer', {}, 'in_review', ['limit.challenge', 'step_up.unavailable']],
    [
      'the same, where the caller accepts no review',
      { accepts: ['challenge'] },
      'denied',
      ['review.not_accepted', 'limit.challenge', 'step_up.unavailable'],
    ],
    ['a review', { type: 'earn' }, 'in_review', ['limit.review']],
    ['a review that is not accepted', { type: 'earn', accepts: [] }, 'denied', ['limit.review', 'review.not_accepted']],
    ['a score in the band of deny', { type: 'transfer', counterpartyAccountId: 'to' }, 'denied', ['limit.score']],
    ['nothing', { points: 100 }, 'held', []],
  ])('%s', async (_, more, status, reasons) => {
    const answer = await backend.decide({ points: 101, ...more });
    expect(answer.body.status).toBe(status);
    expect(codes(answer)).toEqual(reasons);
    expect(answer.body.challenge).toBeUndefined();
  });

  it('challengeImpossible: deny', async () => {
    expect((await denying.decide({ points: 101 })).body).toMatchObject({ outcome: 'deny', status: 'denied' });
    expect((await denying.decide({ points: 101, type: 'earn' })).body.status).toBe('in_review');
  });

  it('a review is held for 72 hours, then expires', async () => {
    const { body } = await backend.decide({ points: 101, type: 'earn' });
    expect(body.hold.then).toBe('expire');
    expect(Date.parse(body.hold.expiresAt) - Date.parse(body.evaluatedAt)).toBe(72 * 3_600_000);
    await backend.clock(body.hold.expiresAt);
    expect((await backend.find(body.decisionId)).body.status).toBe('expired');
  });
});

describe('maxOpenHolds', () => {
  let backend: Backend;
  beforeAll(async () => {
    ({ backend } = await start([['count', 'account', ['burn'], 'count', 'P1D', 1000]], { maxOpenHolds: 2 }));
  });
  const open = (accountId: string) => backend.decide({ accountId, onHoldEnd: 'release' });

  it('counts holds that time gives back, and no others', async () => {
    for (let n = 0; n < 5; n++) expect((await backend.decide({ accountId: 'commits' })).body.status).toBe('held');
    const [first] = [await open('commits'), await open('commits')];
    const third = await open('commits');
    expect(third.body).toMatchObject({ outcome: 'deny', status: 'denied' });
    expect(codes(third)).toEqual(['holds.too_many']);
    expect((await backend.decide({ accountId: 'commits' })).body.status, 'one that commits is no such hold').toBe(
      'held',
    );
    expect((await backend.decideAs('review', { accountId: 'commits' })).body.status).toBe('denied');
    expect((await open('another')).body.status).toBe('held');
    await backend.cancel(first.body.decisionId);
    expect((await open('commits')).body.status).toBe('held');
  });

  it.each(['commit', 'cancel', 'time'])('has room again after %s', async (way) => {
    const account = `room-${way}`;
    const first = await open(account);
    await open(account);
    expect((await open(account)).body.status).toBe('denied');
    if (way === 'time') await backend.clock(first.body.hold.expiresAt);
    else await backend.post(`/v1/decisions/${first.body.decisionId}/${way}`);
    expect((await open(account)).body.status).toBe('held');
  });

  it('of one account at once: exactly as many as there is room for', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => open('at-once')));
    expect(answers.filter(({ body }) => body.status === 'held')).toHaveLength(2);
  });
});

describe('Pointguard-Test-Outcome', () => {
  let backend: Backend;
  beforeAll(async () => {
    ({ backend } = await start([
      ['hard', 'account', ['burn'], 'count', 'P1D', 1],
      ['soft', 'account', ['earn'], 'count', 'P1D', 1, { onBreach: 'review' }],
    ]));
  });

  it.each([
    ['allow', 'allow', 'held'],
    ['challenge', 'review', 'in_review'], // nobody has a factor yet
    ['review', 'review', 'in_review'],
    ['deny', 'deny', 'denied'],
  ])('%s is honoured', async (asked, outcome, status) => {
    const answer = await backend.decideAs(asked);
    expect(answer.body).toMatchObject({ outcome, status });
    expect(codes(answer)).toContain('test.outcome');
  });

  it('replaces what a soft limit asks for', async () => {
    await backend.decide({ accountId: 'soft', type: 'earn' });
    expect((await backend.decide({ accountId: 'soft', type: 'earn' })).body.outcome).toBe('review');
    expect((await backend.decideAs('allow', { accountId: 'soft', type: 'earn' })).body.outcome).toBe('allow');
  });

  it('never passes a hard limit, and a deny that it made counts nowhere', async () => {
    await backend.decideAs('deny', { accountId: 'hard' });
    expect((await backend.decide({ accountId: 'hard' })).body.outcome).toBe('allow');
    for (const asked of ['allow', 'challenge', 'review', 'deny']) {
      const answer = await backend.decideAs(asked, { accountId: 'hard' });
      expect(answer.body).toMatchObject({ outcome: 'deny', status: 'denied' });
      expect(codes(answer)).toEqual(['limit.hard']);
    }
  });

  it('that is none is refused', async () => {
    for (const asked of ['', 'ALLOW', 'allow,deny', 'held']) {
      expect((await backend.decideAs(asked)).body.code).toBe('request.invalid');
    }
  });
});

describe('observe mode', () => {
  let observing: Running;
  beforeAll(async () => {
    observing = await start(
      [
        ['hard', 'account', ['burn'], 'count', 'P1D', 2],
        ['review', 'account', ['earn'], 'points', 'P1D', 100, { onBreach: 'review' }],
        ['challenge', 'account', ['transfer'], 'points', 'P1D', 100, { onBreach: 'challenge' }],
      ],
      { mode: 'observe', maxOpenHolds: 1 },
    );
  });
  const observed = (more: object) => observing.backend.decide(more);

  it.each<[string, object, string]>([
    ['nothing', {}, 'allow'],
    ['a review', { type: 'earn', points: 101 }, 'review'],
    ['a challenge', { type: 'transfer', counterpartyAccountId: 'to', points: 101 }, 'review'],
  ])('answers allow and holds; found: %s', async (_, more, wouldHaveBeen) => {
    const { body } = await observed(more);
    expect(body).toMatchObject({ outcome: 'allow', status: 'held', wouldHaveBeen, hold: { then: 'commit' } });
  });

  it('what it would deny counts nowhere, and can be called like any other', async () => {
    const accountId = 'observed';
    for (let n = 0; n < 2; n++) expect((await observed({ accountId })).body.wouldHaveBeen).toBe('allow');
    for (let n = 0; n < 3; n++) {
      const { body } = await observed({ accountId });
      expect(body).toMatchObject({ outcome: 'allow', status: 'held', wouldHaveBeen: 'deny', limits: [{ used: 2 }] });
    }
    const { body } = await observed({ accountId, onHoldEnd: 'release' });
    expect((await observing.backend.commit(body.decisionId, { points: 40 })).body.pointsCommitted).toBe(40);
    expect((await observing.backend.reverse(body.decisionId, { reversalId: 'r' })).body.status).toBe('reversed');
    const { body: dry } = await observing.backend.decide({ accountId }, '?dryRun=true&include=limits');
    expect(dry.limits.map(({ used }: { used: number }) => used)).toEqual([2]);
  });

  it('what it would deny is no open hold either', async () => {
    const accountId = 'holds';
    const hold = (type = 'adjust') => observed({ accountId, type, direction: 'credit', onHoldEnd: 'release' });
    const first = await hold();
    expect(first.body.wouldHaveBeen).toBe('allow');
    for (let n = 0; n < 3; n++) expect((await hold()).body.wouldHaveBeen).toBe('deny');
    await observing.backend.cancel(first.body.decisionId);
    expect((await hold()).body.wouldHaveBeen).toBe('allow');
  });

  it('time ends its holds as any other', async () => {
    const { body } = await observed({ accountId: 'ends', onHoldEnd: 'release' });
    await observing.backend.clock(body.hold.expiresAt);
    expect((await observing.backend.find(body.decisionId)).body.status).toBe('expired');
  });
});
