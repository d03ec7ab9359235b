/**
 * Sends rows in the order that makes a replay repeatable: the program's clock stands at a row's time when the row is
 * decided; rows of one time go side by side, but those of one account one after another; the next time waits for all.
 */
import { type ApiAnswer, type ApiClient, problemOf } from '../api-client.js';
import { PlainFailure } from '../plain-failure.js';
import type { DecisionRequest, Mapping } from './mapping.js';
import { LIVE_PROGRAM, type ProgramClock, programClock } from './program-clock.js';
import type { Row } from './row.js';
import type { Counter } from './tally.js';

export const MAX_IN_FLIGHT = 16;

export interface Playback {
  client: ApiClient;
  rows: AsyncIterable<Row>;
  mapping: Mapping;
  counter: Counter;
  /** Rows to send at most. */
  limit?: number;
  onRow?: () => void;
  /** Ends it between two rows. */
  signal?: AbortSignal;
}

/** Plays the rows to their end. Throws a `PlainFailure` where going on makes no sense. */
export async function play({ client, rows, mapping, counter, limit, onRow, signal }: Playback): Promise<void> {
  const clock = programClock(client);
  const flights = startFlights();
  let taken = 0;
  for await (const row of rows) {
    if (signal?.aborted || taken === limit) break;
    const mapped = 'problem' in row ? row : mapping(row.cells);
    if ('problem' in mapped) {
      // Nothing has been sent yet: a mapping that does not fit the first row is a mistake, not a bad row.
      if (taken === 0) throw new PlainFailure(`Row ${row.number}: ${mapped.problem}. Nothing was sent.`);
      counter.failed(row.number, mapped.problem);
      onRow?.();
    } else {
      if (taken === 0 && mapped.request.occurredAt === undefined) await refuseLiveProgram(client, mapped.request);
      await reach(mapped.request.occurredAt, clock, flights);
      await flights.launch(accountsOf(mapped.request), async () => {
        counter.answered(row.number, await decide(client, mapped.request));
        onRow?.();
      });
    }
    taken++;
  }
  await flights.landed();
}

/**
 * Where no clock is led, the first row itself must tell whether the program is live: a trial that records nothing, with
 * a header that only a test program takes.
 */
async function refuseLiveProgram(client: ApiClient, request: DecisionRequest): Promise<void> {
  const header = { 'pointguard-test-outcome': 'allow' };
  const answer = await client.call('POST', '/v1/decisions?dryRun=true', request, header);
  if (problemOf(answer).code === 'test.live_program') throw new PlainFailure(LIVE_PROGRAM);
}

/** Moves the clock to a later time, once all earlier rows are decided; a row of an earlier time is decided at the clock's. */
async function reach(occurredAt: string | undefined, clock: ProgramClock, flights: Flights): Promise<void> {
  if (occurredAt === undefined) return;
  const atMs = Date.parse(occurredAt);
  if (!clock.isBefore(atMs)) return;
  await flights.landed();
  await clock.moveTo(atMs);
}

async function decide(client: ApiClient, request: DecisionRequest): Promise<ApiAnswer> {
  const answer = await client.call('POST', '/v1/decisions', request);
  if (answer.status === 403)
    throw new PlainFailure(`This client may not ask for decisions: ${problemOf(answer).detail}`);
  return answer;
}

/** A transfer touches its receiver's limits, too. */
const accountsOf = (decision: DecisionRequest): readonly string[] =>
  [decision.accountId, decision.counterpartyAccountId].filter((account) => account !== undefined);

interface Flights {
  /** Starts the work as soon as there is room and no account of it is under way. Throws what earlier work threw. */
  launch(accounts: readonly string[], work: () => Promise<void>): Promise<void>;
  /** Waits for all. Throws what one of them threw. */
  landed(): Promise<void>;
}

function startFlights(): Flights {
  const inFlight = new Set<Promise<void>>();
  const busy = new Map<string, Promise<void>>();
  let failure: { error: unknown } | undefined;

  const check = () => {
    if (failure) throw failure.error;
  };
  return {
    async launch(accounts, work) {
      // Waiting at the head of the line keeps the file's order without a queue for each account.
      for (const account of accounts) while (busy.has(account)) await busy.get(account);
      while (inFlight.size >= MAX_IN_FLIGHT) await Promise.race(inFlight);
      check();
      const flight: Promise<void> = work()
        .catch((error: unknown) => {
          failure ??= { error };
        })
        .finally(() => {
          inFlight.delete(flight);
          for (const account of accounts) if (busy.get(account) === flight) busy.delete(account);
        });
      inFlight.add(flight);
      for (const account of accounts) busy.set(account, flight);
    },
    async landed() {
      await Promise.all(inFlight);
      check();
    },
  };
}
