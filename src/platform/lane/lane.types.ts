/**
 * The lane: the single file in which a program's changes happen, one batch at a time (docs/architecture.md, ADR 0001).
 *
 * A module gives the lane slices of state and commands over them. A batch is one transaction:
 *   lock the lane row · load what the commands need · step each command in order (pure, in memory) · write · commit
 * and only then does any caller get an answer. The lane knows no module.
 */

/** A statement that is prepared once a connection under its name. */
export interface Statement {
  name: string;
  text: string;
}

export type Row = Record<string, string | null>;

/** One round trip's worth of statements: they are sent at once, their answers come together. */
export interface LaneTransaction {
  query(statement: Statement, values: unknown[]): Promise<Row[]>;
}

/**
 * A part of a program's state, owned by one module. `open` makes the empty state of one batch; commands name rows on
 * it (`needs`); `load` sends the queries for what was named and is not there yet, or answers undefined; `write` sends
 * the changes, each row once, in its last form.
 */
export interface Slice<S> {
  readonly name: string;
  open(batch: Batch): S;
  load?(state: S, transaction: LaneTransaction, batch: Batch): Promise<unknown> | undefined;
  write?(state: S, transaction: LaneTransaction, batch: Batch): Promise<unknown> | undefined;
}

export interface Batch {
  readonly programId: number;
  /** Time of the batch, ms of the program's clock: read under the lock, never going back. Unknown (NaN) before the load. */
  readonly nowMs: number;
  /** Time of the record's own clock, ms; differs from nowMs where a test program's clock was put elsewhere. */
  readonly recordNowMs: number;
  /** The number of the next event; takes it. Gapless within the program. */
  nextSeq(): number;
  /** What a module keeps in the lane row itself, by slice name: an audit head, the active policy's version. */
  head(name: string): unknown;
  setHead(name: string, value: unknown): void;
  /** Where a test program's clock stands; null: it is the record's. */
  clockMs: number | null;
  /** Whether a transaction was ever recorded: from then on the clock only goes forward. */
  began: boolean;
  /** The batch's state of a slice; made on first use. */
  use<S>(slice: Slice<S>): S;
}

export interface LaneCommand<A> {
  /** For metrics; no ids in it. */
  readonly name: string;
  /** Decisions go before what can wait. */
  readonly priority: 'decision' | 'background';
  /** Names the rows that the command needs; called again after each load, so that rows can name rows. */
  needs(batch: Batch): void;
  /** Applies the command to the state in memory and answers; an expected failure is an answer. Throws only on a defect. */
  step(batch: Batch): A;
}

export interface Lanes {
  /**
   * Queues a command and answers when its batch is committed. Throws ServiceError `service.overloaded` where too much
   * waits (nothing happened) and `record.unavailable` past the deadline (whether it happened is open).
   */
  submit<A>(programId: number, command: LaneCommand<A>, deadlineMs?: number): Promise<A>;
}

/** The lane of people, clients and programs themselves. */
export const SYSTEM_PROGRAM_ID = 0;
