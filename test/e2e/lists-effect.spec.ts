/** What lists do to decisions: a block stops, an allow lets pass what is soft, a watch is evidence. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AccessService } from '../../src/access/access.service.js';
import { policyWith, startTestService, type TestService } from '../support/service.js';
import { type Answer, type Backend, backendOf } from './backend.js';

const POLICY = policyWith(
  [
    ['hard', 'account', ['burn', 'transfer', 'adjust'], 'count', 'P1D', 3],
    ['soft', 'account', ['burn'], 'points', 'P1D', 1000, { onBreach: 'review' }],
    ['odd', 'account', ['earn'], 'points', 'P1D', 1000, { onBreach: 'score', weight: 95 }],
  ],
  {
    maxOpenHolds: 2,
    rules: [
      { id: 'review', when: 'storeId == "s-review"', outcome: 'review', reason: 'A store' },
      { id: 'challenge', when: 'storeId == "s-challenge"', outcome: 'challenge', reason: 'A store' },
      { id: 'watched', when: '"device" in lists.watch && points > 500', outcome: 'review', reason: 'Watched' },
      { id: 'allowed', when: '"account" in lists.allow', outcome: 'score', weight: 1, reason: 'Known' },
    ],
  },
);

let service: TestService;
let second: TestService;
let backend: Backend;
let elsewhere: Backend;

beforeAll(async () => {
  service = await startTestService({ policy: POLICY });
  second = await startTestService({ database: service.database });
  backend = await backendOf(service);
  elsewhere = await backendOf(second);
  await backend.clock('2026-03-01T12:00:00Z');
});
afterAll(async () => {
  await second.stop();
  await service.stop();
});

const codes = ({ body }: Answer): string[] => body.reasons.map(({ code }: { code: string }) => code);

async function listed(list: string, subject: string, value: string, more: object = {}, by = backend): Promise<string> {
  const answer = await by.post(`/v1/lists/${list}/entries`, { subject, value, reason: `${list} it`, ...more });
  expect([answer.status, answer.body]).toMatchObject([201, { list, subject }]);
  return answer.body.entryId;
}
const unlist = async (list: string, entryId: string) => {
  const answer = await backend.post(`/v1/lists/${list}/entries/${entryId}/remove`, { reason: 'over' });
  expect(answer.status).toBe(200);
};

describe('a block', () => {
  const TO = { type: 'transfer', counterpartyAccountId: 'b-receiver' };
  it.each<[string, string, object, object]>([
    ['account', 'b-account', { accountId: 'b-account' }, { accountId: 'b-account2' }],
    ['account', 'b-receiver', TO, { ...TO, counterpartyAccountId: 'B-receiver' }],
    ['device', 'b-device', { device: { id: 'b-device' } }, { device: { id: 'b-device-2' } }],
    ['ip', '203.0.113.0/26', { ip: '203.0.113.63' }, { ip: '203.0.113.64' }],
    ['ip', '2001:db8:7::/48', { ip: '2001:DB8:7:ffff::1' }, { ip: '2001:db8:8::1' }],
    ['ip', '192.0.2.9', { ip: '::ffff:192.0.2.9' }, { ip: '192.0.2.10' }],
    [
      'email_domain',
      'Bad.Example',
      { recipient: { email: 'Any.One@bAd.example' } },
      { recipient: { email: 'a@not.bad.example' } },
    ],
    ['instrument', 'b-card', { instrumentId: 'b-card' }, { instrumentId: 'c-card' }],
    ['store', 'b-store', { storeId: 'b-store' }, { storeId: 'c-store' }],
    ['employee', 'b-employee', { employeeId: 'b-employee' }, { employeeAccountId: 'b-employee' }],
  ])('of %s %s denies; not the next one, and not once it is removed', async (subject, value, hit, missed) => {
    expect((await backend.decide(hit)).body.outcome).toBe('allow');
    const entryId = await listed('block', subject, value);
    const denied = await backend.decide(hit);
    expect(denied.body).toMatchObject({ outcome: 'deny', status: 'denied' });
    expect(denied.body.reasons).toEqual([
      {
        code: 'list.block',
        message: 'block it',
        customerMessage: expect.any(Object),
        weight: 100,
        detail: { subject, entryId },
      },
    ]);
    expect((await backend.decide(missed)).body.outcome).toBe('allow');
    await unlist('block', entryId);
    expect((await backend.decide(hit)).body.outcome).toBe('allow');
  });

  it('what it denies counts nowhere', async () => {
    const accountId = 'b-counts';
    const entryId = await listed('block', 'device', 'b-counts-device');
    for (let n = 0; n < 5; n++) await backend.decide({ accountId, device: { id: 'b-counts-device' } });
    expect(await backend.used('hard', { accountId })).toBe(0);
    await unlist('block', entryId);
  });

  it('the receiver of a transfer is told apart from who sends by nothing but the entry; only a block looks at them', async () => {
    for (const list of ['allow', 'watch']) await listed(list, 'account', 'speaks-for-none');
    const answer = await backend.decide({
      type: 'transfer',
      counterpartyAccountId: 'speaks-for-none',
      storeId: 's-review',
    });
    expect(answer.body.outcome).toBe('review');
    expect(codes(answer)).toEqual(['rule.review']);
  });

  it('repeats no value in the answer', async () => {
    const entryId = await listed('block', 'ip', '198.51.100.128/25');
    const { body } = await backend.decide({ ip: '198.51.100.200', recipient: { email: 'canary@x.example' } });
    expect(body.outcome).toBe('deny');
    expect(JSON.stringify(body)).not.toMatch(/198\.51|canary|x\.example/);
    await unlist('block', entryId);
  });

  it('ends when it expires, by the program’s clock', async () => {
    const expiresAt = '2026-03-01T13:00:00.000Z';
    await listed('block', 'device', 'b-expires', { expiresAt });
    const ask = () => backend.decide({ device: { id: 'b-expires' } });
    await backend.clock('2026-03-01T12:59:59.999Z');
    expect((await ask()).body.outcome).toBe('deny');
    await backend.clock(expiresAt);
    expect((await ask()).body.outcome).toBe('allow');
  });

  it('of another program is none', async () => {
    const access = service.service.app.get(AccessService);
    const actor = { kind: 'person', id: 'test' } as const;
    const secret = 'another-secret-0123456789';
    await access.createProgram({ name: 'other', mode: 'test', policyText: JSON.stringify(POLICY) }, actor);
    await access.createClient(
      { programName: 'other', clientId: 'stranger', scopes: ['decisions', 'lists'], secret },
      actor,
    );
    const stranger = await backendOf(service, 'stranger', secret);
    await listed('block', 'device', 'b-program', {}, stranger);
    expect((await stranger.decide({ device: { id: 'b-program' } })).body.outcome).toBe('deny');
    expect((await backend.decide({ device: { id: 'b-program' } })).body.outcome).toBe('allow');
  });
});

describe('an entry of another instance', () => {
  it('counts in the next decision, added or removed', async () => {
    for (let n = 0; n < 10; n++) {
      const device = { id: `b-instance-${n}` };
      const ask = () => backend.decide({ device });
      expect((await ask()).body.outcome).toBe('allow');
      const entryId = await listed('block', 'device', device.id, {}, elsewhere);
      expect((await ask()).body.outcome).toBe('deny');
      const removed = await elsewhere.post(`/v1/lists/block/entries/${entryId}/remove`, { reason: 'over' });
      expect(removed.status).toBe(200);
      expect((await ask()).body.outcome).toBe('allow');
    }
  });

  it('stops all that is asked for after its answer, however busy both are', async () => {
    const device = { id: 'b-busy' };
    let blocked = false;
    const askedAfter: string[] = [];
    const asking = Array.from({ length: 8 }, async (_, n) => {
      for (let turn = 0; turn < 15; turn++) {
        const surely = blocked;
        const { body } = await (n % 2 ? backend : elsewhere).decide({ device });
        if (surely) askedAfter.push(body.outcome);
      }
    });
    await listed('block', 'device', device.id, {}, elsewhere);
    blocked = true;
    await Promise.all(asking);
    expect(new Set(askedAfter)).toEqual(new Set(['deny']));
    expect((await backend.decide({ device })).body.outcome).toBe('deny');
  });
});

describe('an allow', () => {
  beforeAll(async () => {
    await listed('allow', 'account', 'vip');
    await listed('allow', 'device', 'kiosk');
  });
  const kiosk = { device: { id: 'kiosk' } };

  it.each<[string, object, string[]]>([
    ['a rule of review', { storeId: 's-review' }, ['rule.review', 'list.allow']],
    ['a rule of challenge', { storeId: 's-challenge' }, ['rule.challenge', 'list.allow']],
    ['a soft limit', { points: 1001 }, ['limit.soft', 'list.allow']],
    ['a score', { type: 'earn', points: 1001 }, ['limit.odd', 'list.allow']],
  ])('lets %s pass, and says what it passed', async (_, more, reasons) => {
    expect((await backend.decide(more)).body.outcome).not.toBe('allow');
    const answer = await backend.decide({ ...more, ...kiosk });
    expect(answer.body).toMatchObject({ outcome: 'allow', status: 'held' });
    expect(codes(answer)).toEqual(reasons);
  });

  it('is a fact that rules can ask for', async () => {
    expect(codes(await backend.decide({ accountId: 'vip' }))).toEqual(['rule.allowed', 'list.allow']);
  });

  it('never passes a hard limit', async () => {
    const accountId = 'allow-hard';
    for (let n = 0; n < 3; n++) expect((await backend.decide({ accountId, ...kiosk })).body.outcome).toBe('allow');
    const answer = await backend.decide({ accountId, ...kiosk });
    expect(answer.body.outcome).toBe('deny');
    expect(codes(answer)).toEqual(['limit.hard', 'list.allow']);
  });

  it('never passes a block, of the same subject or another', async () => {
    const of = { account: { accountId: 'both' }, store: { ...kiosk, storeId: 'both' } };
    await listed('allow', 'account', 'both');
    for (const subject of ['account', 'store'] as const) {
      const entryId = await listed('block', subject, 'both');
      const answer = await backend.decide(of[subject]);
      expect(answer.body.outcome).toBe('deny');
      expect(codes(answer)[0]).toBe('list.block');
      expect(codes(answer)).toContain('list.allow');
      await unlist('block', entryId);
      expect((await backend.decide(of[subject])).body.outcome).toBe('allow');
    }
  });

  it('never passes the most open holds', async () => {
    const accountId = 'allow-holds';
    const open = () => backend.decide({ accountId, onHoldEnd: 'release', ...kiosk });
    expect([(await open()).body.status, (await open()).body.status]).toEqual(['held', 'held']);
    expect(codes(await open())).toEqual(['holds.too_many', 'list.allow']);
  });
});

describe('a watch', () => {
  it('asks for nothing by itself, and is evidence', async () => {
    const entryId = await listed('watch', 'device', 'odd');
    const answer = await backend.decide({ device: { id: 'odd' } });
    expect(answer.body).toMatchObject({ outcome: 'allow', status: 'held', score: 0 });
    expect(answer.body.reasons).toMatchObject([
      { code: 'list.watch', message: 'watch it', weight: 10, detail: { subject: 'device', entryId } },
    ]);
  });

  it('is a fact that rules can ask for', async () => {
    expect(codes(await backend.decide({ device: { id: 'odd' }, points: 501 }))).toEqual(['rule.watched', 'list.watch']);
    expect(codes(await backend.decide({ device: { id: 'even' }, points: 501 }))).toEqual([]);
  });
});

it('a dry run finds the same', async () => {
  await listed('block', 'store', 'b-dry');
  const dry = await backend.decide({ storeId: 'b-dry' }, '?dryRun=true');
  expect(dry.body).toMatchObject({ outcome: 'deny', reasons: [{ code: 'list.block' }] });
});

it('observe mode says what a block would have done', async () => {
  const observing = await startTestService({ policy: { version: 1, mode: 'observe' } });
  try {
    const backendThere = await backendOf(observing);
    await listed('block', 'device', 'b-observed', {}, backendThere);
    const { body } = await backendThere.decide({ device: { id: 'b-observed' } });
    expect(body).toMatchObject({ outcome: 'allow', status: 'held', wouldHaveBeen: 'deny' });
    expect(body.reasons).toMatchObject([{ code: 'list.block' }]);
  } finally {
    await observing.stop();
  }
});
