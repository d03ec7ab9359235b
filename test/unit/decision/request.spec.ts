import { describe, expect, it } from 'vitest';
import type { DecisionRequest } from '../../../src/decision/core/decision.js';
import { fingerprintOf, joinPersonal, SUBJECT_VALUES, splitPersonal } from '../../../src/decision/core/request.js';
import { SUBJECT_KINDS } from '../../../src/policy/core/policy.js';

const FULL: DecisionRequest = {
  transactionId: 't-1',
  accountId: 'a-1',
  type: 'transfer',
  points: 100,
  counterpartyAccountId: 'a-2',
  activity: { kind: 'purchase', campaignId: 'c-1', orderId: 'o-1', amount: { amount: 100, currency: 'EUR' } },
  channel: 'app',
  partnerId: 'p-1',
  storeId: 's-1',
  franchiseId: 'f-1',
  employeeId: 'e-1',
  instrumentId: 'i-1',
  device: { id: 'd-1', userAgent: 'canary agent' },
  ip: '203.0.113.7',
  location: { lat: 48.1, lon: 11.5 },
  reward: { id: 'r-1', category: 'voucher' },
  recipient: { email: 'canary@example.org' },
};

describe('fingerprint', () => {
  const changed = (more: Partial<DecisionRequest>) => fingerprintOf({ ...FULL, ...more }) !== fingerprintOf(FULL);

  it.each<Partial<DecisionRequest>>([
    { accountId: 'a-9' },
    { type: 'burn' },
    { points: 101 },
    { counterpartyAccountId: 'a-3' },
    { counterpartyAccountId: undefined },
    { partnerId: 'p-2' },
    { partnerId: undefined },
    { reward: { id: 'r-2' } },
    { reward: undefined },
    { direction: 'credit' },
  ])('another transaction: %j', (more) => expect(changed(more)).toBe(true));

  it.each<Partial<DecisionRequest>>([
    { transactionId: 't-2' },
    { channel: 'pos' },
    { ip: '198.51.100.1' },
    { device: undefined },
    { storeId: 's-2' },
    { occurredAt: '2026-11-22T00:00:00Z' },
    { accepts: [] },
  ])('the same one, worded anew: %j', (more) => expect(changed(more)).toBe(false));

  it('does not depend on the order of members', () => {
    expect(fingerprintOf(Object.fromEntries(Object.entries(FULL).reverse()) as unknown as DecisionRequest)).toBe(
      fingerprintOf(FULL),
    );
  });

  it('tells values in different fields apart', () => {
    const base: DecisionRequest = { transactionId: 't', accountId: 'a', type: 'burn', points: 1 };
    expect(fingerprintOf({ ...base, partnerId: 'x' })).not.toBe(fingerprintOf({ ...base, reward: { id: 'x' } }));
  });
});

describe('personal fields', () => {
  it('are taken out of the request and put back', () => {
    const { open, personal } = splitPersonal(FULL);
    expect(JSON.stringify(open)).not.toMatch(/canary|203\.0\.113|48\.1|userAgent|recipient|location/);
    expect(personal).toEqual({
      ip: '203.0.113.7',
      userAgent: 'canary agent',
      location: { lat: 48.1, lon: 11.5 },
      recipient: { email: 'canary@example.org' },
    });
    expect(joinPersonal(open, personal)).toEqual(FULL);
  });

  it('are none where there are none', () => {
    const plain: DecisionRequest = { transactionId: 't', accountId: 'a', type: 'burn', points: 1, device: { id: 'd' } };
    expect(splitPersonal(plain)).toEqual({ open: plain, personal: null });
    expect(joinPersonal(plain, null)).toEqual(plain);
  });

  it('a device known by its agent alone is one again', () => {
    const { open, personal } = splitPersonal({ ...FULL, device: { userAgent: 'x' } });
    expect(open.device).toEqual({});
    expect(joinPersonal(open, personal).device).toEqual({ userAgent: 'x' });
  });
});

const subjectValues = (request: DecisionRequest) =>
  Object.fromEntries(SUBJECT_KINDS.map((kind) => [kind, SUBJECT_VALUES[kind]?.(request)]));

describe('subjects', () => {
  it('are what limits can count for; address and referrer belong to registrations', () => {
    const values = subjectValues(FULL);
    const missing = SUBJECT_KINDS.filter((kind) => values[kind] === undefined);
    expect(missing).toEqual(['address', 'referrer']);
    expect(values).toMatchObject({ account: 'a-1', counterparty: 'a-2', network: '203.0.113.0/24', reward: 'r-1' });
  });

  it('a request without a field has no such subject', () => {
    const values = subjectValues({ transactionId: 't', accountId: 'a', type: 'burn', points: 1 });
    expect(SUBJECT_KINDS.filter((kind) => values[kind] !== undefined)).toEqual(['account', 'cluster', 'program']);
  });
});
