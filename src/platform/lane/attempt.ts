import type pg from 'pg';
import { BatchState, laneRowOf } from './batch.js';
import type { LaneCommand, LaneTransaction, Row, Statement } from './lane.types.js';

const BEGIN = 'begin isolation level read committed';
/** Of a table of its own and without blocking foreign keys. Two statements: one would read with a snapshot from before the wait. */
const LOCK: Statement = { name: 'lane_lock', text: 'select 1 from lane where program_id = $1 for no key update' };
const READ: Statement = {
  name: 'lane_read',
  // clock_timestamp() here, in the load: in the locking statement it would be from before the wait
  text: `select seq, batch, now_ms, clock_ms, began, committed, heads,
    floor(extract(epoch from clock_timestamp()) * 1000)::bigint as record_now_ms from lane where program_id = $1`,
};
const CLOSE: Statement = {
  name: 'lane_close',
  text: `update lane set seq = $2, batch = $3, now_ms = $4, clock_ms = $5, began = $6, committed = $7, heads = $8
    where program_id = $1`,
};
const MOST_LOADS = 4;
const MOST_WORK_MS = 10;

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

const transactionOf = (client: pg.Client): LaneTransaction => ({
  query: async (statement, values) => {
    const result = await client.query<Row>({ ...statement, values });
    return result.rows;
  },
});

/** SQLSTATE of an error, or undefined where it is none of PostgreSQL's. */
export const sqlStateOf = (error: unknown): string | undefined => {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
};

export interface Attempt {
  client: pg.Client;
  programId: number;
  instance: string;
  commands: readonly LaneCommand<unknown>[];
  /** Called when lock and load are there. */
  locked?: () => void;
}

/**
 * One transaction: lock, load, step, write, commit. Answers the commands' answers in order; fewer than there are
 * commands where their work took longer than a batch may. Throws what went wrong; nothing is committed then, but for
 * `CommitUnknown`.
 */
export async function attempt({ client, programId, instance, commands, locked }: Attempt): Promise<unknown[]> {
  const batch = await lockAndLoad(client, programId, commands);
  locked?.();
  const answers = step(batch, commands);
  const transaction = transactionOf(client);
  const writes = batch.write(transaction);
  if (writes.length === 0 && !batch.laneChanged) {
    await client.query('rollback');
    return answers;
  }
  const closing = batch.closing(instance);
  writes.push(
    transaction.query(CLOSE, [
      programId,
      closing.seq,
      closing.batch,
      closing.nowMs,
      closing.clockMs,
      closing.began,
      JSON.stringify(closing.committed),
      JSON.stringify(closing.heads),
    ]),
  );
  const commit = client.query('commit');
  try {
    const [tag] = await Promise.all([commit, ...writes]);
    // a pipelined COMMIT of a failed transaction answers without an error, with the tag ROLLBACK
    if (tag.command !== 'COMMIT') throw new Error(`the transaction ended with ${tag.command}`);
  } catch (error) {
    await Promise.allSettled([commit, ...writes]);
    if (connectionLost(error)) throw new CommitUnknown(closing.batch, answers, error);
    throw error;
  }
  return answers;
}

async function lockAndLoad(
  client: pg.Client,
  programId: number,
  commands: readonly LaneCommand<unknown>[],
): Promise<BatchState> {
  const transaction = transactionOf(client);
  const batch = new BatchState(programId);
  for (const command of commands) command.needs(batch);
  const [, lock, [lane]] = await Promise.all([
    client.query(BEGIN),
    transaction.query(LOCK, [programId]),
    transaction.query(READ, [programId]),
    ...batch.load(transaction),
  ]);
  if (lock.length === 0 || !lane) throw new Error(`program ${programId} has no lane`);
  batch.begin(laneRowOf(lane));
  for (let loads = 1; ; loads++) {
    for (const command of commands) command.needs(batch);
    const more = batch.load(transaction);
    if (more.length === 0) return batch;
    if (loads === MOST_LOADS) throw new Error('the rows of a command name rows without end');
    await Promise.all(more);
  }
}

function step(batch: BatchState, commands: readonly LaneCommand<unknown>[]): unknown[] {
  const end = performance.now() + MOST_WORK_MS;
  const answers: unknown[] = [];
  for (const command of commands) {
    answers.push(command.step(batch));
    if (performance.now() > end) break;
  }
  return answers;
}

/**
 * Takes the lock, after which the old transaction is certainly over, and reads whether this instance's batch is in.
 * @returns true where the batch was committed
 */
export async function wasCommitted(client: pg.Client, programId: number, instance: string, batch: number) {
  const transaction = transactionOf(client);
  const [, , [lane]] = await Promise.all([
    client.query(BEGIN),
    transaction.query(LOCK, [programId]),
    transaction.query(READ, [programId]),
    client.query('rollback'),
  ]);
  return lane !== undefined && laneRowOf(lane).committed[instance] === batch;
}

const LOST = /terminated|ECONN|EPIPE|ENOENT|timeout|closed|destroyed|not queryable|socket/i;

/** Whether an error says that the connection is gone, so that the fate of what was sent is open. */
export function connectionLost(error: unknown): boolean {
  const state = sqlStateOf(error);
  if (state !== undefined) return state.startsWith('08') || state.startsWith('57P') || state === '25P03';
  return error instanceof Error && (LOST.test(error.message) || LOST.test((error as NodeJS.ErrnoException).code ?? ''));
}
