/** Account take-over: credentials changed, a strange device and network, and what is there goes into gift cards. */
import { presenceOf, type Statement } from '../habits.js';
import { HOUR_MS, MINUTE_MS, type Presence } from '../transaction.js';
import { type Attacker, drawFor, hideout, type Plan, type Scene } from './attack.js';
import { spend } from './spending.js';

/** Below that an account is not worth the trouble. */
const WORTHWHILE_POINTS = 1000;

export const takeOver: Attacker = (scene) => {
  const { startMs, random } = scene;
  const draw = drawFor('take-over', scene);
  const plan: Plan = { openings: [], moves: [] };
  const accounts = draw.whole('accounts');
  const den = hideout(draw.chance('strangeNetwork'), random.pick(scene.stores).city.country, random);
  let atMs = startMs;
  for (let account = 0; account < accounts; account++) {
    const victim = richest(random.take(scene.statements, draw.whole('accountsLookedInto')), startMs);
    const isKnown = plan.openings.some(({ accountId }) => accountId === victim?.member.accountId);
    if (victim && !isKnown) empty(victim, victim.balanceAt(startMs), Math.round(atMs), den, scene, plan);
    atMs += draw.real('minutesBetweenAccounts') * MINUTE_MS;
  }
  return plan;
};

const richest = (statements: readonly Statement[], atMs: number): Statement | undefined =>
  statements
    .filter((statement) => statement.balanceAt(atMs) >= WORTHWHILE_POINTS && statement.member.createdAtMs < atMs)
    .reduce<Statement | undefined>(
      (best, one) => (best && best.balanceAt(atMs) >= one.balanceAt(atMs) ? best : one),
      undefined,
    );

function empty({ member }: Statement, balance: number, atMs: number, den: Presence, scene: Scene, plan: Plan): void {
  const { random } = scene;
  const draw = drawFor('take-over', scene);
  const ownDevice = draw.chance('ownDevice');
  const changedAtMs = Math.round(atMs - draw.real('credentialsAgeHours') * HOUR_MS);
  const changed = draw.chance('credentialsChanged');
  plan.openings.push({ accountId: member.accountId, ownPoints: 0, lootPoints: balance });
  plan.moves.push(
    ...spend(
      {
        account: member,
        balance,
        points: Math.round(balance * draw.real('shareOfBalance')),
        pieces: draw.whole('redemptions'),
        giftCards: draw.chance('giftCards'),
        startMs: atMs,
        pauseMinutes: () => draw.real('minutesBetweenRedemptions'),
        presence: ownDevice ? den : { ...presenceOf(member, atMs, random), location: undefined },
        ...(changed && { credentialsChangedAtMs: changedAtMs }),
      },
      random,
    ),
  );
}
