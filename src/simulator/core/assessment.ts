/**
 * What a service's answers were worth, judged by the truth.
 *
 * Attack value is followed as a ledger would book it: points that an attack has within reach are **loot**; they move
 * with its transfers and leave the program when they are redeemed. A transaction that was stopped books nothing, and
 * what comes after it can only move what has arrived. So each point counts once, however many hands it passes, and
 * counts as stopped wherever on its way it was held up.
 */
import type { Outcome } from '../../policy/core/policy.js';
import { type Attack, ATTACK_KINDS, type AttackKind, type Draft, type SimulatedTransaction } from './transaction.js';
import type { Simulation } from './simulation.js';

/** The outcome of each transaction, by its id; one that is missing was never asked. */
export type Outcomes = ReadonlyMap<string, Outcome>;

export interface AttackFigures {
  attacks: number;
  transactions: number;
  /** Loot that would leave the program if everything were allowed. */
  atStakePoints: number;
  /** Loot that did leave it. */
  leftPoints: number;
  /** 1 − left ÷ at stake; null where nothing was. */
  stoppedShare: number | null;
  /** The plain sums beside it, each hand counted: the value of all its transactions, and of those stopped. */
  askedPoints: number;
  refusedPoints: number;
}

export interface Assessment {
  all: AttackFigures;
  byKind: Readonly<Record<AttackKind, AttackFigures>>;
  members: number;
  /** Members of whose own transactions at least one was challenged, reviewed or denied. */
  botheredMembers: number;
  botheredShare: number;
  memberTransactions: number;
  botheredTransactions: number;
}

/** Challenge, review and deny alike: the points stay until somebody has looked or answered. */
export const isStopped = (outcome: Outcome | undefined): boolean => outcome !== undefined && outcome !== 'allow';

/** Judges the transactions that have an outcome. */
export function assess({ transactions, attacks, memberIds }: Simulation, outcomes: Outcomes): Assessment {
  const asked = transactions.filter(({ draft }) => outcomes.has(draft.transactionId));
  const byAttack = grouped(asked.filter(({ truth }) => truth.class !== 'member'));
  const figures = ATTACK_KINDS.map((kind) => {
    const ofKind = attacks.filter((attack) => attack.kind === kind && byAttack.has(attack.attackId));
    return [
      kind,
      total(ofKind.map((attack) => figuresOf(attack, byAttack.get(attack.attackId) ?? [], outcomes))),
    ] as const;
  });
  const own = asked.filter(({ truth }) => truth.class === 'member');
  const bothered = own.filter(({ draft }) => isStopped(outcomes.get(draft.transactionId)));
  const botheredMembers = new Set(bothered.map(({ draft }) => draft.account.accountId)).size;
  return {
    all: total(figures.map(([, one]) => one)),
    byKind: Object.fromEntries(figures) as Record<AttackKind, AttackFigures>,
    members: memberIds.length,
    botheredMembers,
    botheredShare: botheredMembers / Math.max(1, memberIds.length),
    memberTransactions: own.length,
    botheredTransactions: bothered.length,
  };
}

function grouped(transactions: readonly SimulatedTransaction[]): Map<string, SimulatedTransaction[]> {
  const groups = new Map<string, SimulatedTransaction[]>();
  for (const transaction of transactions) {
    const group = groups.get(transaction.truth.attackId);
    if (group) group.push(transaction);
    else groups.set(transaction.truth.attackId, [transaction]);
  }
  return groups;
}

function figuresOf(attack: Attack, transactions: readonly SimulatedTransaction[], outcomes: Outcomes): AttackFigures {
  const stopped = ({ draft }: SimulatedTransaction) => isStopped(outcomes.get(draft.transactionId));
  return withShare({
    attacks: 1,
    transactions: transactions.length,
    atStakePoints: lootThatLeaves(attack, transactions),
    leftPoints: lootThatLeaves(
      attack,
      transactions.filter((one) => !stopped(one)),
    ),
    askedPoints: valueOf(transactions),
    refusedPoints: valueOf(transactions.filter(stopped)),
  });
}

const valueOf = (transactions: readonly SimulatedTransaction[]): number =>
  transactions.reduce((sum, { truth }) => sum + truth.valuePoints, 0);

function total(figures: readonly AttackFigures[]): AttackFigures {
  const sum = (of: (one: AttackFigures) => number) => figures.reduce((all, one) => all + of(one), 0);
  return withShare({
    attacks: sum((one) => one.attacks),
    transactions: sum((one) => one.transactions),
    atStakePoints: sum((one) => one.atStakePoints),
    leftPoints: sum((one) => one.leftPoints),
    askedPoints: sum((one) => one.askedPoints),
    refusedPoints: sum((one) => one.refusedPoints),
  });
}

const withShare = (figures: Omit<AttackFigures, 'stoppedShare'>): AttackFigures => ({
  ...figures,
  stoppedShare: figures.atStakePoints === 0 ? null : 1 - figures.leftPoints / figures.atStakePoints,
});

interface Purse {
  own: number;
  loot: number;
}

/** Books an attack's transactions in their order, and answers the loot that was redeemed. */
export function lootThatLeaves({ openings }: Attack, transactions: readonly SimulatedTransaction[]): number {
  const purses = new Map<string, Purse>();
  const purse = (accountId: string): Purse => {
    const known = purses.get(accountId) ?? { own: 0, loot: 0 };
    purses.set(accountId, known);
    return known;
  };
  for (const { accountId, ownPoints, lootPoints } of openings) {
    purse(accountId).own += ownPoints;
    purse(accountId).loot += lootPoints;
  }
  return transactions.reduce((left, { draft, truth }) => left + book(draft, truth.valuePoints > 0, purse), 0);
}

/** @returns the loot that leaves the program with it */
function book(draft: Draft, takesValue: boolean, purse: (accountId: string) => Purse): number {
  const from = purse(draft.account.accountId);
  if (draft.type === 'transfer') {
    const to = purse(draft.counterpartyAccountId ?? '');
    const moved = draw(from, draft.points, ['loot', 'own']);
    to.loot += moved.loot;
    to.own += moved.own;
    return 0;
  }
  // What is the attacker's own is no loss, and is redeemed first.
  if (draft.type === 'burn') return draw(from, draft.points, ['own', 'loot']).loot;
  if (takesValue) from.loot += draft.points;
  else from.own += draft.points;
  return 0;
}

/** Takes so many points, or all there are, in this order. */
function draw(purse: Purse, points: number, order: readonly (keyof Purse)[]): Purse {
  const taken: Purse = { own: 0, loot: 0 };
  let wanted = points;
  for (const kind of order) {
    taken[kind] = Math.min(wanted, purse[kind]);
    purse[kind] -= taken[kind];
    wanted -= taken[kind];
  }
  return taken;
}
