/** Members with habits: where each shops, on which device, for how much. */
import type { DecisionRequest } from '../replay/mapping.js';
import type { Random } from './random.js';

export interface Member {
  accountId: string;
  storeId: string;
  deviceId: string;
  /** From the ranges that RFC 5737 keeps for documentation. */
  ip: string;
  tier: string;
  /** Points of an ordinary purchase. */
  usualPoints: number;
  /** How many of ten visits end with a redemption. */
  burnsOfTen: number;
}

const STORES = ['lyon-bellecour', 'paris-opera', 'berlin-mitte', 'koeln-dom', 'dublin-liffey'].map(
  (name) => `store-${name}`,
);
const TIERS = ['basic', 'basic', 'silver', 'gold'];
const REWARDS = [
  { id: 'coffee', category: 'food', points: 300 },
  { id: 'cinema', category: 'leisure', points: 900 },
  { id: 'voucher-10', category: 'voucher', points: 1000 },
  { id: 'headphones', category: 'electronics', points: 2400 },
] as const;

/** Members `m-<first>` and on. */
export const membersOf = (first: number, count: number, random: Random): Member[] =>
  Array.from({ length: count }, (_, at) => ({
    accountId: `m-${first + at}`,
    storeId: random.pick(STORES),
    deviceId: `phone-${first + at}`,
    ip: `203.0.113.${1 + (at % 254)}`,
    tier: random.pick(TIERS),
    usualPoints: random.between(30, 240),
    burnsOfTen: random.between(1, 4),
  }));

/** One visit of a member: mostly a purchase at the till, now and then a reward in the app. */
export function visit(member: Member, transactionId: string, random: Random): DecisionRequest {
  return random.between(1, 10) <= member.burnsOfTen
    ? redemption(member, transactionId, random)
    : purchase(member, transactionId, random);
}

function purchase(member: Member, transactionId: string, random: Random): DecisionRequest {
  const points = Math.round(member.usualPoints * (0.5 + random.next()));
  return {
    transactionId,
    accountId: member.accountId,
    type: 'earn',
    points,
    channel: 'pos',
    storeId: member.storeId,
    employeeId: `${member.storeId}-till-${random.between(1, 4)}`,
    activity: { kind: 'purchase', orderId: `order-${transactionId}`, amount: { amount: points * 10, currency: 'EUR' } },
    account: { tier: member.tier },
  };
}

function redemption(member: Member, transactionId: string, random: Random): DecisionRequest {
  const { id, category, points } = random.pick(REWARDS);
  return {
    transactionId,
    accountId: member.accountId,
    type: 'burn',
    points,
    channel: 'app',
    device: { id: member.deviceId },
    ip: member.ip,
    reward: { id, category, value: { amount: points, currency: 'EUR' } },
    account: { tier: member.tier },
  };
}
