/** A signal that cannot be read in time never weakens a limit: the policy says what its absence means. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startTestService, type TestService, transaction } from '../support/service.js';

const POLICY = `
version: 1
limits:
  - {id: one, subject: device, types: [burn], metric: count, window: PT1H, cap: 1, kind: hard, reason: One}
rules:
  - {id: country, when: signals.countryChanged, outcome: review, reason: Another country}
degraded:
  location: {burn: review, transfer: deny, earn: ignore, adjust: unavailable}
`;
const GERMAN = '84.128.0.1';

let service: TestService;
let restore = () => {};
beforeAll(async () => {
  service = await startTestService({ policy: POLICY });
});
afterEach(() => restore());
afterAll(() => service.stop());

const decide = (more: object) => service.post('/v1/decisions', transaction({ ip: GERMAN, ...more }));
const places = () => service.database.query('select seen from pointguard.account_seen order by account_key');

/** The key store stops answering for keys that rows name: at all, or within the deadline. */
function loseKeys(how: 'fails' | 'hangs'): void {
  const { keys } = service.service.platform;
  const real = keys.sealKeyById;
  keys.sealKeyById = () => (how === 'fails' ? Promise.reject(new Error('away')) : new Promise(() => {}));
  restore = () => {
    keys.sealKeyById = real;
  };
}

describe.each(['fails', 'hangs'] as const)('where an account was last seen cannot be read: the key store %s', (how) => {
  it.each([
    ['burn', {}, 'review', 'in_review'],
    ['transfer', { counterpartyAccountId: 'peer' }, 'deny', 'denied'],
    ['earn', {}, 'allow', 'held'],
  ])('%s', async (type, more, outcome, status) => {
    const accountId = `seen-${how}-${type}`;
    await decide({ accountId, type: 'earn' });
    const before = await places();
    loseKeys(how);
    const { body } = await decide({ accountId, type, ...more });
    expect(body).toMatchObject({ outcome, status, degraded: ['location'] });
    expect(body.reasons.map(({ code }: { code: string }) => code)).toContain('signal.degraded');
    expect((await service.get(`/v1/decisions/${body.decisionId}`)).body.degraded).toEqual(['location']);
    // what could not be read is not overwritten
    expect(await places()).toEqual(before);
  });

  it('unavailable: 503, nothing is recorded, and the id stays free', async () => {
    const accountId = `seen-${how}-adjust`;
    await decide({ accountId, type: 'earn' });
    loseKeys(how);
    const body = transaction({ accountId, type: 'adjust', direction: 'credit', ip: GERMAN });
    const refused = await service.post('/v1/decisions', body);
    expect(refused).toMatchObject({ status: 503, body: { code: 'decision.unavailable' } });
    expect(refused.headers.get('retry-after')).toBe('1');
    restore();
    expect((await service.get(`/v1/decisions?transactionId=${body.transactionId}`)).body.items).toEqual([]);
    expect((await service.post('/v1/decisions', body)).status).toBe(201);
  });

  it('a hard limit is a deny all the same', async () => {
    const device = { id: `d-${how}` };
    const accountId = `seen-${how}-limit`;
    await decide({ accountId, device });
    loseKeys(how);
    expect((await decide({ accountId, device })).body).toMatchObject({ outcome: 'deny', degraded: ['location'] });
  });
});

it('nothing is degraded where all answers', async () => {
  const accountId = 'fine';
  await decide({ accountId });
  expect((await decide({ accountId })).body).toMatchObject({ outcome: 'allow', degraded: [] });
});
