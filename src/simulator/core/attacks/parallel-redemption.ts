/** Parallel redemption: the same points in many requests at the same moment, before the ledger has booked the first. */
import { DAY_MS, HOUR_MS } from '../transaction.js';
import { dearest, GIFT_CARDS, REWARDS } from '../world.js';
import { attackersAccount, type Attacker, drawFor, hideout, move, type Plan } from './attack.js';
import { redemption, signInBefore } from './spending.js';

export const parallelRedemption: Attacker = (scene) => {
  const { random, startMs } = scene;
  const draw = drawFor('parallel-redemption', scene);
  const plan: Plan = { openings: [], moves: [] };
  const accounts = draw.whole('accounts');
  const { country } = random.pick(scene.stores).city;
  const isStrange = draw.chance('strangeNetwork');
  let burstMs = startMs;
  for (let number = 0; number < accounts; number++) {
    const account = attackersAccount(startMs - draw.real('accountAgeDays') * DAY_MS, random);
    const presence = hideout(isStrange, country, random);
    const balance = draw.whole('points');
    const shelf = draw.chance('giftCards') ? GIFT_CARDS : REWARDS;
    const reward = dearest(shelf, balance * draw.real('shareOfBalance'));
    const requests = draw.whole('requests');
    const signedIn = signInBefore(Math.round(burstMs), random);
    const spreadMs = draw.real('spreadMs');
    if (reward) {
      // One of them is within the balance, and the attacker's by right.
      const lootPoints = Math.max(0, requests * reward.points - balance);
      plan.openings.push({ accountId: account.accountId, ownPoints: balance, lootPoints });
      for (let request = 0; request < requests; request++) {
        const atMs = Math.round(burstMs + (spreadMs * request) / requests);
        plan.moves.push(move(redemption({ account, presence }, reward, balance, atMs, signedIn.atMs), random));
      }
    }
    burstMs += draw.real('hoursBetweenAccounts') * HOUR_MS;
  }
  return plan;
};
