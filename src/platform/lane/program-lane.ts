import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { ServiceError } from '../../kernel/errors.js';
import type { Metrics } from '../telemetry/metrics.js';
import { attempt, wasCommitted } from './attempt.js';
import type { LaneConnections } from './lane-connections.js';
import { CommitUnknown, OutcomeOpen, Passing, passingCause, sqlStateOf } from './lane-errors.js';
import type { LaneCommand } from './lane.types.js';

const MOST_COMMANDS = 128;
const BACKGROUND_SHARE = 16;
/** A holder that keeps the lane so long is ended; whoever comes after him gets a quarter second more each time. */
const LOCK_PATIENCE_MS = 1500;
const LOCK_PATIENCE_AGAIN_MS = 250;
/** No answer at all for so long: the server or the way to it is gone, and the connection with it. */
const ATTEMPT_MS = 2500;
/** Doubled at each failure after the first. */
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 500;

export interface LaneOptions {
  connections: LaneConnections;
  metrics: Metrics;
  /** Default deadline of a command, ms. */
  deadlineMs: number;
  /** Commands of one program that may wait here; one more is refused before memory grows. */
  mostWaiting?: number;
  /** Told of what failed a command or a batch: for the log. */
  onError?: (error: unknown, what: string) => void;
}

interface Waiting {
  command: LaneCommand<unknown>;
  resolve(answer: unknown): void;
  reject(error: ServiceError): void;
  timer: NodeJS.Timeout;
  settled: boolean;
}

const waits = (entry: Waiting): boolean => !entry.settled;

const unavailable = (cause?: unknown): ServiceError =>
  new ServiceError(
    'record.unavailable',
    'The record did not answer in time; repeat with the same id.',
    { retryAfterSeconds: 1 },
    cause,
  );

/** One program's queue in this instance; at most one batch is under way. */
export class ProgramLane {
  private readonly queues: Record<LaneCommand<unknown>['priority'], Waiting[]> = { decision: [], background: [] };
  private waiting = 0;
  private running = false;
  private finished = () => {};
  private pauseMs = FIRST_PAUSE_MS;
  /** Until nothing waits here any more. */
  idle: Promise<void> = Promise.resolve();

  constructor(
    private readonly programId: number,
    private readonly instance: string,
    private readonly options: LaneOptions,
    private readonly onIdle: () => void,
  ) {}

  /** As `Lanes.submit`. */
  submit<A>(command: LaneCommand<A>, deadlineMs: number): Promise<A> {
    const { metrics, mostWaiting = 4096 } = this.options;
    if (this.waiting >= mostWaiting) {
      metrics.laneDropped.inc({ cause: 'overloaded' });
      const detail = 'Too many commands wait for this program.';
      return Promise.reject(new ServiceError('service.overloaded', detail, { retryAfterSeconds: 1 }));
    }
    return new Promise<A>((resolve, reject) => {
      const entry: Waiting = {
        command,
        resolve: (answer) => resolve(answer as A),
        reject,
        settled: false,
        timer: setTimeout(() => this.expire(entry), deadlineMs),
      };
      this.queues[command.priority].push(entry);
      this.count(1);
      this.start();
    });
  }

  private count(change: number): void {
    this.waiting += change;
    this.options.metrics.laneWaiting.set({ program: String(this.programId) }, this.waiting);
  }

  /** Past its deadline: dropped unapplied where it still waits; where its batch is under way, what comes of it is open. */
  private expire(entry: Waiting): void {
    this.options.metrics.laneDropped.inc({ cause: 'deadline' });
    this.settle(entry, () => entry.reject(unavailable()));
  }

  private settle(entry: Waiting, tell: () => void): void {
    if (entry.settled) return;
    entry.settled = true;
    clearTimeout(entry.timer);
    this.count(-1);
    tell();
  }

  private start(): void {
    if (this.running) return;
    this.running = true;
    this.idle = new Promise((resolve) => {
      this.finished = resolve;
    });
    // what arrives in this turn of the loop goes into the first batch
    setImmediate(() => void this.run());
  }

  private async run(): Promise<void> {
    for (let entries = this.take(); entries.length > 0; entries = this.take()) await this.runBatch(entries);
    this.running = false;
    this.onIdle();
    this.finished();
  }

  /** Decisions first, but never all: what can wait must not wait for ever. */
  private take(): Waiting[] {
    const { decision, background } = this.queues;
    const reserved = Math.min(background.length, BACKGROUND_SHARE);
    const entries = takeFrom(decision, MOST_COMMANDS - reserved);
    return [...entries, ...takeFrom(background, MOST_COMMANDS - entries.length)];
  }

  private putBack(entries: readonly Waiting[]): void {
    for (const entry of entries.toReversed()) this.queues[entry.command.priority].unshift(entry);
  }

  private async runBatch(entries: readonly Waiting[]): Promise<void> {
    // where the batch has no connection yet, nobody's deadline has passed in it
    const live: Waiting[] = [];
    try {
      const answers = await this.attempt(entries, live);
      this.pauseMs = FIRST_PAUSE_MS;
      for (const [index, entry] of live.entries()) {
        if (index < answers.length) this.settle(entry, () => entry.resolve(answers[index]));
      }
      this.putBack(live.slice(answers.length));
    } catch (error) {
      await this.recover(live.length > 0 ? live : entries, error);
    }
  }

  /** A passing fault: the whole batch again. A fault of data or code: halves, down to the command at fault. */
  private async recover(entries: readonly Waiting[], error: unknown): Promise<void> {
    const { metrics, onError } = this.options;
    const cause = passingCause(error);
    if (cause !== undefined) {
      metrics.laneRetries.inc({ cause });
      onError?.(error, 'batch tried again');
      await this.pause();
      this.putBack(entries.filter(waits));
      return;
    }
    if (error instanceof OutcomeOpen) {
      onError?.(error, 'batch neither answered nor tried again');
      for (const entry of entries) this.settle(entry, () => entry.reject(unavailable(error)));
      return;
    }
    const [only] = entries;
    if (entries.length === 1 && only) {
      onError?.(error, `command ${only.command.name} failed`);
      const failed = new ServiceError('internal.error', 'The command could not be carried out.', {}, error);
      this.settle(only, () => only.reject(failed));
      return;
    }
    metrics.laneRetries.inc({ cause: 'halved' });
    const middle = Math.ceil(entries.length / 2);
    await this.runBatch(entries.slice(0, middle));
    await this.runBatch(entries.slice(middle));
  }

  private async pause(): Promise<void> {
    await sleep(this.pauseMs);
    this.pauseMs = Math.min(this.pauseMs * 2, LONGEST_PAUSE_MS);
  }

  /** Answers for those of `entries` who still wait when there is a connection; they are put into `live`. */
  private async attempt(entries: readonly Waiting[], live: Waiting[]): Promise<unknown[]> {
    try {
      return await this.withConnection(async (client, locked) => {
        live.push(...entries.filter(waits));
        if (live.length === 0) return [];
        return await this.attemptOn(client, live, locked);
      });
    } catch (error) {
      if (!(error instanceof CommitUnknown)) throw error;
      return await this.resolve(error, live);
    }
  }

  private async attemptOn(client: pg.Client, live: readonly Waiting[], locked: () => void): Promise<unknown[]> {
    const { programId, instance } = this;
    const { metrics } = this.options;
    metrics.laneBatchCommands.observe(live.length);
    const endOfLock = metrics.laneLockSeconds.startTimer();
    const endOfBatch = metrics.laneBatchSeconds.startTimer();
    try {
      return await attempt({
        client,
        programId,
        instance,
        commands: live.map((entry) => entry.command),
        locked: (aheadMs) => {
          locked();
          endOfLock();
          metrics.laneAheadSeconds.set({ program: String(programId) }, aheadMs / 1000);
        },
      });
    } finally {
      endOfBatch();
    }
  }

  /** Asks the record what became of a batch whose commit got no answer, for as long as somebody waits for it. */
  private async resolve(unknown: CommitUnknown, entries: readonly Waiting[]): Promise<unknown[]> {
    while (entries.some(waits)) {
      let committed: boolean;
      try {
        committed = await this.withConnection((client, locked) =>
          wasCommitted(client, this.programId, this.instance, unknown.batch).finally(locked),
        );
      } catch (error) {
        // whatever kept us from asking, to apply the batch anew without an answer could apply it twice
        if (error instanceof OutcomeOpen) throw error;
        this.options.onError?.(error, 'commit still unknown');
        await this.pause();
        continue;
      }
      if (committed) return unknown.answers;
      throw new Passing('not_committed', unknown);
    }
    throw new OutcomeOpen('nobody waits for the batch any more', { cause: unknown });
  }

  /** Runs work on a connection: a holder that keeps us waiting is ended, a connection that fails or hangs is destroyed. */
  private async withConnection<T>(work: (client: pg.Client, locked: () => void) => Promise<T>): Promise<T> {
    const { connections } = this.options;
    const client = await connections.take().catch((error: unknown) => {
      throw new Passing('no_connection', error);
    });
    const stopEnding = this.endHolders(client);
    const hung = setTimeout(() => connections.destroy(client), ATTEMPT_MS);
    try {
      return await work(client, stopEnding);
    } catch (error) {
      const lost = !connections.isOpen(client);
      // whatever state the transaction is in, the connection's end ends it
      connections.destroy(client);
      throw lost && !isKnown(error) ? new Passing('connection_lost', error) : error;
    } finally {
      stopEnding();
      clearTimeout(hung);
      connections.give(client);
    }
  }

  /** Ends who holds the lane for too long while we wait, until it is ours. Answers how to stop. */
  private endHolders(client: pg.Client): () => void {
    const { connections, onError } = this.options;
    const pid = (client as unknown as { processID: number }).processID;
    const end = () => {
      connections.endHolder(pid).catch((error: unknown) => onError?.(error, 'holder of the lane not ended'));
      timer = setTimeout(end, LOCK_PATIENCE_AGAIN_MS);
    };
    let timer = setTimeout(end, LOCK_PATIENCE_MS);
    return () => clearTimeout(timer);
  }
}

function takeFrom(queue: Waiting[], most: number): Waiting[] {
  const entries: Waiting[] = [];
  while (entries.length < most && queue.length > 0) {
    const entry = queue.shift();
    if (entry && waits(entry)) entries.push(entry);
  }
  return entries;
}

/** An error that says itself what happened, so that the loss of the connection adds nothing. */
const isKnown = (error: unknown): boolean =>
  error instanceof CommitUnknown || error instanceof OutcomeOpen || sqlStateOf(error) !== undefined;
