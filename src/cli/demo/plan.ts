/**
 * The sample traffic: a simulated program of a few days, and what its ledger does with what was decided. Transaction
 * ids depend on nothing but the seed: played again in the same program, every id is known and its answer is what it was.
 */
import { seededRandom } from '../../simulator/core/random.js';
import { type Simulation, simulate } from '../../simulator/core/simulation.js';
import { NO_ATTACKS } from '../../simulator/core/mix.js';
import { ATTACK_KINDS, type SimulatedTransaction } from '../../simulator/core/transaction.js';

/** What the ledger does with a decision that holds. */
export type FollowUp = 'commit' | 'commit part' | 'cancel' | 'reverse' | 'forget';

/** Some hundred transactions, played in a few seconds. */
const SAMPLE = { seed: 20_260_401, size: 160, days: 10, mimicry: 0.3 };

export const samplePlan = (): Simulation => simulate(SAMPLE);

/** What is not earned ends in one of these; most of it as it should. */
const ENDS: readonly FollowUp[] = [
  ...Array<FollowUp>(12).fill('commit'),
  'commit part',
  'cancel',
  'cancel',
  'reverse',
  'forget',
];

/** The same for the same transaction, whenever it is played. */
export function whatFollows({ draft }: SimulatedTransaction): FollowUp {
  return draft.type === 'earn' ? 'commit' : seededRandom(SAMPLE.seed, draft.transactionId).pick(ENDS);
}

/** A checkout that nobody finishes: its hold is to end by itself. */
export const fieldsFor = (followUp: FollowUp): object => (followUp === 'forget' ? { onHoldEnd: 'release' } : {});

/** A day in the life of so many members: played in minutes, each of them is seen once or not at all. */
const LIVE = { size: 400, days: 1, mimicry: 0 };

/**
 * The traffic that goes on while the demo serves: day after day, each with other members and one attack, in turn of its
 * kinds. `run` tells one start from another.
 */
export function* liveTraffic(run: number): Generator<readonly SimulatedTransaction[]> {
  for (let day = 0; ; day++) {
    const kind = ATTACK_KINDS[day % ATTACK_KINDS.length];
    const mix = { ...NO_ATTACKS, ...(kind && { [kind]: 1 }) };
    yield simulate({ ...LIVE, seed: run + day, mix }).transactions;
  }
}
