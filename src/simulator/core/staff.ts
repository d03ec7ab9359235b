/** What employees do in good faith: goodwill here and there, and once in a while an apology to many at once. */
import type { Statement } from './habits.js';
import type { Random } from './random.js';
import { DAY_MS, type Draft, HOUR_MS, MINUTE_MS } from './transaction.js';
import { type Employee, GOODWILL_POINTS, type Store } from './world.js';

const GOODWILL_PER_STORE_AND_DAY = 0.2;
const SHIFT_HOURS = [9, 11, 14, 17, 19];
/** After an outage one agent credits them all the same. */
const APOLOGY_CHANCE = 0.3;
const APOLOGY_POINTS = 500;
const MOST_APOLOGIES = 15;

/** The goodwill of all stores until the horizon. */
export function goodwillOf(
  stores: readonly Store[],
  statements: readonly Statement[],
  horizonMs: number,
  random: Random,
): Draft[] {
  const drafts: Draft[] = [];
  for (const store of stores) {
    const customers = statements.filter(({ member }) => member.store === store);
    for (let dayMs = 0; dayMs < horizonMs; dayMs += DAY_MS) {
      if (!random.chance(GOODWILL_PER_STORE_AND_DAY) || customers.length === 0) continue;
      const atMs = dayMs + Math.floor(random.quantile(SHIFT_HOURS) * HOUR_MS);
      const customer = random.pick(customers);
      const clerk = random.pick(store.employees);
      if (isOwn(clerk, customer) || isNotYet(customer, atMs)) continue;
      drafts.push(goodwill(store, clerk, customer, random.pick(GOODWILL_POINTS), atMs, random));
    }
  }
  if (random.chance(APOLOGY_CHANCE)) drafts.push(...apologies(random.pick(stores), statements, horizonMs, random));
  return drafts.filter(({ atMs }) => atMs < horizonMs);
}

const isOwn = ({ account }: Employee, { member }: Statement): boolean => account?.accountId === member.accountId;
const isNotYet = ({ member }: Statement, atMs: number): boolean => member.createdAtMs >= atMs;

function apologies(store: Store, statements: readonly Statement[], horizonMs: number, random: Random): Draft[] {
  const agent = random.pick(store.employees);
  let atMs = random.between(0, Math.max(0, horizonMs - DAY_MS)) + 9 * HOUR_MS;
  const most = Math.min(MOST_APOLOGIES, Math.ceil(statements.length / 20));
  return random.take(statements, most).flatMap((customer) => {
    atMs += random.between(2, 12) * MINUTE_MS;
    if (isOwn(agent, customer) || isNotYet(customer, atMs)) return [];
    return [goodwill(store, agent, customer, APOLOGY_POINTS, atMs, random)];
  });
}

const goodwill = (
  store: Store,
  clerk: Employee,
  customer: Statement,
  points: number,
  atMs: number,
  random: Random,
): Draft => ({
  transactionId: `t-${random.word(12)}`,
  account: customer.member,
  balance: customer.balanceAt(atMs),
  atMs,
  type: 'adjust',
  direction: 'credit',
  points,
  channel: 'call_center',
  activity: { kind: 'goodwill' },
  storeId: store.storeId,
  franchiseId: store.franchiseId,
  employeeId: clerk.employeeId,
  employeeAccountId: clerk.account?.accountId,
});
