/**
 * Facts of a decision that need no history but where the account was last seen: the request itself, and what open data
 * says of its address. What cannot be told is absent, never a guess. `policy/core/facts.ts` has their names, types and
 * meanings; what it knows beyond these (open holds, limits, lists) is read under the lock.
 */
import type { DecisionRequest } from '../../decision/core/decision.js';
import { emailDomainOf } from '../../lists/core/list-value.js';
import type { FactPath, Facts } from '../../policy/core/facts.js';
import { localTime } from './local-time.js';
import { type LastSeen, type LocationThresholds, locationFacts, placeOf, type Whereabouts } from './location.js';

/** What is known of an address. */
export interface IpFacts {
  /** Canonical. */
  address: string;
  /** Its /24 or /48. */
  prefix: string;
  /** ISO 3166-1 alpha-2; absent for private addresses, unannounced networks, and relays, whose country is not the member's. */
  country?: string;
  /** Absent for private addresses, as `relay` is. */
  dataCentre?: boolean;
  relay?: boolean;
}

/** What the request alone does not say. */
export interface FactContext {
  ip?: IpFacts;
  lastSeen?: LastSeen;
  /** The program's; default UTC. */
  timeZone?: string;
  location?: LocationThresholds;
}

/** Facts of the record, which these leave to others. */
type RecordFact = Extract<FactPath, 'account.openHolds' | `lists.${string}`>;

export type SignalFacts = Omit<Facts, RecordFact | 'limits'>;

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** How far a caller's clock may be ahead of ours, as for `occurredAt`. */
const CLOCK_SKEW_MS = 5 * MINUTE_MS;

/** @param nowMs the record's clock; may be earlier than any time of the request */
export function factsOf(request: DecisionRequest, context: FactContext, nowMs: number): SignalFacts {
  return present({
    ...requestFacts(request),
    ...ageFacts(request, nowMs),
    ...ipFacts(context.ip),
    ...journeyFacts(request, context, nowMs),
    ...nowFacts(nowMs, context.timeZone),
    'account.balanceShare': balanceShare(request),
    'signals.selfDealing': isSelfDealing(request),
  });
}

/** The request's own words. */
function requestFacts(request: DecisionRequest): SignalFacts {
  const { accountId, type, points, direction, counterpartyAccountId, channel, partnerId, storeId, franchiseId } =
    request;
  const { employeeId, employeeAccountId, instrumentId, externalSignals } = request;
  const { activity, device, authentication, reward, account } = request;
  const place = placeOf(request.location);
  return {
    accountId,
    type,
    points,
    direction,
    counterpartyAccountId,
    channel,
    partnerId,
    storeId,
    franchiseId,
    employeeId,
    employeeAccountId,
    instrumentId,
    externalSignals,
    'activity.kind': activity?.kind,
    'activity.campaignId': activity?.campaignId,
    'activity.orderId': activity?.orderId,
    'activity.amount': activity?.amount?.amount,
    'activity.currency': activity?.amount?.currency,
    'device.id': device?.id,
    'device.userAgent': device?.userAgent,
    'location.lat': place?.lat,
    'location.lon': place?.lon,
    'authentication.method': authentication?.method,
    'reward.id': reward?.id,
    'reward.category': reward?.category,
    'reward.amount': reward?.value?.amount,
    'reward.currency': reward?.value?.currency,
    'recipient.domain': emailDomainOf(request.recipient?.email ?? ''),
    'account.tier': account?.tier,
    'account.balance': account?.balance,
  };
}

function ageFacts({ account, authentication, occurredAt }: DecisionRequest, nowMs: number): SignalFacts {
  return {
    'occurred.ageMinutes': ageMs(occurredAt, nowMs, MINUTE_MS) ?? 0,
    'account.ageDays': ageMs(account?.createdAt, nowMs, DAY_MS),
    'account.credentialsAgeHours': ageMs(account?.credentialsChangedAt, nowMs, HOUR_MS),
    'authentication.ageMinutes': authenticationAgeMinutes(authentication?.at, nowMs),
  };
}

/** How old a fact is in the unit; what lies ahead of our clock is brand new, the careful reading of a young account. */
function ageMs(at: string | undefined, nowMs: number, unitMs: number): number | undefined {
  const atMs = at === undefined ? Number.NaN : Date.parse(at);
  return Number.isNaN(atMs) ? undefined : Math.max(0, nowMs - atMs) / unitMs;
}

/** Here brand new would be the trusting reading: a sign-in that has not happened yet is none. */
function authenticationAgeMinutes(at: string | undefined, nowMs: number): number | undefined {
  if (at !== undefined && Date.parse(at) > nowMs + CLOCK_SKEW_MS) return undefined;
  return ageMs(at, nowMs, MINUTE_MS);
}

function ipFacts(ip: IpFacts | undefined): SignalFacts {
  return {
    ip: ip?.address,
    'network.prefix': ip?.prefix,
    'network.country': ip?.country,
    'network.dataCentre': ip?.dataCentre,
    'network.relay': ip?.relay,
  };
}

function journeyFacts(request: DecisionRequest, { lastSeen, ip, location }: FactContext, nowMs: number): SignalFacts {
  const { distanceKm, speedKmh, impossible, countryChanged } = locationFacts(
    lastSeen,
    whereaboutsOf(request, ip),
    nowMs,
    location,
  );
  return {
    'signals.distanceKm': distanceKm,
    'signals.speedKmh': speedKmh,
    'signals.impossibleSpeed': impossible,
    'signals.countryChanged': countryChanged,
  };
}

/**
 * Where the member is as far as one can tell. An address in a data centre tells no country: it is its provider's, and a
 * member who turns a VPN on has not crossed a border.
 */
export function whereaboutsOf(request: DecisionRequest, ip: IpFacts | undefined): Whereabouts {
  return { place: placeOf(request.location), country: ip?.dataCentre ? undefined : ip?.country };
}

function nowFacts(nowMs: number, timeZone: string | undefined): SignalFacts {
  const { hour, weekday } = localTime(nowMs, timeZone);
  return { 'now.hour': hour, 'now.weekday': weekday };
}

function balanceShare({ points, account }: DecisionRequest): number | undefined {
  const balance = account?.balance ?? 0;
  return balance > 0 ? points / balance : undefined;
}

/** Who works here moves points of their own account, or to it. */
function isSelfDealing({ employeeAccountId, accountId, counterpartyAccountId }: DecisionRequest): boolean | undefined {
  if (employeeAccountId === undefined) return undefined;
  return employeeAccountId === accountId || employeeAccountId === counterpartyAccountId;
}

/** Without the keys whose value is undefined: whether a fact is known is asked by its key. */
function present(facts: SignalFacts): SignalFacts {
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined));
}
