/** Every status × every call over HTTP: what is answered, what becomes of the budget, what is said. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { policyWith, startTestService, type TestService, transaction } from '../support/service.js';
import { type Answer, type Backend, backendOf } from './backend.js';

let service: TestService;
let backend: Backend;

beforeAll(async () => {
  service = await startTestService({
    policy: policyWith([
      ['count', 'account', ['burn'], 'count', 'P90D', 1000],
      ['points', 'account', ['burn'], 'points', 'P90D', 1_000_000],
      ['refundable', 'account', ['burn'], 'count', 'P90D', 1000, { refundable: true }],
    ]),
  });
  backend = await backendOf(service);
  await backend.clock('2026-03-01T12:00:00Z');
});
afterAll(() => service.stop());

let accounts = 0;
const held = (more: object = {}) => backend.decide({ accountId: `states-${++accounts}`, points: 100, ...more });
const forced = (outcome: string, more: object = {}) =>
  backend.decideAs(outcome, { accountId: `states-${++accounts}`, points: 100, ...more });

/** Brings a decision of 100 points into a state. */
const STATES = {
  held: () => held(),
  'held by time no more: committed': async () => past(await held(), 'PT15M'),
  in_review: () => forced('review'),
  denied: () => forced('deny'),
  cancelled: async () => backend.cancel((await held()).body.decisionId),
  expired: async () => past(await held({ onHoldEnd: 'release' }), 'PT15M'),
  'expired from a review': async () => past(await forced('review'), 'PT72H'),
  committed: async () => backend.commit((await held()).body.decisionId),
  'committed in part, 10 reversed': async () => {
    const { decisionId } = (await held()).body;
    await backend.commit(decisionId, { points: 40 });
    return backend.reverse(decisionId, { reversalId: 'known', points: 10 });
  },
  reversed: async () => {
    const { decisionId } = (await held()).body;
    await backend.commit(decisionId);
    return backend.reverse(decisionId, { reversalId: 'known', points: 100 });
  },
} satisfies Record<string, () => Promise<Answer>>;
type State = keyof typeof STATES;

async function past(decided: Answer, duration: string): Promise<Answer> {
  expect((await backend.clock(duration)).status).toBe(200);
  return backend.find(decided.body.decisionId);
}

const CALLS = {
  commit: ['commit', undefined],
  'commit 40': ['commit', { points: 40 }],
  'commit 100': ['commit', { points: 100 }],
  'commit 101': ['commit', { points: 101 }],
  cancel: ['cancel', {}],
  'cancel by transaction': ['', {}],
  reverse: ['reverse', { reversalId: 'new', reason: 'returned' }],
  'reverse 30': ['reverse', { reversalId: 'new', points: 30, reason: 'returned' }],
  'reverse 101': ['reverse', { reversalId: 'new', points: 101, reason: 'returned' }],
  'reverse known': ['reverse', { reversalId: 'known', points: 10, reason: 'returned' }],
} as const;
type CallTitle = keyof typeof CALLS;

/** status · committed/reversed · entries, points and entries that refundable limits count · events since. */
const STATE_409 = '409 decision.state';
const POINTS_422 = '422 decision.points';
const MISMATCH_422 = '422 idempotency.mismatch';
const NO_COMMIT = { commit: STATE_409, 'commit 40': STATE_409, 'commit 100': STATE_409, 'commit 101': STATE_409 };
const NO_CANCEL = { cancel: STATE_409, 'cancel by transaction': STATE_409 };
const NO_REVERSE = {
  reverse: STATE_409,
  'reverse 30': STATE_409,
  'reverse 101': STATE_409,
  'reverse known': STATE_409,
};
const CANCELS = {
  cancel: 'cancelled -/- 0 0 0 cancelled',
  'cancel by transaction': 'cancelled -/- 0 0 0 cancelled',
};
const COMMITS = {
  commit: 'committed 100/- 1 100 1 committed',
  'commit 40': 'committed 40/- 1 40 1 committed',
  'commit 100': 'committed 100/- 1 100 1 committed',
  'commit 101': POINTS_422,
};
const COMMITS_LATE = {
  commit: 'committed 100/- 1 100 1 late_commit',
  'commit 40': 'committed 40/- 1 40 1 late_commit',
  'commit 100': 'committed 100/- 1 100 1 late_commit',
  'commit 101': POINTS_422,
};
const REVERSES_100 = {
  reverse: 'reversed 100/100 1 0 0 reversed',
  'reverse 30': 'committed 100/30 1 70 1 reversed',
  'reverse 101': POINTS_422,
  'reverse known': 'committed 100/10 1 90 1 reversed',
};

const TABLE: Record<State, Record<CallTitle, string>> = {
  held: { ...COMMITS, ...CANCELS, ...NO_REVERSE },
  'held by time no more: committed': { ...COMMITS, ...NO_CANCEL, ...REVERSES_100 },
  in_review: { ...NO_COMMIT, ...CANCELS, ...NO_REVERSE },
  denied: { ...NO_COMMIT, ...NO_CANCEL, ...NO_REVERSE },
  cancelled: {
    ...NO_COMMIT,
    cancel: 'cancelled -/- 0 0 0 ',
    'cancel by transaction': 'cancelled -/- 0 0 0 ',
    ...NO_REVERSE,
  },
  expired: { ...COMMITS_LATE, ...NO_CANCEL, ...NO_REVERSE },
  'expired from a review': { ...COMMITS_LATE, ...NO_CANCEL, ...NO_REVERSE },
  committed: {
    commit: 'committed 100/- 1 100 1 ',
    'commit 40': STATE_409,
    'commit 100': 'committed 100/- 1 100 1 ',
    'commit 101': STATE_409,
    ...NO_CANCEL,
    ...REVERSES_100,
  },
  'committed in part, 10 reversed': {
    commit: 'committed 40/10 1 30 1 ',
    'commit 40': 'committed 40/10 1 30 1 ',
    'commit 100': STATE_409,
    'commit 101': STATE_409,
    ...NO_CANCEL,
    reverse: 'reversed 40/40 1 0 0 reversed',
    'reverse 30': 'reversed 40/40 1 0 0 reversed',
    'reverse 101': POINTS_422,
    'reverse known': 'committed 40/10 1 30 1 ',
  },
  reversed: {
    commit: 'reversed 100/100 1 0 0 ',
    'commit 40': STATE_409,
    'commit 100': 'reversed 100/100 1 0 0 ',
    'commit 101': STATE_409,
    ...NO_CANCEL,
    reverse: STATE_409,
    'reverse 30': STATE_409,
    'reverse 101': STATE_409,
    'reverse known': MISMATCH_422,
  },
};

const CELLS = (Object.keys(STATES) as State[]).flatMap((state) =>
  (Object.keys(CALLS) as CallTitle[]).map((title) => [state, title, TABLE[state][title]] as const),
);

async function eventsOf(decisionId: string): Promise<string[]> {
  const rows = await service.database.query<{ type: string }>(
    'select type from pointguard.event where aggregate_id = $1 order by seq',
    [decisionId],
  );
  return rows.map(({ type }) => type.replace('decision.', ''));
}

const call = (title: CallTitle, { decisionId, transactionId }: { decisionId: string; transactionId: string }) => {
  const [name, body] = CALLS[title];
  return name === ''
    ? backend.post('/v1/decisions/cancel', { transactionId })
    : backend.post(`/v1/decisions/${decisionId}/${name}`, body);
};

async function cellOf({ status, body }: Answer, accountId: string, eventsBefore: number): Promise<string> {
  if (status !== 200) return `${status} ${body.code}`;
  const said = (await eventsOf(body.decisionId)).slice(eventsBefore).join();
  const budget = await Promise.all(['count', 'points', 'refundable'].map((id) => backend.used(id, { accountId })));
  return `${body.status} ${body.pointsCommitted ?? '-'}/${body.pointsReversed ?? '-'} ${budget.join(' ')} ${said}`;
}

describe('status × call', () => {
  it.each(CELLS)('%s · %s → %s', async (state, title, expected) => {
    const before = await STATES[state]();
    const { decisionId, accountId, outcome } = before.body;
    const events = (await eventsOf(decisionId)).length;
    const answer = await call(title, before.body);
    expect(await cellOf(answer, accountId, events)).toBe(expected);
    const now = await backend.find(decisionId);
    expect(now.body, 'GET answers what the call answered').toEqual(answer.status === 200 ? answer.body : before.body);
    expect(now.body.outcome, 'an outcome never changes').toBe(outcome);
    const again = await call(title, before.body);
    expect([again.status, again.status === 200 ? again.body : again.body.code], 'the call again').toEqual([
      answer.status,
      answer.status === 200 ? answer.body : answer.body.code,
    ]);
  });

  it.each(CELLS.filter(([, , cell]) => cell === STATE_409))('%s · %s says the status', async (state, title) => {
    const before = await STATES[state]();
    const refused = await call(title, before.body);
    expect(refused.body).toMatchObject({ status: 409, code: 'decision.state', decisionStatus: before.body.status });
    expect(refused.headers['content-type']).toMatch(/^application\/problem\+json/);
  });
});

describe('time', () => {
  it('a hold stands until one millisecond before its end', async () => {
    const { body } = await held({ onHoldEnd: 'release' });
    const endMs = Date.parse(body.hold.expiresAt);
    expect(endMs - Date.parse(body.evaluatedAt)).toBe(15 * 60_000);
    await backend.clock(new Date(endMs - 1).toISOString());
    expect((await backend.find(body.decisionId)).body).toMatchObject({ status: 'held', hold: body.hold });
    expect(await backend.used('count', { accountId: body.accountId })).toBe(1);
    await backend.clock(new Date(endMs).toISOString());
    const { body: over } = await backend.find(body.decisionId);
    expect(over).toMatchObject({ status: 'expired', statusChangedAt: body.hold.expiresAt });
    expect(over.hold).toBeUndefined();
    expect(await backend.used('count', { accountId: body.accountId })).toBe(0);
    expect(await eventsOf(body.decisionId)).toEqual(['made', 'expired']);
  });

  it('what time commits reads so, and no event says it', async () => {
    const { body } = await held();
    expect(body.hold).toMatchObject({ then: 'commit' });
    await backend.clock(body.hold.expiresAt);
    expect((await backend.find(body.decisionId)).body).toMatchObject({
      status: 'committed',
      pointsCommitted: 100,
      statusChangedAt: body.hold.expiresAt,
    });
    expect(await eventsOf(body.decisionId)).toEqual(['made']);
  });

  it('the first explicit commit after time sets the points; a second one with others does not', async () => {
    const { body } = await held();
    await backend.clock('PT1H');
    expect((await backend.commit(body.decisionId, { points: 60 })).body).toMatchObject({
      status: 'committed',
      pointsCommitted: 60,
      statusChangedAt: body.hold.expiresAt,
    });
    expect((await backend.commit(body.decisionId, { points: 50 })).status).toBe(409);
    expect((await backend.commit(body.decisionId, { points: 60 })).status).toBe(200);
    expect(await backend.used('points', { accountId: body.accountId })).toBe(60);
  });

  it('after a part went back, that commit cannot set less than it', async () => {
    const { body } = await held();
    await backend.clock('PT1H');
    await backend.reverse(body.decisionId, { reversalId: 'r', points: 30 });
    expect((await backend.commit(body.decisionId, { points: 29 })).body.code).toBe('decision.points');
    expect((await backend.commit(body.decisionId, { points: 30 })).body).toMatchObject({
      status: 'reversed',
      pointsCommitted: 30,
      pointsReversed: 30,
    });
  });

  it('a late commit is a fact: flagged, and counted as of its commit, not of its decision', async () => {
    const { body } = await held({ onHoldEnd: 'release' });
    await backend.clock('P40D');
    const { body: late } = await backend.commit(body.decisionId, { points: 70 });
    expect(late).toMatchObject({ status: 'committed', late: true, pointsCommitted: 70, outcome: 'allow' });
    expect(late.reasons.map(({ code }: { code: string }) => code)).toContain('ledger.late_commit');
    // 90 days after its decision, 50 after its commit
    await backend.clock('P50D');
    expect(await backend.used('points', { accountId: body.accountId })).toBe(70);
    await backend.clock('P40D');
    expect(await backend.used('points', { accountId: body.accountId })).toBe(0);
  });
});

describe('reversals', () => {
  it('add up to what was committed and not a point more', async () => {
    const { body } = await held();
    await backend.commit(body.decisionId, { points: 90 });
    expect((await backend.reverse(body.decisionId, { reversalId: '1', points: 50 })).body.pointsReversed).toBe(50);
    expect((await backend.reverse(body.decisionId, { reversalId: '2', points: 41 })).body.code).toBe('decision.points');
    expect((await backend.reverse(body.decisionId, { reversalId: '1', points: 50 })).body.pointsReversed).toBe(50);
    expect((await backend.reverse(body.decisionId, { reversalId: '1', points: 40 })).body.code).toBe(
      'idempotency.mismatch',
    );
    expect((await backend.reverse(body.decisionId, { reversalId: '3' })).body).toMatchObject({
      status: 'reversed',
      pointsReversed: 90,
    });
    expect((await backend.reverse(body.decisionId, { reversalId: '3' })).status).toBe(200);
    expect((await backend.reverse(body.decisionId, { reversalId: '4', points: 1 })).status).toBe(409);
  });

  it('of one id, sent twenty times at once, are one', async () => {
    const { body } = await held();
    await backend.commit(body.decisionId);
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => backend.reverse(body.decisionId, { reversalId: 'twin', points: 10 })),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect(new Set(answers.map((answer) => answer.body.pointsReversed))).toEqual(new Set([10]));
    expect(await eventsOf(body.decisionId)).toEqual(['made', 'committed', 'reversed']);
  });

  it('of different ids, sent at once, never give back more than there was', async () => {
    const { body } = await held();
    await backend.commit(body.decisionId);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => backend.reverse(body.decisionId, { reversalId: `r-${n}`, points: 30 })),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(3);
    expect((await backend.find(body.decisionId)).body).toMatchObject({ status: 'committed', pointsReversed: 90 });
  });
});

describe('cancelled before it was seen', () => {
  it('answers cancelled, twice the same; the late original is told so and counts nowhere', async () => {
    const original = transaction({ points: 100 });
    const { transactionId, accountId } = original;
    const unseen = { status: 200, body: { transactionId, status: 'cancelled' } };
    expect(await backend.post('/v1/decisions/cancel', { transactionId })).toMatchObject(unseen);
    expect(await backend.post('/v1/decisions/cancel', { transactionId })).toMatchObject(unseen);
    const late = await backend.post('/v1/decisions', original);
    expect(late).toMatchObject({ status: 201, body: { outcome: 'deny', status: 'cancelled', transactionId } });
    expect(late.body.hold).toBeUndefined();
    expect(await backend.used('count', { accountId })).toBe(0);
    expect(await backend.post('/v1/decisions', original)).toMatchObject({ status: 200, body: late.body });
    expect(await backend.post('/v1/decisions/cancel', { transactionId })).toMatchObject({
      status: 200,
      body: late.body,
    });
    expect((await backend.commit(late.body.decisionId)).body).toMatchObject({ decisionStatus: 'cancelled' });
    const other = await backend.post('/v1/decisions', { ...original, points: 101 });
    expect(other.body.code).toBe('idempotency.mismatch');
  });

  it('races with its original: one of both orders, and never a hold that stays', async () => {
    for (let round = 0; round < 10; round++) {
      const original = transaction();
      const { transactionId, accountId } = original;
      const [decided, cancelled] = await Promise.all([
        backend.post('/v1/decisions', original),
        backend.post('/v1/decisions/cancel', { transactionId }),
      ]);
      expect([decided.status, cancelled.status, cancelled.body.status]).toEqual([201, 200, 'cancelled']);
      expect((await backend.find(decided.body.decisionId)).body.status).toBe('cancelled');
      expect(await backend.used('count', { accountId })).toBe(0);
    }
  });
});
