/** What came of the rows. Its size does not depend on how many there were. */
import type { ApiAnswer } from '../api-client.js';
import { isRecord, problemOf } from '../api-client.js';

export const OUTCOMES = ['allow', 'challenge', 'review', 'deny'] as const;

/** Rows that went wrong and are shown; the rest are counted. */
const SHOWN_ERRORS = 5;
/** Reason codes are the policy's, a few dozen; more are not told apart. */
const MAX_REASONS = 500;

export interface Tally {
  rows: number;
  errors: number;
  /** The first rows that went wrong, as sentences. */
  errorSamples: readonly string[];
  outcomes: ReadonlyMap<string, number>;
  reasons: ReadonlyMap<string, { count: number; message: string }>;
  latency: LatencyHistogram;
}

export interface Counter extends Tally {
  /** Counts the answer to a row's decision. */
  answered(row: number, answer: ApiAnswer): void;
  /** Counts a row that was not answered by a decision. */
  failed(row: number, why: string): void;
}

export function startTally(): Counter {
  const outcomes = new Map<string, number>();
  const reasons = new Map<string, { count: number; message: string }>();
  const errorSamples: string[] = [];
  const counter: Counter = {
    rows: 0,
    errors: 0,
    errorSamples,
    outcomes,
    reasons,
    latency: new LatencyHistogram(),
    answered(row, answer) {
      if (answer.status !== 200 && answer.status !== 201) return counter.failed(row, whyRefused(answer));
      counter.rows++;
      counter.latency.add(answer.tookMs);
      if (!isRecord(answer.body)) return;
      const outcome = String(answer.body['outcome']);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      countReasons(reasons, answer.body['reasons']);
    },
    failed(row, why) {
      counter.rows++;
      counter.errors++;
      if (errorSamples.length < SHOWN_ERRORS) errorSamples.push(`row ${row}: ${why}`);
    },
  };
  return counter;
}

function countReasons(counts: Map<string, { count: number; message: string }>, reasons: unknown): void {
  if (!Array.isArray(reasons)) return;
  for (const reason of reasons.filter(isRecord)) {
    const code = String(reason['code']);
    const counted = counts.get(code);
    if (counted) counted.count++;
    else if (counts.size < MAX_REASONS)
      counts.set(code, { count: 1, message: typeof reason['message'] === 'string' ? reason['message'] : '' });
  }
}

function whyRefused(answer: ApiAnswer): string {
  const { code, detail } = problemOf(answer);
  const errors =
    isRecord(answer.body) && Array.isArray(answer.body['errors']) ? answer.body['errors'].filter(isRecord) : [];
  const fields = errors.map((error) => `${String(error['pointer'])} ${String(error['message'])}`).join('; ');
  return `${code}: ${fields || detail}`;
}

/** Latencies in buckets that grow by 2 %: any percentile to 1 % in 8 KiB, for any number of rows. */
export class LatencyHistogram {
  private readonly buckets = new Uint32Array(2048);
  private total = 0;

  add(ms: number): void {
    this.total++;
    const at = bucketOf(ms);
    this.buckets[at] = (this.buckets[at] ?? 0) + 1;
  }

  /** In ms; 0 where there is nothing. `share` from 0 to 1. */
  percentile(share: number): number {
    let before = 0;
    for (const [at, count] of this.buckets.entries()) {
      before += count;
      if (count > 0 && before >= share * this.total) return LEAST_MS * GROWTH ** (at + 0.5);
    }
    return 0;
  }
}

const LEAST_MS = 0.01;
const GROWTH = 1.02;
const bucketOf = (ms: number): number =>
  Math.min(2047, Math.max(0, Math.floor(Math.log(Math.max(ms, LEAST_MS) / LEAST_MS) / Math.log(GROWTH))));
