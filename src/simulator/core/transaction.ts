/**
 * What a simulation consists of. Times are ms from its beginning, negative for what was before; dates come when a
 * request is made of a draft (`request.ts`), so that the same simulation can begin at any date.
 */
import type { TransactionType } from '../../decision/core/decision.js';

export const ATTACK_KINDS = ['take-over', 'welcome-farm', 'mule-ring', 'self-credit', 'parallel-redemption'] as const;
export type AttackKind = (typeof ATTACK_KINDS)[number];

export const SECOND_MS = 1000;
export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;

/** An account as the ledger knows it. */
export interface Account {
  accountId: string;
  createdAtMs: number;
  tier: string;
  instrumentId: string;
}

export interface Device {
  deviceId: string;
  userAgent: string;
}

/** Where and on what somebody is when they act online. */
export interface Presence extends Device {
  ip: string;
  location?: { lat: number; lon: number };
}

export interface Reward {
  rewardId: string;
  category: string;
  points: number;
  /** Cents. */
  value: number;
}

/** A transaction before it is a request. */
export interface Draft {
  transactionId: string;
  atMs: number;
  account: Account;
  /** Before it. */
  balance: number;
  type: TransactionType;
  points: number;
  channel: 'web' | 'app' | 'pos' | 'call_center';
  direction?: 'credit' | 'debit';
  counterpartyAccountId?: string;
  activity?: { kind: string; campaignId?: string; orderId?: string; cents?: number };
  storeId?: string;
  franchiseId?: string;
  employeeId?: string;
  employeeAccountId?: string;
  presence?: Presence;
  signedIn?: { method: string; atMs: number };
  credentialsChangedAtMs?: number;
  reward?: Reward;
}

/** What really went on, which no request tells. */
export interface Truth {
  class: 'member' | AttackKind;
  /** Of an attack; empty for a member's. */
  attackId: string;
  /** Points that it takes or passes on to whom they do not belong; 0 for a member's and for cover. */
  valuePoints: number;
}

export interface SimulatedTransaction {
  draft: Draft;
  truth: Truth;
}

/** What an account of an attack has at its beginning. */
export interface Opening {
  accountId: string;
  /** The attacker's by right: burning them is no loss. */
  ownPoints: number;
  /** Not the attacker's, and within reach: what a victim had, or what a race would give twice. */
  lootPoints: number;
}

export interface Attack {
  attackId: string;
  kind: AttackKind;
  openings: readonly Opening[];
}
