/** Policies with caps so small that every run meets them. */
import type { Seeded } from '../velocity/seeded.js';

type Row = [
  id: string,
  subject: string,
  types: string[],
  metric: string,
  window: string,
  caps: number[],
  more?: object,
];

const LIMITS: readonly Row[] = [
  ['burn-hour', 'account', ['burn'], 'count', 'PT1H', [2, 3]],
  ['burn-refundable', 'account', ['burn'], 'count', 'P1D', [3, 5], { refundable: true }],
  ['out-points', 'account', ['burn', 'transfer'], 'points', 'P1D', [500, 900]],
  ['out-points-month', 'account', ['burn', 'transfer', 'adjust'], 'points', 'P30D', [1500, 4000]],
  ['device-accounts', 'device', ['earn', 'burn', 'transfer'], 'distinct', 'P1D', [2, 3], { distinctOf: 'account' }],
  ['account-devices', 'account', ['burn'], 'distinct', 'PT6H', [1], { distinctOf: 'device', onBreach: 'review' }],
  ['receiver', 'counterparty', ['transfer'], 'count', 'P1D', [2, 4]],
  ['ip-minute', 'ip', ['earn', 'burn'], 'count', 'PT1M', [1, 2]],
  ['store-earn', 'store', ['earn'], 'points', 'PT6H', [300], { onBreach: 'review' }],
  ['transfer-challenge', 'account', ['transfer'], 'count', 'PT1H', [1], { onBreach: 'challenge' }],
  ['earn-score', 'account', ['earn'], 'count', 'P1D', [1], { onBreach: 'score', weight: 60 }],
  ['program-score', 'program', ['earn', 'adjust'], 'points', 'PT1H', [600], { onBreach: 'score', weight: 40 }],
  ['program-adjust', 'program', ['adjust'], 'points', 'P7D', [1000, 3000]],
];

export function randomPolicy(random: Seeded): object {
  const limits = LIMITS.filter(() => random.chance(0.6)).map(
    ([id, subject, types, metric, window, caps, more = {}]) => ({
      id,
      subject,
      types,
      metric,
      window,
      cap: random.pick(caps),
      kind: 'onBreach' in more ? 'soft' : 'hard',
      reason: `limit ${id}`,
      ...more,
    }),
  );
  return {
    version: 1,
    mode: random.chance(0.2) ? 'observe' : 'enforce',
    holdTtl: random.pick(['PT1M', 'PT15M', 'PT2H']),
    onHoldEnd: random.pick(['commit', 'release']),
    reviewTtl: random.pick(['PT10M', 'PT3H', 'P2D']),
    maxOpenHolds: random.pick([1, 2, 4]),
    challengeImpossible: random.pick(['review', 'deny']),
    limits,
  };
}
