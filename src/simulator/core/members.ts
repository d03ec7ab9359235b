/**
 * Good members and what each is like. Most are unremarkable; the traits below are the ones that look like an attack and
 * are none, and a policy that stops them does harm.
 */
import { homeIp } from './networks.js';
import type { Random } from './random.js';
import { type Account, DAY_MS, type Device } from './transaction.js';
import { newAccount, newDevice, type Store } from './world.js';

export interface Trip {
  fromMs: number;
  toMs: number;
}

export interface Member extends Account {
  store: Store;
  homeIp: string;
  device: Device;
  channel: 'app' | 'web';
  purchasesPerDay: number;
  /** An ordinary basket in euros: quantiles. */
  basketEuros: readonly number[];
  startPoints: number;
  /** They redeem once they have saved so many. */
  goalPoints: number;
  /** Share of redemptions that are gift cards. */
  giftCardShare: number;
  usesKiosk: boolean;
  /** Rings up the call centre instead of going online. */
  phonesIn: boolean;
  trip?: Trip;
  /** A new phone, and new credentials with it. */
  newPhone?: { atMs: number; device: Device };
  /** The password was forgotten and set anew on the old device. */
  passwordResetAtMs?: number;
}

/** People who share a home network and, where they are more than one, a tablet; they also pass points on. */
export interface Household {
  members: readonly Member[];
  tablet?: Device;
}

/** How many in a hundred members are like that (in 30 days, where it happens at a time): our estimates. */
const TRAITS = {
  savesForLong: 0.15,
  buysInBulk: 0.03,
  usesKiosk: 0.1,
  phonesIn: 0.02,
  travels: 0.08,
  newPhone: 0.06,
  passwordReset: 0.04,
  joinsNow: 0.06,
};
/** Of households, not of members. */
const SHARE_OF_FAMILIES = 0.1;
const TIERS = ['basic', 'basic', 'basic', 'basic', 'silver', 'silver', 'gold'];
const BASKET_EUROS = [3, 9, 17, 26, 38, 60, 140];
const BULK_BASKET_EUROS = [120, 250, 400, 700, 1500];
const AGE_DAYS = [20, 120, 300, 600, 1100, 2000, 3500];

/** Exactly so many members, in households; `horizonMs` is how long the simulation is. */
export function householdsOf(size: number, stores: readonly Store[], horizonMs: number, random: Random): Household[] {
  const households: Household[] = [];
  for (let left = size; left > 0; ) {
    const household = newHousehold(left, random.pick(stores), horizonMs, random);
    households.push(household);
    left -= household.members.length;
  }
  giveStaffTheirAccounts(households, stores);
  return households;
}

function newHousehold(most: number, store: Store, horizonMs: number, random: Random): Household {
  const isFamily = random.chance(SHARE_OF_FAMILIES) && most > 1;
  const count = isFamily ? Math.min(most, random.between(2, 5)) : 1;
  const ip = homeIp(store.city.country, random);
  const members = Array.from({ length: count }, () => newMember(store, ip, horizonMs, random));
  return { members, tablet: isFamily ? newDevice('app', random) : undefined };
}

function newMember(store: Store, ip: string, horizonMs: number, random: Random): Member {
  const has = (trait: keyof typeof TRAITS): boolean => random.chance(TRAITS[trait]);
  const perMonth = Math.min(1, horizonMs / (30 * DAY_MS));
  const happens = (trait: keyof typeof TRAITS): boolean => random.chance(TRAITS[trait] * perMonth);
  const sometime = (): number => random.between(0, horizonMs);
  const [bulk, saver, joins] = [has('buysInBulk'), has('savesForLong'), happens('joinsNow')];
  const createdAtMs = joins ? sometime() : -Math.round(random.quantile(AGE_DAYS) * DAY_MS);
  const goalPoints = Math.round(random.quantile(saver || bulk ? [8000, 20_000, 45_000] : [600, 1200, 2500, 6000]));
  const tripFromMs = sometime();
  const channel = random.chance(0.7) ? 'app' : 'web';
  return {
    ...newAccount(createdAtMs, random.pick(TIERS), random),
    store,
    homeIp: ip,
    channel,
    device: newDevice(channel, random),
    purchasesPerDay: random.quantile([0.03, 0.08, 0.14, 0.22, 0.5]),
    basketEuros: bulk ? BULK_BASKET_EUROS : BASKET_EUROS,
    startPoints: joins ? 0 : Math.round(goalPoints * random.next() * 1.1),
    goalPoints,
    giftCardShare: random.quantile([0, 0, 0.1, 0.6]),
    usesKiosk: has('usesKiosk'),
    phonesIn: has('phonesIn'),
    trip: happens('travels') ? { fromMs: tripFromMs, toMs: tripFromMs + random.between(3, 14) * DAY_MS } : undefined,
    newPhone: happens('newPhone') ? { atMs: sometime(), device: newDevice('app', random) } : undefined,
    passwordResetAtMs: happens('passwordReset') ? sometime() : undefined,
  };
}

/** Who works in a store is mostly a member, too: one account for each employee, as far as there are any. */
function giveStaffTheirAccounts(households: readonly Household[], stores: readonly Store[]): void {
  const employees = stores.flatMap((store) => store.employees);
  const singles = households.filter(({ members }) => members.length === 1).flatMap(({ members }) => members);
  // Never more than one member in ten: a small program has staff that are no members.
  for (const [at, member] of singles.slice(0, Math.floor(singles.length / 10)).entries()) {
    const employee = employees[at];
    if (employee) employee.account = member;
  }
}
