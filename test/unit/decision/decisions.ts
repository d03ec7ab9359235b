/** Decisions as a test needs them: a held burn of 100 points, and what it is laid over with. */
import type { Decision } from '../../../src/decision/core/decision.js';

/** Some day in 2026, at no round number. */
export const NOW_MS = 1_793_839_123_457;
export const HOLD_ENDS_MS = NOW_MS + 60_000;

export function decisionWith(more: Partial<Decision> = {}): Decision {
  return {
    decisionId: '019f0000-0000-7000-8000-000000000001',
    transactionId: 't-1',
    accountId: 'a-1',
    accountKey: '00'.repeat(16),
    type: 'burn',
    direction: null,
    points: 100,
    fingerprint: '11'.repeat(16),
    outcome: 'allow',
    status: 'held',
    score: 0,
    policyVersion: 1,
    evaluatedAtMs: NOW_MS - 1000,
    statusChangedMs: NOW_MS - 1000,
    version: 1,
    hold: { endsAtMs: HOLD_ENDS_MS, then: 'commit' },
    entry: { seq: 7, atMs: NOW_MS - 1000, points: 100, marked: false },
    keys: ['22'.repeat(17)],
    pointsCommitted: null,
    pointsReversed: null,
    reasons: [],
    limits: [],
    degraded: [],
    wouldHaveBeen: null,
    onHoldEnd: 'commit',
    reversals: [],
    approvedBy: null,
    late: false,
    committedExplicitly: false,
    reviewed: false,
    ...more,
  };
}
