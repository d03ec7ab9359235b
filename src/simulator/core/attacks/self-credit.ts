/** Self-crediting employee: goodwill for their own account or friends', who redeem it. */
import { presenceOf } from '../habits.js';
import { type Account, DAY_MS, HOUR_MS, type Presence } from '../transaction.js';
import type { Employee, Store } from '../world.js';
import { attackersAccount, type Attacker, drawFor, hideout, type Move, move, type Plan, type Scene } from './attack.js';
import { spend } from './spending.js';

const SHIFT_HOURS = [9, 11, 14, 17, 19];
const NIGHT_HOURS = [21, 22.5, 23.9];

export const selfCredit: Attacker = (scene) => {
  const { random } = scene;
  const draw = drawFor('self-credit', scene);
  const store = random.pick(scene.stores);
  const employee = random.pick(store.employees);
  // Whoever wants to credit themselves has an account, member until now or not.
  const own = employee.account ?? attackersAccount(scene.startMs - 400 * DAY_MS, random);
  const friends = Array.from({ length: draw.whole('friends') }, () =>
    attackersAccount(scene.startMs - 400 * DAY_MS, random),
  );
  const spender = (account: Account): Spender => {
    const known =
      account === own ? scene.statements.find(({ member }) => member.accountId === own.accountId) : undefined;
    return known
      ? { account, presence: (atMs) => presenceOf(known.member, atMs, random), savedAt: known.balanceAt }
      : { account, presence: () => hideout(false, store.city.country, random), savedAt: () => 0 };
  };
  const credited = new Map<Account, { points: number; lastMs: number }>();
  const plan: Plan = { openings: [], moves: [] };
  const credits = draw.whole('credits');
  let atMs = scene.startMs;
  for (let number = 0; number < credits; number++) {
    const account = draw.chance('toOwnAccount') ? own : random.pick(friends);
    const points = roundly(draw.real('pointsPerCredit'));
    const workMs = onTheClock(atMs, draw.chance('outsideShift'), scene);
    const before = credited.get(account)?.points ?? 0;
    const balance = before + spender(account).savedAt(workMs);
    plan.moves.push(credit(store, { ...employee, account: own }, account, balance, points, workMs, scene));
    credited.set(account, { points: before + points, lastMs: workMs });
    atMs = Math.max(atMs, workMs) + draw.real('hoursBetweenCredits') * HOUR_MS;
  }
  for (const [account, { points, lastMs }] of credited)
    plan.moves.push(...cashIn(spender(account), points, lastMs, scene));
  return plan;
};

/** Goodwill is given in round figures. */
const roundly = (points: number): number => Math.max(100, Math.round(points / 100) * 100);

/** The next time at which this employee is at work, or just when nobody else is. */
function onTheClock(atMs: number, outsideShift: boolean, { random }: Scene): number {
  const hourMs = Math.floor(random.quantile(outsideShift ? NIGHT_HOURS : SHIFT_HOURS) * HOUR_MS);
  const hour = (atMs - Math.floor(atMs / DAY_MS) * DAY_MS) / HOUR_MS;
  const isShift = hour >= 9 && hour <= 19;
  if (isShift !== outsideShift) return Math.round(atMs);
  const dayMs = Math.floor(atMs / DAY_MS) * DAY_MS;
  return dayMs + hourMs >= atMs ? dayMs + hourMs : dayMs + DAY_MS + hourMs;
}

const credit = (
  store: Store,
  { employeeId, account: own }: Employee,
  account: Account,
  balance: number,
  points: number,
  atMs: number,
  { random }: Scene,
): Move =>
  move(
    {
      account,
      balance,
      atMs,
      type: 'adjust',
      direction: 'credit',
      points,
      channel: 'call_center',
      activity: { kind: 'goodwill' },
      storeId: store.storeId,
      franchiseId: store.franchiseId,
      employeeId,
      employeeAccountId: own?.accountId,
    },
    random,
  );

/** Who redeems: employees on their own device, friends at their home. */
interface Spender {
  account: Account;
  presence: (atMs: number) => Presence;
  /** Points that were theirs anyway. */
  savedAt: (atMs: number) => number;
}

function cashIn({ account, presence, savedAt }: Spender, points: number, afterMs: number, scene: Scene): Move[] {
  const draw = drawFor('self-credit', scene);
  const startMs = Math.round(afterMs + draw.real('hoursToRedemption') * HOUR_MS);
  const spree = {
    account,
    balance: points + savedAt(startMs),
    points: Math.round(points * draw.real('shareRedeemed')),
    pieces: Math.max(1, Math.round(points / 5000)),
    giftCards: scene.random.chance(0.5),
    startMs,
    pauseMinutes: () => draw.real('hoursBetweenRedemptions') * 60,
    presence: presence(startMs),
  };
  return spend(spree, scene.random);
}
