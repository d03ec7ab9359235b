import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../../src/policy/core/policy.js';
import { assess, isStopped, lootThatLeaves } from '../../../src/simulator/core/assessment.js';
import { simulate, type Simulation } from '../../../src/simulator/core/simulation.js';
import type { Draft, Opening, SimulatedTransaction } from '../../../src/simulator/core/transaction.js';

let number = 0;
function step(
  accountId: string,
  type: Draft['type'],
  points: number,
  more: { to?: string; isCover?: boolean; isMember?: boolean } = {},
): SimulatedTransaction {
  number++;
  return {
    draft: {
      transactionId: `t-${number}`,
      atMs: number,
      account: { accountId, createdAtMs: 0, tier: 'basic', instrumentId: 'i' },
      balance: 0,
      type,
      points,
      channel: 'app',
      counterpartyAccountId: more.to,
    },
    truth: more.isMember
      ? { class: 'member', attackId: '', valuePoints: 0 }
      : { class: 'mule-ring', attackId: 'a', valuePoints: more.isCover ? 0 : points },
  };
}

function judge(
  openings: Opening[],
  transactions: SimulatedTransaction[],
  outcomes: Outcome[],
  memberIds: string[] = [],
) {
  const simulation: Simulation = {
    transactions,
    attacks: [{ attackId: 'a', kind: 'mule-ring', openings }],
    memberIds,
    horizonMs: 1e6,
  };
  const asked = outcomes.map((outcome, at): [string, Outcome] => [
    transactions[at]?.draft.transactionId ?? '',
    outcome,
  ]);
  return assess(simulation, new Map(asked));
}

describe('attack value', () => {
  const openings = [
    { accountId: 'm1', ownPoints: 0, lootPoints: 100 },
    { accountId: 'm2', ownPoints: 0, lootPoints: 100 },
  ];
  const ring = () => [
    step('m1', 'transfer', 100, { to: 'c' }),
    step('m2', 'transfer', 100, { to: 'c' }),
    step('c', 'transfer', 180, { to: 'd' }),
    step('d', 'burn', 180),
  ];

  it.each<[Outcome[], number]>([
    [['allow', 'allow', 'allow', 'allow'], 180],
    [['deny', 'allow', 'allow', 'allow'], 100],
    [['review', 'deny', 'allow', 'allow'], 0],
    [['allow', 'allow', 'challenge', 'allow'], 0],
    [['allow', 'allow', 'allow', 'review'], 0],
  ])('with %j: %i points of 180 leave, each counted once', (outcomes, leftPoints) => {
    const { all } = judge(openings, ring(), outcomes);
    expect(all).toMatchObject({
      attacks: 1,
      transactions: 4,
      atStakePoints: 180,
      leftPoints,
      stoppedShare: 1 - leftPoints / 180,
    });
  });

  it('is in the points of a race beyond the balance only', () => {
    const race = () => Array.from({ length: 4 }, () => step('r', 'burn', 90));
    const opening = [{ accountId: 'r', ownPoints: 100, lootPoints: 260 }];
    const left = (outcomes: Outcome[]) => judge(opening, race(), outcomes).all.leftPoints;
    expect(left(['allow', 'allow', 'allow', 'allow'])).toBe(260);
    expect(left(['allow', 'deny', 'deny', 'deny'])).toBe(0);
    expect(left(['deny', 'allow', 'allow', 'deny'])).toBe(80);
  });

  it('comes with bonuses and credits, and not with cover', () => {
    const farm = [step('f', 'earn', 10, { isCover: true }), step('f', 'earn', 50), step('f', 'burn', 60)];
    expect(judge([], farm, ['allow', 'allow', 'allow']).all.leftPoints).toBe(50);
    expect(judge([], farm, ['allow', 'deny', 'allow']).all.leftPoints).toBe(0);
  });

  it('judges only what was asked', () => {
    const { all } = judge(openings, ring(), ['deny', 'deny']);
    expect(all).toMatchObject({
      transactions: 2,
      atStakePoints: 0,
      stoppedShare: null,
      askedPoints: 200,
      refusedPoints: 200,
    });
  });

  it.each([0, 0.5, 1])('all leaves where nothing is stopped, and none where everything is (mimicry %f)', (mimicry) => {
    const simulation = simulate({ seed: 3, size: 500, mimicry });
    const all = (outcome: Outcome) =>
      assess(simulation, new Map(simulation.transactions.map(({ draft }) => [draft.transactionId, outcome]))).all;
    expect(all('allow').stoppedShare).toBe(0);
    expect(all('allow').leftPoints).toBeGreaterThan(10_000);
    expect(all('review')).toMatchObject({ leftPoints: 0, stoppedShare: 1 });
    for (const attack of simulation.attacks) {
      const own = simulation.transactions.filter(({ truth }) => truth.attackId === attack.attackId);
      expect(lootThatLeaves(attack, own)).toBeGreaterThan(0);
    }
  });
});

describe('bothered members', () => {
  it('are counted once each, by their own transactions, among all there are', () => {
    const mine = (accountId: string) => step(accountId, 'burn', 5, { isMember: true });
    const transactions = [mine('m1'), mine('m1'), mine('m2'), step('m3', 'burn', 5), mine('m4')];
    const found = judge(
      [],
      transactions,
      ['review', 'deny', 'challenge', 'deny', 'allow'],
      ['m1', 'm2', 'm3', 'm4', 'm5'],
    );
    expect(found).toMatchObject({
      members: 5,
      botheredMembers: 2,
      botheredShare: 0.4,
      memberTransactions: 4,
      botheredTransactions: 3,
    });
    expect((['allow', 'challenge', 'review', 'deny', undefined] as const).map(isStopped)).toEqual([
      false,
      true,
      true,
      true,
      false,
    ]);
  });
});
