/** What the members of a household do from day to day. Their points are kept as a ledger would keep them. */
import type { Household, Member } from './members.js';
import { holidayIp, mobileIp } from './networks.js';
import type { Random } from './random.js';
import { DAY_MS, type Draft, HOUR_MS, MINUTE_MS, type Presence, type Reward } from './transaction.js';
import { dearest, GIFT_CARDS, nearby, POINTS_PER_EURO, REFERRAL_POINTS, REWARDS, WELCOME_POINTS } from './world.js';

/** The time of day in hours: shops are open from 8 to 20, phones until late. */
const SHOPPING_HOURS = [8, 10.5, 12.5, 15, 17, 18, 20];
const ONLINE_HOURS = [6.5, 9, 12, 14.5, 18, 20, 21.5, 23.9];

const REDEEMS_PER_DAY = 0.3;
/** Vouchers for a large purchase are redeemed one after another. */
const SEVERAL_AT_ONCE = 0.12;
const TRANSFERS_PER_DAY = 0.04;
const RETURNED_SHARE = 0.02;
/** Of newcomers: a friend has told them. */
const REFERRED_SHARE = 0.3;

/** An account's points after each of its transactions, for whoever wants to steal them. */
export interface Statement {
  member: Member;
  /** Its points at a time. */
  balanceAt: (atMs: number) => number;
}

interface Diary {
  drafts: Draft[];
  balances: Map<Member, number>;
  history: Map<Member, { atMs: number; points: number }[]>;
  random: Random;
}

/** The transactions of a household until the horizon, and how its accounts stood meanwhile. */
export function liveThrough(
  household: Household,
  horizonMs: number,
  random: Random,
): { drafts: Draft[]; statements: Statement[] } {
  const diary: Diary = {
    drafts: [],
    balances: new Map(household.members.map((member) => [member, member.startPoints])),
    history: new Map(household.members.map((member) => [member, []])),
    random,
  };
  for (let dayMs = 0; dayMs < horizonMs; dayMs += DAY_MS) {
    for (const member of household.members) spendDay(household, member, dayMs, diary);
  }
  return {
    drafts: diary.drafts.filter(({ atMs }) => atMs < horizonMs),
    statements: household.members.map((member) => statementOf(member, diary)),
  };
}

function spendDay(household: Household, member: Member, dayMs: number, diary: Diary): void {
  const { random } = diary;
  if (member.createdAtMs >= dayMs) {
    if (member.createdAtMs < dayMs + DAY_MS) join(member, diary);
    return;
  }
  if (random.chance(member.purchasesPerDay) && !isAway(member, dayMs + DAY_MS / 2)) {
    purchase(member, timeOfDay(dayMs, SHOPPING_HOURS, random), diary);
  }
  const [relative] = household.members;
  if (relative && relative !== member && random.chance(TRANSFERS_PER_DAY))
    passOn(household, member, relative, dayMs, diary);
  else if (pointsOf(member, diary) >= member.goalPoints && random.chance(REDEEMS_PER_DAY))
    redeem(household, member, dayMs, diary);
}

const pointsOf = (member: Member, { balances }: Diary): number => balances.get(member) ?? 0;

const isAway = ({ trip }: Member, atMs: number): boolean =>
  trip !== undefined && atMs >= trip.fromMs && atMs < trip.toMs;

const timeOfDay = (dayMs: number, hours: readonly number[], random: Random): number =>
  dayMs + Math.floor(random.quantile(hours) * HOUR_MS);

/** Enters it with the balance before it, and changes that. */
function enter(
  member: Member,
  change: number,
  draft: Omit<Draft, 'transactionId' | 'account' | 'balance'>,
  diary: Diary,
): void {
  const balance = pointsOf(member, diary);
  diary.drafts.push({ transactionId: `t-${diary.random.word(12)}`, account: member, balance, ...draft });
  diary.balances.set(member, balance + change);
  diary.history.get(member)?.push({ atMs: draft.atMs, points: balance + change });
}

function join(member: Member, diary: Diary): void {
  const { random } = diary;
  const atMs = member.createdAtMs + random.between(10_000, 20 * MINUTE_MS);
  const bonus = (kind: string, points: number, laterMs: number): void => {
    const presence = { ...member.device, ip: member.homeIp };
    const { channel } = member;
    enter(member, points, { atMs: atMs + laterMs, type: 'earn', points, channel, activity: { kind }, presence }, diary);
  };
  bonus('welcome', WELCOME_POINTS, 0);
  if (random.chance(REFERRED_SHARE)) bonus('referral', REFERRAL_POINTS, random.between(1000, 3000));
}

function purchase(member: Member, atMs: number, diary: Diary): void {
  const { random } = diary;
  const { store } = member;
  const cents = Math.max(100, Math.round(random.quantile(member.basketEuros) * 100));
  const points = Math.max(1, Math.floor((cents / 100) * POINTS_PER_EURO));
  const orderId = `o-${random.word(10)}`;
  const till = { storeId: store.storeId, franchiseId: store.franchiseId, channel: 'pos' as const };
  const activity = { kind: 'purchase', orderId, cents };
  enter(
    member,
    points,
    { ...till, atMs, type: 'earn', points, activity, employeeId: random.pick(store.employees).employeeId },
    diary,
  );
  if (!random.chance(RETURNED_SHARE) || pointsOf(member, diary) < points) return;
  const clerk = random.pick(store.employees.filter(({ account }) => account !== member));
  enter(
    member,
    -points,
    {
      ...till,
      atMs: atMs + random.between(1, 10) * DAY_MS,
      type: 'adjust',
      direction: 'debit',
      points,
      activity: { ...activity, kind: 'refund' },
      employeeId: clerk.employeeId,
      employeeAccountId: clerk.account?.accountId,
    },
    diary,
  );
}

function redeem(household: Household, member: Member, dayMs: number, diary: Diary): void {
  const { random } = diary;
  const firstMs = timeOfDay(dayMs, ONLINE_HOURS, random);
  const times = random.chance(SEVERAL_AT_ONCE) ? random.between(2, 4) : 1;
  const shelf = random.chance(member.giftCardShare) ? GIFT_CARDS : REWARDS;
  const place = placeOfRedemption(household, member, firstMs, random);
  const signedIn = place.presence && { method: 'password', atMs: firstMs - random.between(MINUTE_MS, 30 * MINUTE_MS) };
  let atMs = firstMs;
  for (let time = 0; time < times; time++) {
    const reward = favourite(shelf, pointsOf(member, diary) / (times - time), random);
    if (!reward) return;
    enter(
      member,
      -reward.points,
      { ...place, atMs, type: 'burn', points: reward.points, reward, signedIn, ...credentials(member, atMs) },
      diary,
    );
    atMs += random.between(40, 400) * 1000;
  }
}

/** The dearest that they can afford, or one of the lesser. */
const favourite = (shelf: readonly Reward[], points: number, random: Random): Reward | undefined =>
  dearest(shelf, random.chance(0.6) ? points : points / 2) ?? dearest(shelf, points);

/** Where a member redeems: at the store's kiosk, by telephone, on the family's tablet, or on a device of their own. */
function placeOfRedemption(
  household: Household,
  member: Member,
  atMs: number,
  random: Random,
): Pick<Draft, 'channel' | 'storeId' | 'franchiseId' | 'employeeId' | 'presence'> {
  const { store } = member;
  const away = isAway(member, atMs);
  if (member.usesKiosk && !away) {
    return { channel: 'pos', storeId: store.storeId, franchiseId: store.franchiseId, presence: store.kiosk };
  }
  if (member.phonesIn) return { channel: 'call_center', employeeId: random.pick(store.employees).employeeId };
  if (household.tablet && !away && random.chance(0.5)) {
    return { channel: 'app', presence: { ...household.tablet, ip: member.homeIp } };
  }
  return { channel: member.channel, presence: presenceOf(member, atMs, random) };
}

/** Where a member is online at a time. */
export function presenceOf(member: Member, atMs: number, random: Random): Presence {
  const { city } = member.store;
  const device = member.newPhone && atMs >= member.newPhone.atMs ? member.newPhone.device : member.device;
  if (isAway(member, atMs)) return { ...device, ip: holidayIp(random) };
  const ip = member.channel === 'app' && random.chance(0.4) ? mobileIp(city.country, random) : member.homeIp;
  const told = member.channel === 'app' && random.chance(0.5);
  return { ...device, ip, location: told ? nearby(city, random) : undefined };
}

/** When the credentials were last changed, as far as they were in the time simulated. */
export function credentials(
  { newPhone, passwordResetAtMs }: Member,
  atMs: number,
): { credentialsChangedAtMs?: number } {
  const changes = [newPhone?.atMs, passwordResetAtMs].filter((change) => change !== undefined && change <= atMs);
  return changes.length > 0 ? { credentialsChangedAtMs: Math.max(...(changes as number[])) } : {};
}

/** One of a family gives the first of it most of their points. */
function passOn(household: Household, member: Member, relative: Member, dayMs: number, diary: Diary): void {
  const { random } = diary;
  const points = Math.floor(pointsOf(member, diary) * (0.5 + random.next() / 2));
  const isThere = relative.createdAtMs < dayMs;
  if (points < 300 || !isThere) return;
  const atMs = timeOfDay(dayMs, ONLINE_HOURS, random);
  const presence =
    household.tablet && random.chance(0.5)
      ? { ...household.tablet, ip: member.homeIp }
      : presenceOf(member, atMs, random);
  enter(
    member,
    -points,
    {
      atMs,
      type: 'transfer',
      points,
      channel: member.channel,
      counterpartyAccountId: relative.accountId,
      presence,
      signedIn: { method: 'password', atMs: atMs - random.between(MINUTE_MS, 30 * MINUTE_MS) },
      ...credentials(member, atMs),
    },
    diary,
  );
  diary.balances.set(relative, pointsOf(relative, diary) + points);
  diary.history.get(relative)?.push({ atMs, points: pointsOf(relative, diary) });
}

function statementOf(member: Member, { history }: Diary): Statement {
  const entries = (history.get(member) ?? []).toSorted((a, b) => a.atMs - b.atMs);
  return {
    member,
    balanceAt: (atMs) => entries.findLast((entry) => entry.atMs <= atMs)?.points ?? member.startPoints,
  };
}
