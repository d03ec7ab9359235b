/** The clock of a test program, and what a live one refuses. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { policyWith, startTestService, type TestService } from '../support/service.js';
import { type Backend, backendOf } from './backend.js';

const POLICY = policyWith([['count', 'account', ['burn'], 'count', 'PT1H', 1]]);

describe('the clock', () => {
  let service: TestService;
  let backend: Backend;
  beforeAll(async () => {
    service = await startTestService({ policy: POLICY });
    backend = await backendOf(service);
  });
  afterAll(() => service.stop());

  it('is the real one until it is set', async () => {
    const before = Date.now();
    const { body } = await backend.decide({}, '?dryRun=true');
    expect(Date.parse(body.evaluatedAt)).toBeGreaterThanOrEqual(before - 1000);
    expect(Date.parse(body.evaluatedAt)).toBeLessThanOrEqual(Date.now() + 1000);
  });

  it('can be set anywhere, to and fro, before the first transaction', async () => {
    for (const now of ['2031-07-01T00:00:00.000Z', '1970-01-01T00:00:00.000Z', '2019-02-28T23:59:59.999Z']) {
      expect(await backend.clock(now)).toMatchObject({ status: 200, body: { now } });
      expect((await backend.decide({}, '?dryRun=true')).body.evaluatedAt).toBe(now);
    }
    expect((await backend.clock('P1DT0.001S')).body.now).toBe('2019-03-02T00:00:00.000Z');
  });

  it('stands where it was put, and after the first transaction goes forward only', async () => {
    const now = '2019-03-02T00:00:00.000Z';
    expect((await backend.decide({ accountId: 'a' })).body.evaluatedAt).toBe(now);
    expect((await backend.decide({ accountId: 'b' })).body.evaluatedAt).toBe(now);
    expect((await backend.clock('2019-03-01T23:59:59.999Z')).body).toMatchObject({
      status: 422,
      code: 'test.clock_backwards',
    });
    expect((await backend.clock(now)).status, 'where it is').toBe(200);
    expect((await backend.clock('2019-03-02T00:00:00.001Z')).status).toBe(200);
  });

  it('moves the windows: to the millisecond', async () => {
    await backend.decide({ accountId: 'edge' });
    expect((await backend.decide({ accountId: 'edge' })).body.outcome).toBe('deny');
    await backend.clock('PT59M59.999S');
    expect((await backend.decide({ accountId: 'edge' })).body.outcome).toBe('deny');
    await backend.clock('PT0.001S');
    expect((await backend.decide({ accountId: 'edge' })).body.outcome).toBe('allow');
  });

  it('answers when all that is due by then has happened, however much that is', async () => {
    const open = Array.from({ length: 450 }, (_, n) => backend.decide({ accountId: `due-${n}`, onHoldEnd: 'release' }));
    const decided = await Promise.all(open);
    await backend.clock('PT15M');
    const [row] = await service.database.query<{ open: number; expired: number; said: number }>(`select
      (select count(*)::int from pointguard.decision where open_until_ms is not null) as open,
      (select count(*)::int from pointguard.decision where status = 'expired') as expired,
      (select count(*)::int from pointguard.event where type = 'decision.expired') as said`);
    expect(row).toEqual({ open: 0, expired: decided.length, said: decided.length });
  });

  it.each([
    {},
    { now: '2030-01-01' },
    { now: '2030-01-01T00:00:00' },
    { now: 1_893_456_000_000 },
    { advance: '1H' },
    { advance: 'P1Y' },
    { advance: '-PT1H' },
    { now: '2030-01-01T00:00:00Z', advance: 'PT1H' },
    { advance: 'P9999999D' },
    { now: '2030-01-01T00:00:00Z', extra: 1 },
  ])('refuses %j', async (body) => {
    expect((await backend.post('/v1/test/clock', body)).body.code).toBe('request.invalid');
  });

  it('tokens live by the real one', async () => {
    await backend.clock('P365D');
    expect((await backend.get('/v1/decisions')).status).toBe(200);
  });

  it('occurredAt is measured by it', async () => {
    const { body: now } = await backend.clock('PT1S');
    const shifted = (ms: number) => ({ occurredAt: new Date(Date.parse(now.now) + ms).toISOString() });
    for (const [ms, status] of [
      [-86_400_000, 201],
      [-86_400_001, 422],
      [300_000, 201],
      [300_001, 422],
    ] as const) {
      const answer = await backend.decide(shifted(ms));
      expect([ms, answer.status]).toEqual([ms, status]);
    }
    const late = await backend.decide(shifted(-86_400_001));
    expect(late.body).toMatchObject({ code: 'request.invalid', errors: [{ pointer: '/occurredAt' }] });
  });
});

describe('a live program', () => {
  let service: TestService;
  let backend: Backend;
  beforeAll(async () => {
    service = await startTestService({ policy: POLICY, env: { BOOTSTRAP_PROGRAM_MODE: 'live' } });
    backend = await backendOf(service);
  });
  afterAll(() => service.stop());

  it('has no clock to move and no outcome to ask for, and nothing happened', async () => {
    for (const to of ['2030-01-01T00:00:00Z', 'PT1H']) {
      expect((await backend.clock(to)).body).toMatchObject({ status: 403, code: 'test.live_program' });
    }
    for (const outcome of ['allow', 'challenge', 'review', 'deny']) {
      expect((await backend.decideAs(outcome)).body).toMatchObject({ status: 403, code: 'test.live_program' });
    }
    expect((await backend.get('/v1/decisions')).body.items).toEqual([]);
    const [lane] = await service.database.query('select clock_ms, began from pointguard.lane where program_id = 1');
    expect(lane).toEqual({ clock_ms: null, began: false });
  });

  it('decides by the record’s clock', async () => {
    const { body } = await backend.decide();
    expect(Math.abs(Date.parse(body.evaluatedAt) - Date.now())).toBeLessThan(60_000);
  });
});
