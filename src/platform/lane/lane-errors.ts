/** What can go wrong with a batch, by what is to be done about it. */
import { DatabaseError } from 'pg';

/** The answer to COMMIT was lost: whether this batch was committed is for the record to say. */
export class CommitUnknown extends Error {
  constructor(
    readonly batch: number,
    readonly answers: unknown[],
    cause: unknown,
  ) {
    super('the answer to COMMIT was lost', { cause });
  }
}

/** Not even the record can say what became of the batch: it is neither answered nor tried again. */
export class OutcomeOpen extends Error {}

/** Nothing happened, and nobody is at fault: the batch is tried again. `why` is for metrics. */
export class Passing extends Error {
  constructor(
    readonly why: 'no_connection' | 'connection_lost' | 'not_committed',
    cause?: unknown,
  ) {
    super(`tried again: ${why}`, { cause });
  }
}

/** SQLSTATE of an error, or undefined where it is none of PostgreSQL's. Not by its form: EPIPE would look like one. */
export const sqlStateOf = (error: unknown): string | undefined =>
  error instanceof DatabaseError ? error.code : undefined;

const ABORTED = '25P02';
/** Connection, concurrency, resources, locks, operator. */
const PASSING_CLASSES = new Set(['08', '40', '53', '55', '57']);
/** Ended as idle or as too long, and a primary that is none any more. */
const PASSING_STATES = new Set(['25P03', '25P04', '25006']);

/** What to count a retry of the whole batch under, or undefined where the fault is one of data or code. */
export function passingCause(error: unknown): string | undefined {
  if (error instanceof Passing) return error.why;
  const state = sqlStateOf(error);
  if (state === undefined) return undefined;
  return PASSING_CLASSES.has(state.slice(0, 2)) || PASSING_STATES.has(state) ? state : undefined;
}

/** Errors that COMMIT itself can bring and that say that there was none: constraints put off to the end, conflicts. */
const ABORT_CLASSES = new Set(['22', '23', '40', '44', 'P0']);

/** Whether an answer to COMMIT is proof that nothing was committed. Any other error leaves it open. */
export const provesAbort = (error: unknown): boolean => ABORT_CLASSES.has(sqlStateOf(error)?.slice(0, 2) ?? '');

/**
 * The error that says what happened. After the first failure of a transaction everything else fails for that reason
 * alone, and may be heard of first.
 */
export function tellingOf(settled: readonly PromiseSettledResult<unknown>[]): unknown {
  const errors = settled.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
  return errors.find((error) => sqlStateOf(error) !== ABORTED) ?? errors[0];
}
