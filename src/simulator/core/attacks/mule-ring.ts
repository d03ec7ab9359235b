/** Mule ring: points of many accounts run together in one, pass through others, and are redeemed at the end. */
import { type Account, DAY_MS, MINUTE_MS, type Presence } from '../transaction.js';
import { attackersAccount, type Attacker, drawFor, hideout, move, type Plan, type Scene, shared } from './attack.js';
import { channelOf, signInBefore, spend } from './spending.js';

export const muleRing: Attacker = (scene) => {
  const { random, startMs } = scene;
  const draw = drawFor('mule-ring', scene);
  const { country } = random.pick(scene.stores).city;
  const isStrange = draw.chance('strangeNetwork');
  const plan: Plan = { openings: [], moves: [] };
  const old = (): Account => attackersAccount(startMs - draw.real('senderAgeDays') * DAY_MS, random);
  const nextPresence = shared(
    () => hideout(isStrange, country, random),
    () => draw.real('sendersPerDevice'),
  );
  const newLink = (): Link => ({ account: old(), presence: hideout(isStrange, country, random) });
  const first = newLink();
  const chain = [first, ...Array.from({ length: draw.whole('forwards') }, newLink)];
  const senders = draw.whole('senders');
  let atMs = startMs;
  let gathered = 0;
  for (let sender = 0; sender < senders; sender++) {
    const points = draw.whole('pointsPerSender');
    const account = old();
    plan.openings.push({ accountId: account.accountId, ownPoints: 0, lootPoints: points });
    plan.moves.push(pass(account, points, points, first.account, atMs, nextPresence(), scene));
    gathered += points;
    atMs += draw.real('minutesBetweenTransfers') * MINUTE_MS;
  }
  return layer(chain, gathered, atMs, plan, scene);
};

interface Link {
  account: Account;
  presence: Presence;
}

/** From each link to the next; the last redeems. */
function layer(chain: readonly Link[], gathered: number, fromMs: number, plan: Plan, scene: Scene): Plan {
  const draw = drawFor('mule-ring', scene);
  let points = gathered;
  let atMs = fromMs;
  for (const [at, { account, presence }] of chain.entries()) {
    atMs += draw.real('minutesToForward') * MINUTE_MS;
    const next = chain[at + 1];
    if (next) {
      const forwarded = Math.max(1, Math.round(points * draw.real('shareForwarded')));
      plan.moves.push(pass(account, points, forwarded, next.account, atMs, presence, scene));
      points = forwarded;
    } else plan.moves.push(...cashIn({ account, presence }, points, atMs, scene));
  }
  return plan;
}

function cashIn({ account, presence }: Link, points: number, startMs: number, scene: Scene) {
  const draw = drawFor('mule-ring', scene);
  const spree = {
    account,
    balance: points,
    points,
    pieces: Math.max(1, Math.round(points / 8000)),
    giftCards: draw.chance('giftCards'),
    startMs,
    pauseMinutes: () => draw.real('minutesBetweenRedemptions'),
    presence,
  };
  return spend(spree, scene.random);
}

const pass = (
  account: Account,
  balance: number,
  points: number,
  to: Account,
  atMs: number,
  presence: Presence,
  { random }: Scene,
) =>
  move(
    {
      account,
      balance,
      atMs: Math.round(atMs),
      type: 'transfer',
      points,
      channel: channelOf(presence),
      counterpartyAccountId: to.accountId,
      presence,
      signedIn: signInBefore(Math.round(atMs), random),
    },
    random,
  );
