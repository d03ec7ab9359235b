/** Plays the plan and the traffic after it, over the HTTP API alone, as a ledger would. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type ApiAnswer, type ApiClient, isRecord, problemOf } from '../api-client.js';
import { PlainFailure } from '../plain-failure.js';
import type { DecisionRequest } from '../replay/mapping.js';
import { type ProgramClock, programClock } from '../replay/program-clock.js';
import { demoPlan, type FollowUp, liveTraffic, PLAN_SECONDS } from './plan.js';

const LIVE_EVERY_MS = 2000;

/** The call that makes each follow-up of a decision of so many points. */
const CALLS: Record<FollowUp, (points: number) => readonly [path: string, body: object][]> = {
  nothing: () => [],
  commit: () => [['commit', {}]],
  'commit part': (points) => [['commit', { points: Math.ceil(points / 2) }]],
  cancel: () => [['cancel', {}]],
  reverse: () => [
    ['commit', {}],
    ['reverse', { reversalId: 'returned', reason: 'The goods were returned' }],
  ],
};

/**
 * Plays the plan, so that it ends now where the program's clock allows it; does nothing where it was played before.
 * Leaves the clock at the plan's end. `onStep` hears of each step done.
 */
export async function playPlan(
  client: ApiClient,
  onStep: (done: number, of: number) => void,
  signal?: AbortSignal,
): Promise<ProgramClock> {
  const plan = demoPlan();
  const clock = programClock(client);
  const last = plan.at(-1)?.request.transactionId ?? '';
  if (await isKnown(client, last)) {
    await clock.moveTo(Date.now());
    return clock;
  }
  await clock.moveTo(Date.now() - PLAN_SECONDS * 1000);
  const startMs = clock.nowMs;
  for (const [at, { atSeconds, request, followUp }] of plan.entries()) {
    if (signal?.aborted) return clock;
    await moveForward(clock, startMs + atSeconds * 1000);
    await decideAndFollow(client, request, followUp);
    onStep(at + 1, plan.length);
  }
  await moveForward(clock, startMs + PLAN_SECONDS * 1000);
  return clock;
}

/** Keeps the traffic going until the signal; the program's clock walks beside the real one. */
export async function playOn(
  client: ApiClient,
  clock: ProgramClock,
  signal: AbortSignal,
  onDecision: (outcome: string) => void,
): Promise<void> {
  const next = liveTraffic(Date.now().toString(36));
  const aheadMs = clock.nowMs - Date.now();
  for (let number = 0; !signal.aborted; number++) {
    await sleep(LIVE_EVERY_MS, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    await moveForward(clock, Date.now() + aheadMs);
    onDecision(await decideAndFollow(client, next(number), 'commit'));
  }
}

async function moveForward(clock: ProgramClock, atMs: number): Promise<void> {
  if (clock.isBefore(atMs)) await clock.moveTo(atMs);
}

/** Decides, and does what the ledger then does with a decision that holds. Answers the outcome. */
async function decideAndFollow(client: ApiClient, request: DecisionRequest, followUp: FollowUp): Promise<string> {
  const decision = decisionIn(await client.call('POST', '/v1/decisions', request));
  if (decision.status === 'held') {
    for (const [path, body] of CALLS[followUp](decision.points)) {
      decisionIn(await client.call('POST', `/v1/decisions/${decision.decisionId}/${path}`, body));
    }
  }
  return decision.outcome;
}

function decisionIn(answer: ApiAnswer) {
  if ((answer.status !== 200 && answer.status !== 201) || !isRecord(answer.body)) {
    const { code, detail } = problemOf(answer);
    throw new PlainFailure(`The sample traffic was refused: ${detail} (${code}).`);
  }
  const { decisionId, outcome, status, points } = answer.body;
  return { decisionId: String(decisionId), outcome: String(outcome), status: String(status), points: Number(points) };
}

async function isKnown(client: ApiClient, transactionId: string): Promise<boolean> {
  const { body } = await client.call('GET', `/v1/decisions?transactionId=${transactionId}`);
  return isRecord(body) && Array.isArray(body['items']) && body['items'].length > 0;
}
