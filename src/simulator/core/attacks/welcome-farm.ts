/** Welcome-bonus farm: many accounts of one person on few devices; their bonuses flow into collectors, who redeem. */
import type { Country } from '../networks.js';
import { type Account, HOUR_MS, MINUTE_MS, type Presence } from '../transaction.js';
import { POINTS_PER_EURO, REFERRAL_POINTS, WELCOME_POINTS } from '../world.js';
import {
  attackersAccount,
  type Attacker,
  drawFor,
  hideout,
  type Move,
  move,
  type Plan,
  type Scene,
  shared,
} from './attack.js';
import { channelOf, signInBefore, spend } from './spending.js';

export const welcomeFarm: Attacker = (scene) => {
  const { random } = scene;
  const draw = drawFor('welcome-farm', scene);
  const { country } = random.pick(scene.stores).city;
  const plan: Plan = { openings: [], moves: [] };
  const accounts = draw.whole('accounts');
  const collectors = Array.from({ length: draw.whole('collectors') }, () => ({
    account: attackersAccount(scene.startMs - draw.real('ageHours') * HOUR_MS, random),
    points: 0,
  }));
  const isStrange = draw.chance('strangeNetwork');
  const nextDevice = shared(
    () => hideout(isStrange, country, random),
    () => draw.real('accountsPerDevice'),
  );
  const nextNetwork = shared(
    () => hideout(isStrange, country, random).ip,
    () => draw.real('accountsPerNetwork'),
  );
  let atMs = scene.startMs;
  let lastMs = atMs;
  for (let number = 0; number < accounts; number++) {
    const presence = { ...nextDevice(), ip: nextNetwork() };
    const account = attackersAccount(atMs, random);
    const bonus = signUp(account, presence, number > 0 && draw.chance('referrals'), random);
    const cover = coverOf(account, Math.round(draw.real('coverPurchases')), bonus.points, scene);
    const collector = collectors[number % collectors.length];
    const leavesMs = atMs + draw.real('ageHours') * HOUR_MS;
    plan.moves.push(...bonus.moves, ...cover);
    if (collector) {
      plan.moves.push(handOver(account, bonus.points, collector.account, leavesMs, presence, scene));
      collector.points += bonus.points;
    }
    lastMs = Math.max(lastMs, leavesMs);
    atMs += draw.real('minutesBetweenSignUps') * MINUTE_MS;
  }
  for (const { account, points } of collectors) {
    plan.moves.push(
      ...cashIn(account, points, lastMs + draw.real('hoursToRedemption') * HOUR_MS, country, isStrange, scene),
    );
  }
  return plan;
};

function signUp(
  account: Account,
  presence: Presence,
  isReferred: boolean,
  random: Scene['random'],
): { moves: Move[]; points: number } {
  const common = { account, type: 'earn', channel: channelOf(presence), presence } as const;
  const atMs = account.createdAtMs + random.between(5, 120) * 1000;
  const welcome = move({ ...common, balance: 0, atMs, points: WELCOME_POINTS, activity: { kind: 'welcome' } }, random);
  if (!isReferred) return { moves: [welcome], points: WELCOME_POINTS };
  const referral = move(
    {
      ...common,
      balance: WELCOME_POINTS,
      atMs: atMs + random.between(1000, 3000),
      points: REFERRAL_POINTS,
      activity: { kind: 'referral' },
    },
    random,
  );
  return { moves: [welcome, referral], points: WELCOME_POINTS + REFERRAL_POINTS };
}

/** Small purchases at a till, soon after joining. */
const coverOf = (account: Account, purchases: number, balance: number, { stores, random }: Scene): Move[] =>
  Array.from({ length: purchases }, (_, at) => {
    const store = random.pick(stores);
    const cents = random.between(200, 900);
    return move(
      {
        account,
        balance,
        atMs: account.createdAtMs + (at + 1) * random.between(60, 300) * MINUTE_MS,
        type: 'earn',
        points: Math.floor((cents / 100) * POINTS_PER_EURO),
        channel: 'pos',
        storeId: store.storeId,
        franchiseId: store.franchiseId,
        employeeId: random.pick(store.employees).employeeId,
        activity: { kind: 'purchase', orderId: `o-${random.word(10)}`, cents },
      },
      random,
      true,
    );
  });

const handOver = (
  account: Account,
  points: number,
  collector: Account,
  atMs: number,
  presence: Presence,
  { random }: Scene,
): Move =>
  move(
    {
      account,
      balance: points,
      atMs: Math.round(atMs),
      type: 'transfer',
      points,
      channel: channelOf(presence),
      counterpartyAccountId: collector.accountId,
      presence,
      signedIn: signInBefore(Math.round(atMs), random),
    },
    random,
  );

function cashIn(
  account: Account,
  points: number,
  startMs: number,
  country: Country,
  isStrange: boolean,
  scene: Scene,
): Move[] {
  const draw = drawFor('welcome-farm', scene);
  const spree = {
    account,
    balance: points,
    points,
    pieces: Math.max(1, Math.round(points / 5000)),
    giftCards: true,
    startMs,
    pauseMinutes: () => draw.real('redemptionMinutes'),
    presence: hideout(isStrange, country, scene.random),
  };
  return spend(spree, scene.random);
}
