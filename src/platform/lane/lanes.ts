import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { ServiceError } from '../../kernel/errors.js';
import type { Metrics } from '../telemetry/metrics.js';
import { attempt, CommitUnknown, connectionLost, sqlStateOf, wasCommitted } from './attempt.js';
import type { LaneConnections } from './lane-connections.js';
import type { LaneCommand, Lanes } from './lane.types.js';

const MOST_COMMANDS = 128;
const BACKGROUND_SHARE = 16;
const LOCK_PATIENCE_MS = 1500;
/** No answer at all for so long: the server or the way to it is gone, and the connection with it. */
const ATTEMPT_MS = 2500;
const RETRY_PAUSE_MS = 20;

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

/** The lanes of all programs, as this instance sees them. `drain` ends them: nothing new is taken, what waits is done. */
export interface RunningLanes extends Lanes {
  drain(): Promise<void>;
}

export function openLanes(options: LaneOptions): RunningLanes {
  const instance = randomUUID();
  const lanes = new Map<number, ProgramLane>();
  let draining = false;
  return {
    submit<A>(programId: number, command: LaneCommand<A>, deadlineMs = options.deadlineMs): Promise<A> {
      if (draining)
        return Promise.reject(
          new ServiceError('service.overloaded', 'The service is stopping.', { retryAfterSeconds: 1 }),
        );
      let lane = lanes.get(programId);
      if (!lane) {
        lane = new ProgramLane(programId, instance, options, () => lanes.delete(programId));
        lanes.set(programId, lane);
      }
      return lane.submit(command, deadlineMs) as Promise<A>;
    },
    async drain() {
      draining = true;
      await Promise.all([...lanes.values()].map((lane) => lane.idle));
    },
  };
}

/** One program's queue in this instance; at most one batch is under way. */
class ProgramLane {
  private readonly queues: Record<LaneCommand<unknown>['priority'], Waiting[]> = { decision: [], background: [] };
  private waiting = 0;
  private running = false;
  private finished = () => {};
  idle: Promise<void> = Promise.resolve();

  constructor(
    private readonly programId: number,
    private readonly instance: string,
    private readonly options: LaneOptions,
    private readonly onIdle: () => void,
  ) {}

  submit(command: LaneCommand<unknown>, deadlineMs: number): Promise<unknown> {
    const { metrics, mostWaiting = 4096 } = this.options;
    if (this.waiting >= mostWaiting) {
      metrics.laneDropped.inc({ cause: 'overloaded' });
      return Promise.reject(
        new ServiceError('service.overloaded', 'Too many commands wait for this program.', { retryAfterSeconds: 1 }),
      );
    }
    return new Promise((resolve, reject) => {
      const entry: Waiting = {
        command,
        resolve,
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
    this.settle(entry, () =>
      entry.reject(
        new ServiceError('record.unavailable', 'The record did not answer in time; repeat with the same id.', {
          retryAfterSeconds: 1,
        }),
      ),
    );
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
    try {
      const answers = await this.attempt(entries);
      for (const [index, entry] of entries.entries()) {
        if (index < answers.length) this.settle(entry, () => entry.resolve(answers[index]));
      }
      this.putBack(entries.slice(answers.length));
    } catch (error) {
      await this.recover(entries, error);
    }
  }

  /** A passing fault: the whole batch again. A fault of data or code: halves, down to the command at fault. */
  private async recover(entries: readonly Waiting[], error: unknown): Promise<void> {
    const { metrics, onError } = this.options;
    if (isPassing(error)) {
      metrics.laneRetries.inc({ cause: sqlStateOf(error) ?? 'connection' });
      onError?.(error, 'batch tried again');
      await new Promise((resolve) => setTimeout(resolve, RETRY_PAUSE_MS));
      this.putBack(entries.filter((entry) => !entry.settled));
      return;
    }
    const [only] = entries;
    if (entries.length === 1 && only) {
      onError?.(error, `command ${only.command.name} failed`);
      this.settle(only, () =>
        only.reject(new ServiceError('internal.error', 'The command could not be carried out.', {}, error)),
      );
      return;
    }
    metrics.laneRetries.inc({ cause: 'halved' });
    const middle = Math.ceil(entries.length / 2);
    await this.runBatch(entries.slice(0, middle));
    await this.runBatch(entries.slice(middle));
  }

  private async attempt(entries: readonly Waiting[]): Promise<unknown[]> {
    const { metrics } = this.options;
    metrics.laneBatchCommands.observe(entries.length);
    const started = performance.now();
    const commands = entries.map((entry) => entry.command);
    try {
      return await this.withConnection(async (client, locked) =>
        attempt({
          client,
          programId: this.programId,
          instance: this.instance,
          commands,
          locked: () => {
            locked();
            metrics.laneLockSeconds.observe((performance.now() - started) / 1000);
          },
        }),
      );
    } catch (error) {
      if (!(error instanceof CommitUnknown)) throw error;
      return await this.resolve(error, entries);
    } finally {
      metrics.laneBatchSeconds.observe((performance.now() - started) / 1000);
    }
  }

  /** Asks the record what became of a batch whose commit got no answer, for as long as somebody waits for it. */
  private async resolve(unknown: CommitUnknown, entries: readonly Waiting[]): Promise<unknown[]> {
    for (;;) {
      try {
        const committed = await this.withConnection((client, locked) =>
          wasCommitted(client, this.programId, this.instance, unknown.batch).finally(locked),
        );
        if (committed) return unknown.answers;
        throw new RetryBatch();
      } catch (error) {
        if (error instanceof RetryBatch || !isPassing(error)) throw error;
        if (entries.every((entry) => entry.settled)) throw error;
        this.options.onError?.(error, 'commit still unknown');
        await new Promise((resolve) => setTimeout(resolve, RETRY_PAUSE_MS));
      }
    }
  }

  /** Runs work on a connection: a holder that keeps us waiting is ended, a connection that fails or hangs is destroyed. */
  private async withConnection<T>(work: (client: pg.Client, locked: () => void) => Promise<T>): Promise<T> {
    const { connections, onError } = this.options;
    const client = await connections.take();
    const pid = (client as unknown as { processID: number }).processID;
    const patience = setTimeout(() => {
      connections.endHolder(pid).catch((error: unknown) => onError?.(error, 'holder of the lane not ended'));
    }, LOCK_PATIENCE_MS);
    const hung = setTimeout(() => connections.destroy(client), ATTEMPT_MS);
    try {
      const result = await work(client, () => clearTimeout(patience));
      connections.give(client);
      return result;
    } catch (error) {
      // whatever state the transaction is in, the connection's end ends it
      connections.destroy(client);
      throw error;
    } finally {
      clearTimeout(patience);
      clearTimeout(hung);
    }
  }
}

function takeFrom(queue: Waiting[], most: number): Waiting[] {
  const entries: Waiting[] = [];
  while (entries.length < most && queue.length > 0) {
    const entry = queue.shift();
    if (entry && !entry.settled) entries.push(entry);
  }
  return entries;
}

/** The record said that the batch is not in: it is queued again. */
class RetryBatch extends Error {}

const PASSING_CLASSES = new Set(['08', '40', '53', '55', '57', '25']);

function isPassing(error: unknown): boolean {
  if (error instanceof RetryBatch || connectionLost(error)) return true;
  return PASSING_CLASSES.has(sqlStateOf(error)?.slice(0, 2) ?? '');
}
