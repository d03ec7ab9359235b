import type pg from 'pg';
import { BatchState, COMMITTED_KEPT_BATCHES, laneRowOf } from './batch.js';
import { CommitUnknown, OutcomeOpen, provesAbort, tellingOf } from './lane-errors.js';
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

/** Sends at once. A promise that nobody comes to wait for, since its neighbour threw, must not end the process. */
function sent<T>(answer: Promise<T>): Promise<T> {
  answer.catch(() => undefined);
  return answer;
}

const transactionOf = (client: pg.Client): LaneTransaction => ({
  query(statement, values) {
    // the driver finds such a value only when what follows is on its way, COMMIT included
    if (!values.every(isSendable)) throw new TypeError(`a value of ${statement.name} cannot be sent`);
    return sent(client.query<Row>({ ...statement, values }).then((result) => result.rows));
  },
});

const isSendable = (value: unknown): boolean =>
  value === null || typeof value !== 'object' ? typeof value !== 'symbol' : Buffer.isBuffer(value);

/** All answers, in order; waits for the last one before it throws the error that tells most. */
async function allOf<T>(answers: readonly Promise<T>[]): Promise<T[]> {
  const settled = await Promise.allSettled(answers);
  const error = tellingOf(settled);
  if (error !== undefined) throw error;
  return settled.map((one) => (one as PromiseFulfilledResult<T>).value);
}

export interface Attempt {
  client: pg.Client;
  programId: number;
  instance: string;
  commands: readonly LaneCommand<unknown>[];
  /** Called when lock and load are there, with how far the program's time is ahead of the record's clock, ms. */
  locked?: (aheadMs: number) => void;
}

/**
 * One transaction: lock, load, step, write, commit. Answers the commands' answers in order; fewer than there are
 * commands where their work took longer than a batch may. Throws what went wrong; nothing is committed then, but for
 * `CommitUnknown` and `OutcomeOpen`. After an error the connection is good for nothing but its end.
 */
export async function attempt({ client, programId, instance, commands, locked }: Attempt): Promise<unknown[]> {
  const batch = await lockAndLoad(client, programId, commands);
  locked?.(batch.aheadMs);
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
  await commit(client, writes, (error) => new CommitUnknown(closing.batch, answers, error));
  return answers;
}

/** Commits behind the writes, in the same round trip. */
async function commit(
  client: pg.Client,
  writes: readonly Promise<unknown>[],
  unknown: (error: unknown) => CommitUnknown,
): Promise<void> {
  const [[ended], written] = await Promise.all([
    Promise.allSettled([client.query('commit')]),
    Promise.allSettled(writes),
  ]);
  if (ended.status === 'rejected') throw provesAbort(ended.reason) ? ended.reason : unknown(ended.reason);
  const error = tellingOf(written);
  // the COMMIT of a failed transaction answers without an error, with the tag ROLLBACK
  if (ended.value.command !== 'COMMIT') throw error ?? new Error(`the transaction ended with ${ended.value.command}`);
  if (error !== undefined) throw new OutcomeOpen('a write failed, and the rest was committed', { cause: error });
}

async function lockAndLoad(
  client: pg.Client,
  programId: number,
  commands: readonly LaneCommand<unknown>[],
): Promise<BatchState> {
  const transaction = transactionOf(client);
  const batch = new BatchState(programId);
  for (const command of commands) command.needs(batch);
  const begun = sent(client.query(BEGIN));
  const lock = transaction.query(LOCK, [programId]);
  const read = transaction.query(READ, [programId]);
  await allOf<unknown>([begun, lock, read, ...batch.load(transaction)]);
  const [lane] = await read;
  // a row that is not there locks nothing
  if ((await lock).length === 0 || !lane) throw new Error(`program ${programId} has no lane`);
  batch.begin(laneRowOf(lane));
  for (let loads = 1; ; loads++) {
    for (const command of commands) command.needs(batch);
    const more = batch.load(transaction);
    if (more.length === 0) return batch;
    if (loads === MOST_LOADS) throw new Error('the rows of a command name rows without end');
    await allOf(more);
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
  const begun = sent(client.query(BEGIN));
  const lock = transaction.query(LOCK, [programId]);
  const read = transaction.query(READ, [programId]);
  await allOf<unknown>([begun, lock, read, client.query('rollback')]);
  const [row] = await read;
  if (!row) throw new Error(`program ${programId} has no lane`);
  const lane = laneRowOf(row);
  if (lane.committed[instance] === batch) return true;
  if (lane.batch - batch >= COMMITTED_KEPT_BATCHES) throw new OutcomeOpen('too many batches have come since');
  return false;
}
