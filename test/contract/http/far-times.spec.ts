/** Clocks of test programs at the ends of what they may say: every answer stays a valid one. */
import { expect, test } from 'vitest';
import { policyWith, startTestService, transaction } from '../../support/service.js';
import { faultsOf } from './surface.js';

const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const policy = policyWith([
  ['day', 'account', ['burn'], 'count', 'P90D', 100],
  ['ring', 'account', ['burn'], 'points', 'PT1H', 100_000],
]);

test.each([
  ['the first', '1970-01-01T00:00:00Z'],
  ['before the first by its zone', '1970-01-01T00:30:00+00:30'],
  ['of today', '2026-06-01T00:00:00Z'],
  ['the last', '9999-01-01T00:00:00Z'],
])('%s time', async (_name, now) => {
  const service = await startTestService({ policy });
  try {
    expect((await service.post('/v1/test/clock', { now })).status).toBe(200);
    for (const outcome of ['allow', 'review']) {
      const body = transaction({ accountId: 'one' });
      const answer = await service.post('/v1/decisions?include=limits', body, { 'pointguard-test-outcome': outcome });
      expect(answer.status).toBe(201);
      const times = [answer.body.evaluatedAt, answer.body.hold.expiresAt];
      times.push(...answer.body.limits.map((limit: { resetsAt: string }) => limit.resetsAt));
      expect(times.filter((time) => !RFC_3339.test(time))).toEqual([]);
      expect(answer.body.limits).toHaveLength(2);
      expect((await service.get(`/v1/decisions/${answer.body.decisionId}`)).body.status).toBe(answer.body.status);
    }
    expect(
      (await service.get('/v1/decisions?from=0000-01-01T00:00:00Z&to=9999-12-31T23:59:59Z')).body.items,
    ).toHaveLength(2);
    for (const occurredAt of ['0001-01-01T00:00:00Z', '9999-12-31T23:59:59.999Z']) {
      const answer = await service.post('/v1/decisions', transaction({ occurredAt }));
      expect(faultsOf(answer, [422])).toEqual([]);
    }
  } finally {
    await service.stop();
  }
});

test('beyond the ends', async () => {
  const service = await startTestService({ policy });
  try {
    for (const body of [
      { now: '1969-12-31T23:59:59.999Z' },
      { now: '1970-01-01T00:00:00+00:01' },
      { now: '0000-01-01T00:00:00Z' },
      { now: '9999-01-01T00:00:00.001Z' },
      { now: '9999-12-31T23:59:59Z' },
      { now: '9999-12-31T23:59:59-23:59' },
      { advance: 'P9999999D' },
      { advance: 'P999999W' },
    ]) {
      const answer = await service.post('/v1/test/clock', body);
      expect(faultsOf(answer, [422])).toEqual([]);
      expect(answer.body.errors).toMatchObject([{ pointer: `/${Object.keys(body)[0]}` }]);
    }
    expect((await service.post('/v1/decisions', transaction())).status).toBe(201);
  } finally {
    await service.stop();
  }
});
