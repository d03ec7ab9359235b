/** The policy as the machine uses it: validated, durations in ms. The document it comes from: `document.schema.ts`. */
import type { RuleSet } from './rules.js';

export const SUBJECT_KINDS = [
  'account',
  'cluster',
  'device',
  'ip',
  'network',
  'instrument',
  'address',
  'partner',
  'store',
  'employee',
  'counterparty',
  'franchise',
  'campaign',
  'reward',
  'referrer',
  'program',
] as const;
export type SubjectKind = (typeof SUBJECT_KINDS)[number];

export const LIMIT_TYPES = ['earn', 'burn', 'transfer', 'adjust', 'registration'] as const;
export type LimitType = (typeof LIMIT_TYPES)[number];

/** What is decided; a registration is counted by limits only. */
export const TRANSACTION_TYPES = ['earn', 'burn', 'transfer', 'adjust'] as const;
export type TransactionType = (typeof TRANSACTION_TYPES)[number];

export const METRICS = ['count', 'points', 'distinct'] as const;
export type Metric = (typeof METRICS)[number];

export type Outcome = 'allow' | 'challenge' | 'review' | 'deny';

/** Windows are judged for these lengths: the cells of `velocity/core` are fine enough from the first and kept up to the last. */
export const SHORTEST_WINDOW_MS = 1000;
export const LONGEST_WINDOW_MS = 90 * 86_400_000;
/** The members that a `distinct` row remembers beyond its log: a higher cap could not be judged. */
export const LARGEST_DISTINCT_CAP = 256;

/** A cap on a metric of a subject over a rolling window. Hard: never passed. Soft: counted, may be passed. */
export interface Limit {
  id: string;
  subject: SubjectKind;
  types: readonly LimitType[];
  metric: Metric;
  /** With metric `distinct`: what is told apart; a request without one does not count. */
  distinctOf?: SubjectKind;
  /** As written, ISO 8601. */
  window: string;
  windowMs: number;
  cap: number;
  kind: 'hard' | 'soft';
  /** Soft only. */
  onBreach?: 'challenge' | 'review' | 'score';
  /** With onBreach `score`: 1 … 100. */
  weight?: number;
  /** A full reversal gives the count back, not only the points. */
  refundable: boolean;
  reason: string;
}

/** Signals that may be late; velocity and scoring are read under the lock and never degrade. */
export const DEGRADABLE_SIGNALS = ['duplicates', 'lists', 'identity', 'location'] as const;
export type DegradableSignal = (typeof DEGRADABLE_SIGNALS)[number];

/** What it means that a signal could not be read in time. `unavailable`: 503, and nothing is recorded. */
export const DEGRADED_ENDS = ['ignore', 'challenge', 'review', 'deny', 'unavailable'] as const;
export type DegradedEnd = (typeof DEGRADED_ENDS)[number];
export type DegradedTable = Readonly<Record<DegradableSignal, Readonly<Record<TransactionType, DegradedEnd>>>>;

export interface Policy {
  mode: 'enforce' | 'observe';
  holdTtlMs: number;
  onHoldEnd: 'commit' | 'release';
  reviewTtlMs: number;
  maxOpenHolds: number;
  maxLatenessMs: number;
  challengeImpossible: 'review' | 'deny';
  limits: readonly Limit[];
  rules: RuleSet;
  scoreBands: { challenge: number; review: number; deny: number };
  degraded: DegradedTable;
}
