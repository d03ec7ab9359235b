/** Plays the sample traffic, and the traffic after it, over the HTTP API alone, as a ledger would. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Simulation } from '../../simulator/core/simulation.js';
import type { SimulatedTransaction } from '../../simulator/core/transaction.js';
import type { ApiClient } from '../api-client.js';
import { type ProgramClock, programClock } from '../replay/program-clock.js';
import { ask, decisionIn, knownDecision, moveForward, type Said, together } from '../simulate/send.js';
import { fieldsFor, type FollowUp, liveTraffic, whatFollows } from './plan.js';

const LIVE_EVERY_MS = 2000;

/** The call that makes each follow-up of a decision of so many points. */
const CALLS: Record<FollowUp, (points: number) => readonly [path: string, body: object][]> = {
  forget: () => [],
  commit: () => [['commit', {}]],
  'commit part': (points) => [['commit', { points: Math.ceil(points / 2) }]],
  cancel: () => [['cancel', {}]],
  reverse: () => [
    ['commit', {}],
    ['reverse', { reversalId: 'returned', reason: 'The goods were returned' }],
  ],
};

export interface Playing {
  client: ApiClient;
  onSaid: (said: Said) => void;
  signal: AbortSignal;
}

/**
 * Plays a simulation so that it ends now, where the program's clock allows it. Where it was played before, in full or
 * in part, it goes on where it stopped: what is known is asked again, and answers what it is.
 */
export async function playSample(simulation: Simulation, { client, onSaid, signal }: Playing): Promise<ProgramClock> {
  const clock = programClock(client);
  const originMs = await beginning(simulation, client, clock);
  for (const group of together(simulation.transactions)) {
    if (signal.aborted) return clock;
    await moveForward(clock, originMs + (group[0]?.draft.atMs ?? 0));
    const said = await Promise.all(group.map((one) => decideAndFollow(client, one, originMs)));
    for (const one of said) onSaid(one);
  }
  await moveForward(clock, originMs + simulation.horizonMs);
  return clock;
}

/** When it began the last time, else as long ago as it lasts; a clock that is already past that stays where it stands. */
async function beginning(
  { transactions, horizonMs }: Simulation,
  client: ApiClient,
  clock: ProgramClock,
): Promise<number> {
  const [first] = transactions;
  const known = first && (await knownDecision(client, first.draft.transactionId));
  const originMs = known ? known.evaluatedAtMs - first.draft.atMs : Date.now() - horizonMs;
  await clock.moveTo(originMs);
  return known ? originMs : clock.nowMs;
}

/** Keeps the traffic going until the signal; the program's clock walks beside the real one. */
export async function playOn(clock: ProgramClock, { client, onSaid, signal }: Playing): Promise<void> {
  const aheadMs = Math.max(0, clock.nowMs - Date.now());
  for (const day of liveTraffic(Date.now())) {
    for (const group of together(day)) {
      await sleep(LIVE_EVERY_MS, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      const nowMs = Date.now() + aheadMs;
      await moveForward(clock, nowMs);
      // A day passes in minutes: each transaction brings its own times, as far back from now as they were.
      const said = await Promise.all(group.map((one) => decideAndFollow(client, one, nowMs - one.draft.atMs)));
      for (const one of said) onSaid(one);
    }
  }
}

/** Decides, and does what the ledger then does with a decision that holds. */
async function decideAndFollow(client: ApiClient, transaction: SimulatedTransaction, originMs: number): Promise<Said> {
  const followUp = whatFollows(transaction);
  const said = await ask(client, transaction, originMs, fieldsFor(followUp));
  if (said.isNew && said.status === 'held') {
    for (const [path, body] of CALLS[followUp](said.points)) {
      decisionIn(await client.call('POST', `/v1/decisions/${said.decisionId}/${path}`, body));
    }
  }
  return said;
}
