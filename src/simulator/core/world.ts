/** The program around its members: stores with their staff and kiosks, rewards, devices. */
import { type Country, homeIp } from './networks.js';
import type { Random } from './random.js';
import type { Account, Device, Presence, Reward } from './transaction.js';

/** A member earns 10 points for a euro; 1,000 points are worth five euros (a rebate of 5 %). */
export const POINTS_PER_EURO = 10;
const CENTS_PER_1000_POINTS = 500;
export const WELCOME_POINTS = 1000;
export const REFERRAL_POINTS = 500;
export const GOODWILL_POINTS = [100, 200, 500, 500, 1000, 1500];

const reward = (rewardId: string, category: string, points: number): Reward => ({
  rewardId,
  category,
  points,
  value: (points / 1000) * CENTS_PER_1000_POINTS,
});

export const REWARDS = [
  reward('coffee', 'food', 600),
  reward('voucher-5', 'voucher', 1000),
  reward('voucher-10', 'voucher', 2000),
  reward('cinema', 'leisure', 2400),
  reward('voucher-25', 'voucher', 5000),
  reward('headphones', 'electronics', 16_000),
  reward('weekend-trip', 'travel', 40_000),
];

/** As good as money, and sold on within minutes; members like them, too. */
export const GIFT_CARDS = [
  reward('gift-card-5', 'gift_card', 1000),
  reward('gift-card-10', 'gift_card', 2000),
  reward('gift-card-25', 'gift_card', 5000),
  reward('gift-card-50', 'gift_card', 10_000),
];

/** The dearest of these rewards that so many points buy. */
export const dearest = (rewards: readonly Reward[], points: number): Reward | undefined =>
  rewards.reduce<Reward | undefined>(
    (best, one) => (one.points <= points && one.points > (best?.points ?? 0) ? one : best),
    undefined,
  );

interface City {
  country: Country;
  lat: number;
  lon: number;
}

const CITIES: readonly City[] = [
  { country: 'FR', lat: 48.8566, lon: 2.3522 },
  { country: 'FR', lat: 45.764, lon: 4.8357 },
  { country: 'FR', lat: 43.2965, lon: 5.3698 },
  { country: 'FR', lat: 50.6292, lon: 3.0573 },
  { country: 'DE', lat: 52.52, lon: 13.405 },
  { country: 'DE', lat: 50.9375, lon: 6.9603 },
  { country: 'DE', lat: 48.1351, lon: 11.582 },
  { country: 'GB', lat: 51.5072, lon: -0.1276 },
  { country: 'GB', lat: 53.4808, lon: -2.2426 },
];

export interface Employee {
  employeeId: string;
  /** Their own account, once one is theirs. */
  account?: Account;
}

export interface Store {
  storeId: string;
  franchiseId: string;
  city: City;
  employees: Employee[];
  /** A tablet on which members redeem, all with one device id and one address. */
  kiosk: Presence;
}

const MEMBERS_PER_STORE = 60;
const EMPLOYEES_PER_STORE = 5;
const STORES_PER_FRANCHISE = 4;

/** The stores of a program of so many members: at least 3. */
export function storesOf(members: number, random: Random): Store[] {
  const count = Math.max(3, Math.round(members / MEMBERS_PER_STORE));
  const franchises = Array.from({ length: Math.ceil(count / STORES_PER_FRANCHISE) }, () => `f-${random.word(6)}`);
  return Array.from({ length: count }, () => {
    const city = random.pick(CITIES);
    return {
      storeId: `s-${random.word(6)}`,
      franchiseId: random.pick(franchises),
      city,
      employees: Array.from({ length: EMPLOYEES_PER_STORE }, () => ({ employeeId: `e-${random.word(8)}` })),
      kiosk: { ...newDevice('app', random), ip: homeIp(city.country, random) },
    };
  });
}

const USER_AGENTS = {
  app: ['Loyalty/4.2 (iOS 19.1)', 'Loyalty/4.2 (iOS 18.6)', 'Loyalty/4.2 (Android 16)', 'Loyalty/4.1 (Android 14)'],
  web: [
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Safari/605.1.15',
    'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0',
  ],
} as const;

export const newDevice = (channel: 'app' | 'web', random: Random): Device => ({
  deviceId: `d-${random.word(10)}`,
  userAgent: random.pick(USER_AGENTS[channel]),
});

export const newAccount = (createdAtMs: number, tier: string, random: Random): Account => ({
  accountId: `m-${random.word(10)}`,
  createdAtMs,
  tier,
  instrumentId: `i-${random.word(10)}`,
});

/** Somewhere around a city, to 4 decimals (10 m). */
export const nearby = ({ lat, lon }: City, random: Random): { lat: number; lon: number } => ({
  lat: rounded(lat + (random.next() - 0.5) / 10),
  lon: rounded(lon + (random.next() - 0.5) / 10),
});

const rounded = (degrees: number): number => Math.round(degrees * 10_000) / 10_000;
