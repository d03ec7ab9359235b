/** A decision and what it is made of. Times are ms of the program's clock; ids of the record are uuids. */
import type { Outcome } from '../../policy/core/policy.js';

export const TRANSACTION_TYPES = ['earn', 'burn', 'transfer', 'adjust'] as const;
export type TransactionType = (typeof TRANSACTION_TYPES)[number];

export const OUTCOMES = ['allow', 'challenge', 'review', 'deny'] as const satisfies readonly Outcome[];

export const STATUSES = [
  'held',
  'challenged',
  'in_review',
  'denied',
  'cancelled',
  'expired',
  'committed',
  'reversed',
] as const;
export type DecisionStatus = (typeof STATUSES)[number];

export interface Reason {
  code: string;
  message: string;
  /** 0 … 100: the heaviest comes first. */
  weight: number;
  detail: Record<string, string | number>;
}

/** A limit as it stood when deciding; `used` counts this transaction unless it was denied. */
export interface LimitStanding {
  id: string;
  subject: string;
  metric: string;
  window: string;
  used: number;
  cap: number;
  remaining: number;
  exact: boolean;
  resetsAt: string;
}

/** The budget of every limit, kept for one decision until `endsAtMs`. */
export interface Hold {
  endsAtMs: number;
  then: 'commit' | 'release' | 'expire';
}

/** How a decision counts in the windows: entered under `seq` at `atMs`. */
export interface Entry {
  seq: number;
  atMs: number;
  points: number;
  /** Reversed in full: `refundable` limits do not count it. */
  marked: boolean;
}

export interface Reversal {
  reversalId: string;
  /** As it was asked for; null: all that was left. */
  asked: number | null;
  points: number;
}

export interface Approval {
  kind: 'challenge' | 'analyst';
  id: string;
  at: string;
}

export interface Decision {
  decisionId: string;
  transactionId: string;
  accountId: string;
  accountKey: string;
  type: TransactionType;
  direction: 'credit' | 'debit' | null;
  points: number;
  fingerprint: string;
  outcome: Outcome;
  status: DecisionStatus;
  score: number;
  policyVersion: number;
  evaluatedAtMs: number;
  statusChangedMs: number;
  version: number;
  hold: Hold | null;
  /** Null where it counts nowhere: denied, cancelled, expired. */
  entry: Entry | null;
  /** The subject rows that it is, or was, entered in. */
  keys: readonly string[];
  pointsCommitted: number | null;
  pointsReversed: number | null;
  reasons: readonly Reason[];
  limits: readonly LimitStanding[];
  degraded: readonly string[];
  wouldHaveBeen: Outcome | null;
  /** What a hold does at its end once nobody has to look at it any more. */
  onHoldEnd: 'commit' | 'release';
  reversals: readonly Reversal[];
  approvedBy: Approval | null;
  late: boolean;
  /** The ledger said so, not time alone. */
  committedExplicitly: boolean;
  /** It waited for an analyst: only then may one approve it after it expired. */
  reviewed: boolean;
}

/** A transaction id that was cancelled before its original was seen. */
export interface Tombstone {
  transactionId: string;
  cancelledAtMs: number;
}

/** What a decision is asked for. */
export interface DecisionRequest {
  transactionId: string;
  accountId: string;
  type: TransactionType;
  points: number;
  direction?: 'credit' | 'debit';
  counterpartyAccountId?: string;
  occurredAt?: string;
  activity?: { kind?: string; campaignId?: string; orderId?: string; amount?: Money };
  channel?: string;
  partnerId?: string;
  storeId?: string;
  franchiseId?: string;
  employeeId?: string;
  employeeAccountId?: string;
  instrumentId?: string;
  device?: { id?: string; userAgent?: string };
  ip?: string;
  location?: { lat: number; lon: number };
  authentication?: { method?: string; at?: string };
  reward?: { id?: string; category?: string; value?: Money };
  recipient?: { email?: string };
  account?: { createdAt?: string; tier?: string; balance?: number; credentialsChangedAt?: string };
  externalSignals?: { source: string; code: string; score?: number }[];
  accepts?: ('challenge' | 'review')[];
  onHoldEnd?: 'commit' | 'release';
}

export interface Money {
  amount: number;
  currency: string;
}

export const isoTime = (ms: number): string => new Date(ms).toISOString();
