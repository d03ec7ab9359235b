import type { Batch, LaneTransaction, Row, Slice } from './lane.types.js';

/** How many batches of a program the lane row remembers an instance's last one; past that nobody waits to hear of it. */
export const COMMITTED_KEPT_BATCHES = 10_000;

/** The lane row as it was read under the lock. */
export interface LaneRow {
  seq: number;
  batch: number;
  nowMs: number;
  clockMs: number | null;
  began: boolean;
  committed: Record<string, number>;
  heads: Record<string, unknown>;
  recordNowMs: number;
}

export function laneRowOf(row: Row): LaneRow {
  return {
    seq: Number(row.seq),
    batch: Number(row.batch),
    nowMs: Number(row.now_ms),
    clockMs: row.clock_ms == null ? null : Number(row.clock_ms),
    began: row.began === 't',
    committed: JSON.parse(row.committed ?? '{}'),
    heads: JSON.parse(row.heads ?? '{}'),
    recordNowMs: Number(row.record_now_ms),
  };
}

/** State of one attempt at a batch: thrown away where the attempt fails, so that a step may change it in place. */
export class BatchState implements Batch {
  private row: LaneRow | undefined;
  private changed = false;
  private readonly states = new Map<Slice<unknown>, unknown>();

  constructor(readonly programId: number) {}

  /** The lane row is known: from now on there is a time. */
  begin(row: LaneRow): void {
    this.row = row;
  }

  private get lane(): LaneRow {
    if (!this.row) throw new Error('the batch has no lock yet');
    return this.row;
  }

  get nowMs(): number {
    return this.row ? (this.row.clockMs ?? Math.max(this.row.nowMs, this.row.recordNowMs)) : Number.NaN;
  }

  get recordNowMs(): number {
    return this.row?.recordNowMs ?? Number.NaN;
  }

  /** How far time stands ahead of the record's clock, ms: more than 0 after that clock was put back. */
  get aheadMs(): number {
    return this.lane.clockMs === null ? Math.max(0, this.lane.nowMs - this.lane.recordNowMs) : 0;
  }

  nextSeq(): number {
    this.changed = true;
    return ++this.lane.seq;
  }

  head(name: string): unknown {
    return this.row?.heads[name];
  }

  setHead(name: string, value: unknown): void {
    this.changed = true;
    this.lane.heads[name] = value;
  }

  get clockMs(): number | null {
    return this.lane.clockMs;
  }
  set clockMs(value: number | null) {
    this.changed = true;
    this.lane.clockMs = value;
  }

  get began(): boolean {
    return this.lane.began;
  }
  set began(value: boolean) {
    if (this.lane.began === value) return;
    this.changed = true;
    this.lane.began = value;
  }

  use<S>(slice: Slice<S>): S {
    let state = this.states.get(slice) as S | undefined;
    if (state === undefined) {
      state = slice.open(this);
      this.states.set(slice, state);
    }
    return state;
  }

  /** Sends the queries for all rows that were named and are not there yet. */
  load(transaction: LaneTransaction): Promise<unknown>[] {
    return this.each((slice, state) => slice.load?.(state, transaction, this));
  }

  /** Sends all changes; none where the commands changed nothing. */
  write(transaction: LaneTransaction): Promise<unknown>[] {
    return this.each((slice, state) => slice.write?.(state, transaction, this));
  }

  private each(send: (slice: Slice<unknown>, state: unknown) => Promise<unknown> | undefined): Promise<unknown>[] {
    const sent: Promise<unknown>[] = [];
    for (const [slice, state] of this.states) {
      const answer = send(slice, state);
      if (!answer) continue;
      // where a later slice throws nobody waits for this one, and its failure must not end the process
      answer.catch(() => undefined);
      sent.push(answer);
    }
    return sent;
  }

  get laneChanged(): boolean {
    return this.changed;
  }

  /** The lane row as this batch leaves it; `instance` is who must find it after a lost answer. */
  closing(instance: string): LaneRow {
    const batch = this.lane.batch + 1;
    const committed = Object.fromEntries(
      Object.entries(this.lane.committed).filter(([, last]) => last > batch - COMMITTED_KEPT_BATCHES),
    );
    return { ...this.lane, batch, nowMs: this.nowMs, committed: { ...committed, [instance]: batch } };
  }
}
