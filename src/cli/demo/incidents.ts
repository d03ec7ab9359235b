/** What the sample traffic hides among the habits: one scene for each kind of limit in the shipped policy. */
import type { DecisionRequest } from '../replay/mapping.js';

export interface Incident {
  /** Begins its transaction ids. */
  name: string;
  startSeconds: number;
  everySeconds: number;
  count: number;
  /** Its transaction number `at`, from 0. */
  request(at: number, transactionId: string): DecisionRequest;
}

/** From the ranges that RFC 5737 keeps for documentation. */
const STRANGE_IP = '198.51.100.66';

/** A stolen account is emptied in small steps: allowed, then a factor is asked that it lacks (review), then denied. */
const takeover: Incident = {
  name: 'takeover',
  startSeconds: 1500,
  everySeconds: 12,
  count: 24,
  request: (_at, transactionId) => ({
    transactionId,
    accountId: 'm-2001',
    type: 'burn',
    points: 900,
    channel: 'web',
    device: { id: 'browser-9f31' },
    ip: STRANGE_IP,
    reward: { id: 'voucher-10', category: 'voucher', value: { amount: 1000, currency: 'EUR' } },
  }),
};

/** Points of many accounts are gathered in one: review from the seventh sender, denied after the twentieth. */
const mule: Incident = {
  name: 'mule',
  startSeconds: 2700,
  everySeconds: 40,
  count: 24,
  request: (at, transactionId) => ({
    transactionId,
    accountId: `m-${3001 + at}`,
    type: 'transfer',
    points: 2000,
    channel: 'web',
    counterpartyAccountId: 'm-2999',
  }),
};

/** One device spends for account after account. */
const farm: Incident = {
  name: 'farm',
  startSeconds: 3900,
  everySeconds: 45,
  count: 9,
  request: (at, transactionId) => ({
    transactionId,
    accountId: `m-${4001 + at}`,
    type: 'burn',
    points: 300,
    channel: 'app',
    device: { id: 'tablet-77aa' },
    ip: '198.51.100.77',
    reward: { id: 'coffee', category: 'food', value: { amount: 300, currency: 'EUR' } },
  }),
};

/** An employee credits a friend by hand, until the employee's cap of the day says no. */
const goodwill: Incident = {
  name: 'goodwill',
  startSeconds: 4800,
  everySeconds: 90,
  count: 10,
  request: (_at, transactionId) => ({
    transactionId,
    accountId: 'm-2500',
    type: 'adjust',
    direction: 'credit',
    points: 30_000,
    channel: 'call_center',
    employeeId: 'agent-17',
    activity: { kind: 'goodwill' },
  }),
};

/** A script books the same receipts again and again. */
const receipts: Incident = {
  name: 'receipts',
  startSeconds: 5800,
  everySeconds: 8,
  count: 34,
  request: (at, transactionId) => ({
    transactionId,
    accountId: 'm-2700',
    type: 'earn',
    points: 120,
    channel: 'app',
    device: { id: 'emulator-1' },
    ip: STRANGE_IP,
    activity: { kind: 'purchase', orderId: `receipt-${at}` },
  }),
};

/** Above the day's soft cap at once: a review. */
const largeRedemption: Incident = {
  name: 'large',
  startSeconds: 6500,
  everySeconds: 120,
  count: 3,
  request: (at, transactionId) => ({
    transactionId,
    accountId: `m-${5001 + at}`,
    type: 'burn',
    points: 36_000,
    channel: 'web',
    reward: { id: 'weekend-trip', category: 'travel', value: { amount: 36_000, currency: 'EUR' } },
  }),
};

export const INCIDENTS: readonly Incident[] = [takeover, mule, farm, goodwill, receipts, largeRedemption];

/** Those that go on while the demo serves: under the shipped policy they keep ending in deny, deny and review. */
export const LIVE_INCIDENTS: readonly Incident[] = [takeover, mule, largeRedemption];
