/** Sends a simulation through the API of a test program, whose clock walks with it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Outcome } from '../../policy/core/policy.js';
import { requestOf } from '../../simulator/core/request.js';
import type { Simulation } from '../../simulator/core/simulation.js';
import { DAY_MS, type SimulatedTransaction } from '../../simulator/core/transaction.js';
import { type ApiAnswer, type ApiClient, isRecord, problemOf } from '../api-client.js';
import { PlainFailure } from '../plain-failure.js';
import { type ProgramClock, programClock } from '../replay/program-clock.js';
import { OUTCOMES } from '../replay/tally.js';

/** What a service said to a transaction. */
export interface Said {
  transaction: SimulatedTransaction;
  decisionId: string;
  /** In observe mode, what it would have been. */
  outcome: Outcome;
  status: string;
  points: number;
  evaluatedAtMs: number;
  /** Heaviest first. */
  reasonCodes: readonly string[];
  /** Decided now, and not before under the same id. */
  isNew: boolean;
}

/** A race is sent as one: what lies within so few ms goes side by side, anything else one after another. */
const TOGETHER_MS = 50;

/** The transactions in groups that are sent at once. */
export function* together(transactions: readonly SimulatedTransaction[]): Generator<SimulatedTransaction[]> {
  let group: SimulatedTransaction[] = [];
  for (const transaction of transactions) {
    const [first] = group;
    if (first && transaction.draft.atMs - first.draft.atMs > TOGETHER_MS) {
      yield group;
      group = [];
    }
    group.push(transaction);
  }
  if (group.length > 0) yield group;
}

/** Asks for one decision in a simulation that begins at `originMs`. Throws a `PlainFailure` where none comes. */
export async function ask(
  client: ApiClient,
  transaction: SimulatedTransaction,
  originMs: number,
  more: object = {},
): Promise<Said> {
  const request = { ...requestOf(transaction.draft, originMs), ...more };
  const answer = await client.call('POST', '/v1/decisions', request);
  return { transaction, isNew: answer.status === 201, ...decisionIn(answer) };
}

/** The decision in an answer. Throws a `PlainFailure` where it holds none. */
export function decisionIn(answer: ApiAnswer): Omit<Said, 'transaction' | 'isNew'> {
  if ((answer.status !== 200 && answer.status !== 201) || !isRecord(answer.body)) {
    const { code, detail } = problemOf(answer);
    throw new PlainFailure(`The simulated traffic was refused: ${detail} (${code}).`);
  }
  return readDecision(answer.body);
}

function readDecision(body: Record<string, unknown>): Omit<Said, 'transaction' | 'isNew'> {
  const reasons = Array.isArray(body['reasons']) ? body['reasons'].filter(isRecord) : [];
  const outcome = body['wouldHaveBeen'] ?? body['outcome'];
  return {
    decisionId: String(body['decisionId']),
    outcome: OUTCOMES.find((known) => known === outcome) ?? 'deny',
    status: String(body['status']),
    points: Number(body['points']),
    evaluatedAtMs: Date.parse(String(body['evaluatedAt'])),
    reasonCodes: reasons.map(({ code }) => String(code)),
  };
}

/** The decision that a program has of a transaction, if any. */
export async function knownDecision(
  client: ApiClient,
  transactionId: string,
): Promise<Omit<Said, 'transaction' | 'isNew'> | undefined> {
  const { body } = await client.call('GET', `/v1/decisions?transactionId=${transactionId}`);
  const items = isRecord(body) && Array.isArray(body['items']) ? body['items'].filter(isRecord) : [];
  return items[0] && readDecision(items[0]);
}

export interface Sending {
  client: ApiClient;
  simulation: Simulation;
  /** Transactions a second of real time; without it, as fast as they are answered. */
  pace?: number;
  onSaid: (said: Said) => void;
  signal: AbortSignal;
}

/**
 * Sends all of it from the first midnight after the program's time. Throws a `PlainFailure` where the program has seen
 * this simulation before: its windows would still be full of it, and what it answered then would not be new.
 */
export async function send({ client, simulation, pace, onSaid, signal }: Sending): Promise<void> {
  const { transactions } = simulation;
  const clock = programClock(client);
  const originMs = await firstMidnight(client, clock, transactions);
  let groupDue = performance.now();
  for (const group of together(transactions)) {
    if (signal.aborted) return;
    if (pace !== undefined) {
      await sleep(Math.max(0, groupDue - performance.now()), undefined, { signal }).catch(() => undefined);
      groupDue += (group.length / pace) * 1000;
    }
    await moveForward(clock, originMs + (group[0]?.draft.atMs ?? 0));
    for (const said of await Promise.all(group.map((one) => ask(client, one, originMs)))) onSaid(said);
  }
}

async function firstMidnight(
  client: ApiClient,
  clock: ProgramClock,
  transactions: readonly SimulatedTransaction[],
): Promise<number> {
  const [first] = transactions;
  if (first && (await knownDecision(client, first.draft.transactionId))) {
    throw new PlainFailure('This program has seen this simulation before: take another --seed, or a fresh DATA_DIR.');
  }
  // A clock that is past this stays where it stands, and tells where that is.
  await clock.moveTo(Date.now());
  return Math.ceil(clock.nowMs / DAY_MS) * DAY_MS;
}

/** Moves a clock that is not there yet. */
export async function moveForward(clock: ProgramClock, atMs: number): Promise<void> {
  if (clock.isBefore(atMs)) await clock.moveTo(atMs);
}
