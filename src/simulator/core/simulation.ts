/**
 * A seeded simulation of a points program on virtual time: good members with their habits, and attacks among them.
 *
 * Invariants: the same parameters give the same transactions, to the byte, on every machine; members do the same
 * whatever the mix and the mimicry of the attacks; nothing in a draft tells a member's from an attack's but what the
 * attack itself has to do.
 */
import { type Attacker, type Plan, squeeze } from './attacks/attack.js';
import { muleRing } from './attacks/mule-ring.js';
import { parallelRedemption } from './attacks/parallel-redemption.js';
import { selfCredit } from './attacks/self-credit.js';
import { takeOver } from './attacks/take-over.js';
import { welcomeFarm } from './attacks/welcome-farm.js';
import { liveThrough, type Statement } from './habits.js';
import { householdsOf } from './members.js';
import { attacksOf, DEFAULT_MIX, type Mix } from './mix.js';
import { type Random, seededRandom } from './random.js';
import { goodwillOf } from './staff.js';
import { type Attack, ATTACK_KINDS, type AttackKind, DAY_MS, type SimulatedTransaction } from './transaction.js';
import { type Store, storesOf } from './world.js';

export interface SimulationOptions {
  /** A whole number from 0. */
  seed: number;
  /** Good members; the accounts of attackers come on top. */
  size: number;
  days?: number;
  /** How much attackers blend in: from 0 to 1. */
  mimicry?: number;
  mix?: Mix;
}

export interface Simulation {
  /** In the order of their times. */
  transactions: readonly SimulatedTransaction[];
  attacks: readonly Attack[];
  /** The good members, whether they did anything or not. */
  memberIds: readonly string[];
  horizonMs: number;
}

export const DEFAULTS = { days: 30, mimicry: 0.5, mix: DEFAULT_MIX } as const;

const ATTACKERS: Record<AttackKind, Attacker> = {
  'take-over': takeOver,
  'welcome-farm': welcomeFarm,
  'mule-ring': muleRing,
  'self-credit': selfCredit,
  'parallel-redemption': parallelRedemption,
};

/** Attacks begin in this part of the time, so that members have shown their habits and the attack can end. */
const FIRST_START = 0.1;
const LAST_START = 0.7;

/** Simulates; the same options give the same simulation. */
export function simulate(options: SimulationOptions): Simulation {
  const { seed, size, days, mimicry, mix } = { ...DEFAULTS, ...options };
  const random = seededRandom(seed);
  const horizonMs = days * DAY_MS;
  const stores = storesOf(size, random.stream('stores'));
  const households = householdsOf(size, stores, horizonMs, random.stream('members'));
  const lives = households.map((household, at) => liveThrough(household, horizonMs, random.stream(`household ${at}`)));
  const statements = lives.flatMap((life) => life.statements);
  const good = [
    ...lives.flatMap((life) => life.drafts),
    ...goodwillOf(stores, statements, horizonMs, random.stream('staff')),
  ].map((draft) => ({ draft, truth: { class: 'member', attackId: '', valuePoints: 0 } as const }));
  const attacks = plansOf(mix, mimicry, { size, stores, statements, horizonMs }, random.stream('attacks'));
  return {
    transactions: inOrder([...good, ...attacks.flatMap(({ transactions }) => transactions)]),
    attacks: attacks.map(({ attack }) => attack),
    memberIds: statements.map(({ member }) => member.accountId),
    horizonMs,
  };
}

interface Target {
  size: number;
  stores: readonly Store[];
  statements: readonly Statement[];
  horizonMs: number;
}

interface PlannedAttack {
  attack: Attack;
  transactions: SimulatedTransaction[];
}

function plansOf(mix: Mix, mimicry: number, target: Target, random: Random): PlannedAttack[] {
  return ATTACK_KINDS.flatMap((kind) =>
    Array.from({ length: attacksOf(mix[kind], target.size) }, (_, number) => {
      const own = random.stream(`${kind} ${number}`);
      const startMs = Math.floor(target.horizonMs * (FIRST_START + (LAST_START - FIRST_START) * own.next()));
      const plan = ATTACKERS[kind]({ ...target, mimicry, startMs, random: own });
      return planned(kind, `${kind}-${number + 1}`, plan, startMs, target.horizonMs);
    }),
  ).filter(({ transactions }) => transactions.length > 0);
}

const planned = (
  kind: AttackKind,
  attackId: string,
  plan: Plan,
  startMs: number,
  horizonMs: number,
): PlannedAttack => ({
  attack: { attackId, kind, openings: plan.openings },
  transactions: squeeze(plan.moves, startMs, horizonMs - 1).map(({ draft, valuePoints }) => ({
    draft,
    truth: { class: kind, attackId, valuePoints },
  })),
});

/** By time; at the same ms by id, which says nothing. */
const inOrder = (transactions: SimulatedTransaction[]): SimulatedTransaction[] =>
  transactions.sort(({ draft: a }, { draft: b }) => a.atMs - b.atMs || (a.transactionId < b.transactionId ? -1 : 1));
