import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ApiClient, createApiClient, retryAfterMs } from '../../../src/cli/api-client.js';
import { CLIENT, type FakeService, problem, startFakeService } from './fake-service.js';

let service: FakeService;
let client: ApiClient;
beforeEach(async () => {
  service = await startFakeService();
  client = createApiClient({ url: service.url, ...CLIENT }, { patienceMs: 3000 });
});
afterEach(async () => {
  client.close();
  await service.stop();
});
const decide = (transactionId = 't1') => client.call('POST', '/v1/decisions', { transactionId, accountId: 'a' });
const onDecisions = (answers: (ReturnType<typeof problem> | undefined)[]) => {
  const asked: unknown[] = [];
  service.interfere = (path, body) => {
    if (path !== '/v1/decisions') return undefined;
    asked.push(body['transactionId']);
    return answers.shift();
  };
  return asked;
};

describe('the API client', () => {
  it('asks again under the same id when told to come back', async () => {
    const later = { 'retry-after': '0' };
    const asked = onDecisions([problem(503, 'record.unavailable', later), problem(429, 'rate.limited', later)]);
    expect((await decide()).status).toBe(201);
    expect(asked).toEqual(['t1', 't1', 't1']);
  });

  it('asks again when the connection is lost', async () => {
    const asked = onDecisions([
      { status: 0, hangUp: true },
      { status: 0, hangUp: true },
    ]);
    expect((await decide()).status).toBe(201);
    expect(asked).toEqual(['t1', 't1', 't1']);
  });

  it('takes a 503 without Retry-After, and what is no 429 or 503, as the answer', async () => {
    const asked = onDecisions([
      problem(503, 'service.overloaded'),
      problem(409, 'decision.state', { 'retry-after': '0' }),
    ]);
    expect((await decide()).status).toBe(503);
    expect((await decide()).status).toBe(409);
    expect(asked).toHaveLength(2);
  });

  it('gives up where the wait would be longer than its patience', async () => {
    const asked = onDecisions([problem(503, 'record.unavailable', { 'retry-after': '30' })]);
    expect((await decide()).status).toBe(503);
    expect(asked).toHaveLength(1);
  });

  it('ends with one sentence when nobody answers any more', async () => {
    expect((await decide()).status).toBe(201);
    await service.stop();
    const impatient = createApiClient({ url: service.url, ...CLIENT }, { patienceMs: 200 });
    await expect(impatient.call('GET', '/v1/decisions')).rejects.toThrow(/has not answered .*ECONN/);
    impatient.close();
  });

  it('gets one token for calls side by side, and keeps it', async () => {
    await Promise.all(Array.from({ length: 12 }, (_, i) => decide(`t${i}`)));
    await decide('last');
    expect(service.tokens).toBe(1);
  });

  it('renews a token before it ends', async () => {
    service.tokenLivesSeconds = 0;
    await decide('t1');
    await decide('t2');
    expect(service.tokens).toBe(2);
    expect(service.decisions).toHaveLength(2);
  });

  it('gets a new token once where its own is no longer taken', async () => {
    await decide('t1');
    service.forgetTokens();
    expect((await decide('t2')).status).toBe(201);
    expect(service.tokens).toBe(2);
    service.interfere = (path) => (path === '/v1/decisions' ? problem(401, 'auth.token') : undefined);
    await expect(decide('t3')).rejects.toThrow(/no longer accepts/);
    expect(service.tokens).toBe(3);
  });

  it('reads an answer that is no JSON as none', async () => {
    service.interfere = (path) =>
      path === '/plain' ? { status: 200, headers: { 'content-type': 'text/html' }, body: undefined } : undefined;
    expect(await client.call('GET', '/plain')).toMatchObject({ status: 200, body: {} });
    expect(await client.call('GET', '/none')).toMatchObject({ status: 404, body: { code: 'route.not_found' } });
  });
});

describe('Retry-After', () => {
  it('is seconds or a date', () => {
    const nowMs = Date.parse('2026-01-01T00:00:00Z');
    expect(retryAfterMs('2', nowMs)).toBe(2000);
    expect(retryAfterMs('Thu, 01 Jan 2026 00:00:05 GMT', nowMs)).toBe(5000);
    expect(retryAfterMs('Thu, 01 Jan 2015 00:00:05 GMT', nowMs)).toBe(0);
    expect(retryAfterMs('soon', nowMs)).toBeUndefined();
  });
});
