/**
 * How attackers behave: every parameter of every attack is drawn from a range of this table, and from nowhere else.
 *
 * These ranges were fixed BEFORE the default policy was written and without looking at it, so that the simulator does
 * not grade its own author. Do not move one because a policy misses it: a policy that misses it is what the simulator
 * is for. Whoever knows better figures changes a range with their source, and says so in the change log.
 *
 * `bold` is an attacker in a hurry (mimicry 0), `blended` one who hides among members (mimicry 1); between them both
 * bounds move in a straight line, and the same draw falls on the same share of the range: with one seed every parameter
 * goes from bold to blended without a jump.
 *
 * Sources. [VFTW] viewfromthewing.com on stolen miles: thieves go for gift cards and travel at short notice.
 * [BM] brandmovers.co.uk: take-overs are half of loyalty fraud, and almost half of all accounts are dormant.
 * [ATT&CK] MITRE ATT&CK T1110.004, credential stuffing: lists of passwords tried by machine, from proxies. [OWASP] OWASP
 * Automated Threats: OAT-008 credential stuffing, OAT-019 account creation. [RACE] CWE-362, and Kettle, "Smashing the
 * state machine" (2023): 20 to 30 requests arrive within a millisecond from one connection. [ACFE] ACFE, Report to the
 * Nations: fraud by employees is small amounts over months; the hasty are found first. Where none is named, the range is
 * our estimate, and its reason stands beside it.
 */
import type { Random } from './random.js';
import type { AttackKind } from './transaction.js';

export interface AttackRange {
  bold: readonly [least: number, most: number];
  blended: readonly [least: number, most: number];
}

const range = (bold: AttackRange['bold'], blended: AttackRange['blended']): AttackRange => ({ bold, blended });

export const ATTACK_RANGES = {
  'take-over': {
    // [ATT&CK] a list of passwords opens several accounts at once; who hides takes them singly
    accounts: range([2, 6], [1, 2]),
    // the richest of so many accounts looked into: balances are seen after signing in
    accountsLookedInto: range([6, 12], [3, 6]),
    // the thief locks the owner out and spends at once, or waits until fresh credentials are no longer remarkable
    credentialsAgeHours: range([0.05, 2], [24, 240]),
    // share of accounts where credentials are changed at all: with malware or a session no change is needed
    credentialsChanged: range([0.9, 1], [0.3, 0.6]),
    // [ATT&CK] a machine of the thief's; who hides copies the owner's device id or uses the owner's phone
    ownDevice: range([0.95, 1], [0.3, 0.6]),
    // [ATT&CK] data centres and far countries; residential proxies in the owner's country are for sale
    strangeNetwork: range([0.85, 1], [0, 0.1]),
    // [VFTW] gift cards above all; who hides takes what members take
    giftCards: range([0.9, 1], [0.3, 0.5]),
    shareOfBalance: range([0.9, 1], [0.5, 0.9]),
    // pieces that an account is emptied in
    redemptions: range([1, 6], [1, 3]),
    minutesBetweenRedemptions: range([0.2, 3], [240, 2880]),
    minutesBetweenAccounts: range([1, 20], [600, 4320]),
  },
  'welcome-farm': {
    // [OWASP OAT-019] scripts make dozens; by hand and with cover fewer pay
    accounts: range([20, 60], [8, 20]),
    // emulators share a device id until they are reset for every account
    accountsPerDevice: range([8, 20], [1, 2]),
    accountsPerNetwork: range([8, 20], [1, 3]),
    strangeNetwork: range([0.6, 0.9], [0, 0.1]),
    minutesBetweenSignUps: range([0.5, 5], [120, 1440]),
    // time that an account is left to age before its points go
    ageHours: range([0.1, 2], [24, 240]),
    // purchases of a few euros that make it look alive
    coverPurchases: range([0, 0], [1, 3]),
    // share of accounts that also name the one before as who referred them
    referrals: range([0.8, 1], [0.1, 0.4]),
    collectors: range([1, 1], [2, 4]),
    hoursToRedemption: range([0.1, 1], [12, 72]),
    redemptionMinutes: range([0.5, 5], [300, 2880]),
  },
  'mule-ring': {
    // senders are accounts bought, harvested or taken over: [BM] many lie dormant with points on them
    senders: range([12, 30], [5, 12]),
    senderAgeDays: range([2, 60], [300, 1500]),
    pointsPerSender: range([2000, 6000], [800, 2500]),
    // one operator works through all of them, or each sender acts for a fee
    sendersPerDevice: range([6, 15], [1, 2]),
    strangeNetwork: range([0.4, 0.8], [0, 0.1]),
    minutesBetweenTransfers: range([0.5, 8], [120, 1440]),
    // accounts that the points pass through after the first receiver: layering, as in laundering
    forwards: range([1, 1], [1, 3]),
    minutesToForward: range([2, 30], [360, 2880]),
    shareForwarded: range([0.9, 1], [0.7, 0.95]),
    giftCards: range([0.9, 1], [0.3, 0.6]),
    minutesBetweenRedemptions: range([0.5, 5], [240, 2880]),
  },
  'self-credit': {
    // [ACFE] small amounts over long, or a few large ones before leaving
    credits: range([4, 12], [6, 16]),
    pointsPerCredit: range([5000, 20_000], [400, 1500]),
    hoursBetweenCredits: range([0.05, 2], [24, 72]),
    // to the employee's own account; else to friends' accounts
    toOwnAccount: range([0.6, 1], [0, 0.2]),
    friends: range([1, 2], [3, 8]),
    // credits when the store is closed
    outsideShift: range([0.3, 0.8], [0, 0.05]),
    hoursToRedemption: range([0.1, 4], [24, 120]),
    shareRedeemed: range([0.9, 1], [0.6, 0.9]),
    hoursBetweenRedemptions: range([0.05, 1], [12, 72]),
  },
  'parallel-redemption': {
    accounts: range([1, 3], [2, 4]),
    // [RACE]
    requests: range([8, 30], [2, 4]),
    spreadMs: range([0, 5], [100, 2000]),
    // of the balance in each request: half is enough to take out more than there is
    shareOfBalance: range([0.9, 1], [0.6, 0.9]),
    // what the attacker has saved or bought beforehand, so that the race pays
    points: range([5000, 15_000], [2000, 6000]),
    accountAgeDays: range([1, 30], [200, 1200]),
    strangeNetwork: range([0.4, 0.8], [0, 0.1]),
    giftCards: range([0.9, 1], [0.4, 0.6]),
    hoursBetweenAccounts: range([0.05, 1], [24, 96]),
  },
} as const satisfies Record<AttackKind, Record<string, AttackRange>>;

type Ranges = typeof ATTACK_RANGES;

/** Draws the parameters of one kind of attack. */
export interface Draw<Kind extends AttackKind> {
  /** Any value of the range. */
  real(name: keyof Ranges[Kind]): number;
  /** A whole value of it. */
  whole(name: keyof Ranges[Kind]): number;
  /** True as often as a probability drawn from it. */
  chance(name: keyof Ranges[Kind]): boolean;
}

/** A draw at a mimicry from 0 to 1. Each call takes from `random`: one number, a chance two. */
export function drawFrom<Kind extends AttackKind>(kind: Kind, mimicry: number, random: Random): Draw<Kind> {
  const ranges = ATTACK_RANGES[kind] as Readonly<Record<keyof Ranges[Kind], AttackRange>>;
  const real = (name: keyof Ranges[Kind]): number => valueAt(ranges[name], mimicry, random.next());
  return {
    real,
    whole: (name) => Math.round(real(name)),
    chance: (name) => random.chance(real(name)),
  };
}

/** The value at this share (0 to 1) of the range that a mimicry gives. */
export function valueAt({ bold, blended }: AttackRange, mimicry: number, share: number): number {
  const between = (from: number, to: number): number => from + (to - from) * mimicry;
  const [least, most] = [between(bold[0], blended[0]), between(bold[1], blended[1])];
  return least + (most - least) * share;
}
