/** Rules from policy text to answer: what fires, what it says, what adds up, and which version of the policy said it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OUTCOMES } from '../../src/decision/core/decision.js';
import { REASONS } from '../../src/decision/core/reasons.js';
import { renderDecision } from '../../src/decision/core/render.js';
import { policyWith, startTestService, type TestService, transaction } from '../support/service.js';
import { decisionWith } from '../unit/decision/decisions.js';
import { type Answer, type Backend, backendOf } from './backend.js';

const NOW = '2026-03-01T12:00:00Z';
const before = (hours: number): string => new Date(Date.parse(NOW) - hours * 3_600_000).toISOString();

const running: TestService[] = [];
afterAll(async () => {
  // an instance that was opened on another's database ends before it
  for (const service of running.toReversed()) await service.stop();
});

async function start(policy: object | string): Promise<{ service: TestService; backend: Backend }> {
  const service = await startTestService({ policy });
  running.push(service);
  const backend = await backendOf(service);
  await backend.clock(NOW);
  return { service, backend };
}

const codes = ({ body }: Answer): string[] => body.reasons.map(({ code }: { code: string }) => code);

describe('a rule of each outcome', () => {
  let backend: Backend;
  beforeAll(async () => {
    ({ backend } = await start(`
version: 1
rules:
  - {id: challenged, when: 'storeId == "challenge"', outcome: challenge, reason: To be confirmed}
  - {id: reviewed, when: 'storeId == "review"', outcome: review, reason: To be looked at}
  - {id: denied, when: 'storeId == "deny"', outcome: deny, reason: Not at all}
  - {id: weak, when: 'storeId == "score"', outcome: score, weight: 40, reason: A little odd}
  - {id: strong, when: 'storeId == "band"', outcome: score, weight: 90, reason: Very odd}
  - {id: other-store, when: 'type == "earn" && storeId != "home"', outcome: deny, reason: Not at home}
  - {id: nameless, when: 'type == "adjust" && !known(storeId)', outcome: deny, reason: No store}
`));
  });

  it.each<[string, string, string, string[], number]>([
    ['challenge', 'review', 'in_review', ['rule.challenged', 'step_up.unavailable'], 0],
    ['review', 'review', 'in_review', ['rule.reviewed'], 0],
    ['deny', 'deny', 'denied', ['rule.denied'], 0],
    ['score', 'allow', 'held', ['rule.weak'], 40],
    ['band', 'deny', 'denied', ['rule.strong'], 90],
    ['nowhere', 'allow', 'held', [], 0],
  ])('%s: fires where it holds', async (storeId, outcome, status, reasons, score) => {
    const answer = await backend.decide({ storeId });
    expect(answer.body).toMatchObject({ outcome, status, score });
    expect(codes(answer)).toEqual(reasons);
    expect((await backend.find(answer.body.decisionId)).body).toEqual(answer.body);
  });

  it('says which, why, how heavy, and by which facts', async () => {
    const { body } = await backend.decide({ storeId: 'review' });
    expect(body.reasons).toEqual([
      {
        code: 'rule.reviewed',
        message: 'To be looked at',
        customerMessage: expect.any(Object),
        weight: 75,
        detail: { storeId: 'review' },
      },
    ]);
  });

  it('fires by nothing that is absent, unless it asks for absence', async () => {
    expect(codes(await backend.decide())).toEqual([]);
    expect(codes(await backend.decide({ type: 'earn' }))).toEqual([]);
    expect(codes(await backend.decide({ type: 'earn', storeId: 'home' }))).toEqual([]);
    expect(codes(await backend.decide({ type: 'earn', storeId: 'away' }))).toEqual(['rule.other-store']);
    expect(codes(await backend.decide({ type: 'adjust', direction: 'debit' }))).toEqual(['rule.nameless']);
    expect(codes(await backend.decide({ type: 'adjust', direction: 'debit', storeId: 'x' }))).toEqual([]);
  });

  it('follows what the caller accepts', async () => {
    for (const storeId of ['challenge', 'review']) {
      const answer = await backend.decide({ storeId, accepts: [] });
      expect(answer.body).toMatchObject({ outcome: 'deny', status: 'denied' });
      expect(codes(answer)).toContain('review.not_accepted');
    }
    expect((await backend.decide({ storeId: 'score', accepts: [] })).body.outcome).toBe('allow');
  });
});

describe('scores', () => {
  const WEIGHTS = { a: 30, b: 35, c: 10, d: 15, e: 100 };
  let backend: Backend;
  beforeAll(async () => {
    const rules = Object.entries(WEIGHTS).map(([code, weight]) => ({
      id: code,
      when: `externalSignals.exists(s, s.code == "${code}")`,
      outcome: 'score',
      weight,
      reason: `signal ${code}`,
    }));
    ({ backend } = await start(
      policyWith([['much', 'account', ['burn'], 'points', 'P1D', 1000, { onBreach: 'score', weight: 20 }]], { rules }),
    ));
  });
  const signals = (letters: string) => letters.split('').map((code) => ({ source: 'test', code }));

  it.each<[string, number, number, string]>([
    ['', 100, 0, 'allow'],
    ['a', 100, 30, 'allow'],
    ['bc', 100, 45, 'allow'],
    ['ab', 100, 65, 'review'], // the band of challenge, which nobody can answer yet
    ['abc', 100, 75, 'review'],
    ['abcd', 100, 90, 'deny'],
    ['a', 1001, 50, 'allow'],
    ['ac', 1001, 60, 'review'],
    ['abd', 1001, 100, 'deny'],
    ['abcde', 1001, 100, 'deny'],
  ])('"%s" and %i points add up to %i: %s', async (letters, points, score, outcome) => {
    const answer = await backend.decide({ points, externalSignals: signals(letters) });
    expect(answer.body).toMatchObject({ score, outcome });
    const weights = answer.body.reasons.map(({ weight }: { weight: number }) => weight) as number[];
    expect(weights).toEqual(weights.toSorted((a, b) => b - a));
    const expected = letters
      .split('')
      .map((code) => `rule.${code}`)
      .concat(points > 1000 ? 'limit.much' : []);
    expect(
      codes(answer)
        .filter((code) => code !== 'step_up.unavailable')
        .toSorted(),
    ).toEqual(expected.toSorted());
  });

  it('one signal, told twice, is one', async () => {
    expect((await backend.decide({ externalSignals: signals('aaa') })).body.score).toBe(30);
  });
});

describe('what rules are for', () => {
  let backend: Backend;
  beforeAll(async () => {
    ({ backend } = await start(`
version: 1
limits:
  - {id: burns, subject: account, types: [burn], metric: count, window: P1D, cap: 4, kind: hard, reason: Four a day}
rules:
  - id: fresh-credentials
    when: type == "burn" && account.credentialsAgeHours < 24 && points > 5000
    outcome: challenge
    reason: Large redemption soon after the password changed
  - {id: self, when: signals.selfDealing, outcome: deny, reason: Their own account}
  - {id: hosted, when: network.dataCentre && ip != "", outcome: review, reason: No member lives in a data centre}
  - {id: home, when: 'type == "earn" && network.dataCentre == false', outcome: score, weight: 1, reason: At home}
  - id: bot
    when: externalSignals.exists(s, s.source == "bot-shield" && s.score >= 80)
    outcome: review
    reason: A machine
  - {id: third, when: 'limits["burns"].used >= 2', outcome: review, reason: The third of a day}
  - {id: prefix, when: 'network.prefix.startsWith("198.51.100.")', outcome: review, reason: A network}
`));
  });

  const FRESH = { points: 5001, account: { credentialsChangedAt: before(23) } };
  const SELF = { type: 'adjust', direction: 'credit', employeeId: 'e', employeeAccountId: 'theirs' };
  const TRANSFER = { type: 'transfer', accountId: 'ann', counterpartyAccountId: 'ben' };
  const bot = (source: string, score?: number) => ({ externalSignals: [{ source, code: 'x', score }] });

  it.each<[string, object, string[]]>([
    ['fresh credentials', FRESH, ['rule.fresh-credentials', 'step_up.unavailable']],
    [
      'changed ahead of our clock: brand new',
      { ...FRESH, account: { credentialsChangedAt: before(-1) } },
      ['rule.fresh-credentials', 'step_up.unavailable'],
    ],
    ['a day old', { ...FRESH, account: { credentialsChangedAt: before(24) } }, []],
    ['5,000 points', { ...FRESH, points: 5000 }, []],
    ['an earn', { ...FRESH, type: 'earn' }, []],
    ['credentials that nobody told', { points: 5001, account: {} }, []],
    ['self-dealing: an adjustment', { ...SELF, accountId: 'theirs' }, ['rule.self']],
    ['an adjustment of another account', { ...SELF, accountId: 'another' }, []],
    ['an adjustment by nobody known', { ...SELF, accountId: 'theirs', employeeAccountId: undefined }, []],
    ['self-dealing: a transfer to themselves', { ...TRANSFER, employeeAccountId: 'ben' }, ['rule.self']],
    ['self-dealing: a transfer from themselves', { ...TRANSFER, employeeAccountId: 'ann' }, ['rule.self']],
    ['a transfer of others', { ...TRANSFER, employeeAccountId: 'cid' }, []],
    ['a data centre', { ip: '5.9.0.1' }, ['rule.hosted']],
    ['a data centre, IPv6', { ip: '2a01:4f8::1' }, ['rule.hosted']],
    ['a data centre, mapped into IPv6', { ip: '::ffff:5.9.0.1' }, ['rule.hosted']],
    ['a member’s network', { ip: '90.0.0.1' }, []],
    ['a member’s network, asked for', { type: 'earn', ip: '90.0.0.1' }, ['rule.home']],
    ['a private address is in none, known or not', { type: 'earn', ip: '192.168.1.1' }, []],
    ['no address', { type: 'earn' }, []],
    ['an external signal', bot('bot-shield', 80), ['rule.bot']],
    ['a weak one', bot('bot-shield', 79), []],
    ['one without a score', bot('bot-shield'), []],
    ['one of another source', bot('another', 100), []],
    ['a network', { ip: '198.51.100.7' }, ['rule.prefix']],
  ])('%s', async (_, more, expected) => {
    expect(codes(await backend.decide(more))).toEqual(expected);
  });

  it('a limit’s fact is what it holds before this transaction, where it applies', async () => {
    const accountId = 'third';
    const answers: Answer[] = [];
    for (let n = 0; n < 5; n++) answers.push(await backend.decide({ accountId }));
    expect(answers.map(({ body }) => body.outcome)).toEqual(['allow', 'allow', 'review', 'review', 'deny']);
    expect(answers[2]!.body.reasons[0]).toMatchObject({ code: 'rule.third', detail: { 'limits.burns.used': 2 } });
    expect(codes(answers[4]!), 'a hard limit first, and what else was found').toEqual(['limit.burns', 'rule.third']);
    expect(codes(await backend.decide({ accountId, type: 'earn' })), 'no fact of an earn').toEqual([]);
    await backend.cancel(answers[2]!.body.decisionId);
    expect((await backend.decide({ accountId })).body.outcome).toBe('review');
  });

  it('no reason repeats an address or its network', async () => {
    for (const ip of ['5.9.0.1', '198.51.100.7']) {
      const { body } = await backend.decide({ ip });
      expect(body.reasons.length).toBe(1);
      expect(JSON.stringify(body)).not.toMatch(/5\.9\.0|198\.51\.100/);
    }
  });

  it('a dry run finds what a real one finds, and counts nothing', async () => {
    for (const more of [FRESH, { ...SELF, accountId: 'theirs' }, { ip: '5.9.0.1' }, bot('bot-shield', 99), {}]) {
      const body = transaction(more);
      const dry = await backend.post('/v1/decisions?dryRun=true', body);
      const real = await backend.post('/v1/decisions', body);
      for (const name of ['outcome', 'status', 'score', 'reasons', 'limits', 'policyVersion']) {
        expect([name, dry.body[name]]).toEqual([name, real.body[name]]);
      }
    }
    const accountId = 'dry';
    for (let n = 0; n < 5; n++) await backend.decide({ accountId }, '?dryRun=true');
    expect(codes(await backend.decide({ accountId }))).toEqual([]);
  });
});

describe('what the member reads', () => {
  const CODES = Object.keys(REASONS).map((code) => code.replace('*', 'some-id'));

  it('is the same for every reason of the table, whatever it weighs and knows', () => {
    for (const outcome of OUTCOMES) {
      const reasons = CODES.map((code, n) => ({ code, message: code, weight: n, detail: { used: n, ip: 'x' } }));
      const rendered = renderDecision(decisionWith({ outcome, reasons })).reasons;
      expect(rendered).toHaveLength(CODES.length);
      const texts = new Set(rendered.map(({ customerMessage }) => JSON.stringify(customerMessage)));
      expect([outcome, texts.size]).toEqual([outcome, 1]);
    }
  });

  it('shows by its outcome alone what was found', async () => {
    const { backend } = await start(
      policyWith([['hard', 'account', ['burn'], 'points', 'P1D', 1000]], {
        rules: ['review', 'deny'].map((outcome) => ({
          id: `store-${outcome}`,
          when: `storeId == "${outcome}"`,
          outcome,
          reason: 'Device, score and limit of 5',
        })),
      }),
    );
    const entry = { subject: 'device', value: 'bad', reason: 'Stolen device' };
    expect((await backend.post('/v1/lists/block/entries', entry)).status).toBe(201);
    expect((await backend.post('/v1/lists/watch/entries', { ...entry, value: 'odd' })).status).toBe(201);
    const found: Record<string, object[]> = {
      deny: [{ points: 1001 }, { storeId: 'deny' }, { device: { id: 'bad' } }, { storeId: 'review', accepts: [] }],
      review: [{ storeId: 'review' }, { storeId: 'review', device: { id: 'odd' } }],
      allow: [{ device: { id: 'odd' } }],
    };
    for (const [outcome, requests] of Object.entries(found)) {
      const texts = new Set<string>();
      for (const more of requests) {
        const { body } = await backend.decide(more);
        expect([more, body.outcome]).toEqual([more, outcome]);
        expect(body.reasons.length).toBeGreaterThan(0);
        for (const { customerMessage } of body.reasons) texts.add(JSON.stringify(customerMessage));
      }
      expect([outcome, texts.size]).toEqual([outcome, 1]);
      expect([...texts][0]).not.toMatch(/\d|limit|score|device|gerät|appareil|list|betrug|fraud/i);
    }
  });
});

describe('a policy that another instance activates', () => {
  let one: TestService;
  let other: TestService;
  /** A rule and a limit, both named for the policy they are of. */
  const named = (name: string) =>
    policyWith([[`limit-${name}`, 'account', ['burn'], 'count', 'P1D', 1000]], {
      rules: [{ id: `rule-${name}`, when: 'points > 0', outcome: 'score', weight: 1, reason: name }],
    });
  const names = new Map<number, string>([[1, 'first']]);

  beforeAll(async () => {
    ({ service: one } = await start(named('first')));
    other = await startTestService({ database: one.database });
    running.push(other);
    const drafted = await one.post('/v1/policy/versions', named('second'));
    names.set(drafted.body.version, 'second');
  });
  const activate = (version: number, by: TestService) => by.post(`/v1/policy/versions/${version}/activate`);
  const decide = (by: TestService, more: object = {}) =>
    by.post('/v1/decisions?include=limits', transaction({ accountId: 'shared', ...more }));
  /** Reasons and limits are those of the version that the answer names. */
  const expectUnmixed = ({ policyVersion, reasons, limits }: Answer['body']) => {
    const name = names.get(policyVersion);
    expect(reasons.map(({ code }: { code: string }) => code)).toEqual([`rule.rule-${name}`]);
    expect(limits.map(({ id }: { id: string }) => id)).toEqual([`limit-${name}`]);
  };

  it('judges the next decision, which says so', async () => {
    for (const version of [2, 1, 2]) {
      expect((await activate(version, other)).status).toBe(200);
      const { body } = await decide(one);
      expect(body.policyVersion).toBe(version);
      expectUnmixed(body);
    }
  });

  it('leaves no decision in between, however many are under way', async () => {
    const versions = new Set<number>();
    const asking = Array.from({ length: 8 }, async (_, n) => {
      for (let turn = 0; turn < 25; turn++) {
        const { status, body } = await decide(n % 2 ? one : other, { accountId: `busy-${n}` });
        expect(status).toBe(201);
        expectUnmixed(body);
        versions.add(body.policyVersion);
      }
    });
    const under = { way: true };
    const ended = Promise.all(asking).finally(() => (under.way = false));
    for (let turn = 0; under.way; turn++) {
      const version = 1 + (turn % 2);
      await activate(version, turn % 3 ? one : other);
      const { body } = await decide(one, { accountId: 'after' });
      expect(body.policyVersion, 'asked for after the answer').toBe(version);
    }
    await ended;
    expect(versions).toEqual(new Set([1, 2]));
  });

  it('limits of a decision are read by the version that made it', async () => {
    await activate(1, one);
    const made = await decide(one, { accountId: 'kept' });
    await activate(2, other);
    for (const service of [one, other]) {
      const read = await service.get(`/v1/decisions/${made.body.decisionId}?include=limits`);
      expect(read.body).toEqual(made.body);
      const { transactionId, accountId, type, points } = made.body;
      const body = { transactionId, accountId, type, points };
      expect((await service.post('/v1/decisions?include=limits', body)).body).toEqual(made.body);
    }
    const restarted = await startTestService({ database: one.database });
    running.push(restarted);
    const read = await restarted.get(`/v1/decisions/${made.body.decisionId}?include=limits`);
    expect(read.body, 'also by a process that never judged by it').toEqual(made.body);
  });
});
