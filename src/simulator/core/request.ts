/** A draft as `POST /v1/decisions` takes it. All fields come in one order, whoever acts: it must not tell one from another. */
import { type DecisionRequest, isoTime } from '../../decision/core/decision.js';
import type { Draft, Presence } from './transaction.js';

const CURRENCY = 'EUR';

/** The request of a draft in a simulation that begins at `originMs` (since 1970). */
export function requestOf(draft: Draft, originMs: number): DecisionRequest {
  const { account, activity, presence, reward, signedIn, credentialsChangedAtMs } = draft;
  const timeOf = (atMs: number): string => isoTime(originMs + atMs);
  return present({
    transactionId: draft.transactionId,
    accountId: account.accountId,
    type: draft.type,
    points: draft.points,
    direction: draft.direction,
    counterpartyAccountId: draft.counterpartyAccountId,
    occurredAt: timeOf(draft.atMs),
    activity: activity && present({ kind: activity.kind, orderId: activity.orderId, amount: moneyOf(activity.cents) }),
    channel: draft.channel,
    storeId: draft.storeId,
    franchiseId: draft.franchiseId,
    employeeId: draft.employeeId,
    employeeAccountId: draft.employeeAccountId,
    // Cards are shown at the till; online nobody asks for one.
    instrumentId: draft.channel === 'pos' && draft.type === 'earn' ? account.instrumentId : undefined,
    ...placeOf(presence),
    authentication: signedIn && { method: signedIn.method, at: timeOf(signedIn.atMs) },
    reward: reward && {
      id: reward.rewardId,
      category: reward.category,
      value: { amount: reward.value, currency: CURRENCY },
    },
    account: present({
      createdAt: timeOf(account.createdAtMs),
      tier: account.tier,
      balance: draft.balance,
      credentialsChangedAt: credentialsChangedAtMs === undefined ? undefined : timeOf(credentialsChangedAtMs),
    }),
  });
}

const moneyOf = (cents: number | undefined) =>
  cents === undefined ? undefined : { amount: cents, currency: CURRENCY };

const placeOf = (presence: Presence | undefined): Pick<DecisionRequest, 'device' | 'ip' | 'location'> =>
  presence
    ? { device: { id: presence.deviceId, userAgent: presence.userAgent }, ip: presence.ip, location: presence.location }
    : {};

/** Without the members that are undefined. */
const present = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as T;
