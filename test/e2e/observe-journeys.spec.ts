/** Observing finds what enforcing would: also of journeys, which hang on where a member was believed to be. */
import { afterEach, expect, it } from 'vitest';
import { startTestService, type TestService, transaction } from '../support/service.js';

const PARIS = { lat: 48.86, lon: 2.35 };
const TOKYO = { lat: 35.68, lon: 139.69 };
const rules = [{ id: 'speed', when: 'signals.impossibleSpeed', outcome: 'review', reason: 'Too fast' }];

let service: TestService;
afterEach(() => service.stop());

it.each(['enforce', 'observe'])('%s: who was not believed far away does not make home look far away', async (mode) => {
  service = await startTestService({ policy: { version: 1, mode, rules } });
  await service.post('/v1/test/clock', { now: '2026-03-01T12:00:00Z' });
  const outcomes: string[] = [];
  for (const location of [PARIS, TOKYO, PARIS]) {
    const { body } = await service.post('/v1/decisions', transaction({ accountId: 'traveller', location }));
    outcomes.push(body.wouldHaveBeen ?? body.outcome);
    await service.post('/v1/test/clock', { advance: 'PT10M' });
  }
  expect(outcomes).toEqual(['allow', 'review', 'allow']);
});
