/** The clock of a test program, led from outside. It only goes forward (API.md §1). */
import { type ApiAnswer, type ApiClient, isRecord, problemOf } from '../api-client.js';
import { PlainFailure } from '../plain-failure.js';
import { parseTimeMs } from './times.js';

export const LIVE_PROGRAM = 'This client belongs to a live program; a test program is needed, whose clock can be led.';
const PATH = '/v1/test/clock';

export interface ProgramClock {
  /** Where it stands, as far as is known: -Infinity before the first `moveTo`. */
  readonly nowMs: number;
  /** Whether `moveTo` would move it. */
  isBefore(atMs: number): boolean;
  /** Puts the clock there; a clock that is already past stays, and is known from then on. Throws a `PlainFailure`. */
  moveTo(atMs: number): Promise<void>;
}

export function programClock(client: ApiClient): ProgramClock {
  let nowMs = Number.NEGATIVE_INFINITY;
  return {
    get nowMs() {
      return nowMs;
    },
    isBefore: (atMs) => nowMs < atMs,
    async moveTo(atMs) {
      const answer = await client.call('POST', PATH, { now: new Date(atMs).toISOString() });
      if (problemOf(answer).code !== 'test.clock_backwards') {
        nowMs = timeIn(answer);
        return;
      }
      // A file replayed for the second time: its transactions are known, and the clock is past them.
      nowMs = timeIn(await client.call('POST', PATH, { advance: 'PT0S' }));
    },
  };
}

function timeIn(answer: ApiAnswer): number {
  const now = isRecord(answer.body) ? answer.body['now'] : undefined;
  const atMs = typeof now === 'string' ? parseTimeMs(now) : undefined;
  if (answer.status === 200 && atMs !== undefined) return atMs;
  const { code, detail } = problemOf(answer);
  if (code === 'test.live_program') {
    throw new PlainFailure(LIVE_PROGRAM);
  }
  throw new PlainFailure(`The clock of the program cannot be set: ${detail} (${code}).`);
}
