import type { Batch, LaneTransaction, Row, Slice } from './lane.types.js';

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

  nextSeq(): number {
    this.changed = true;
    return ++this.lane.seq;
  }

  head<T>(name: string): T | undefined {
    return this.row?.heads[name] as T | undefined;
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
    let state = this.states.get(slice as Slice<unknown>) as S | undefined;
    if (state === undefined) {
      state = slice.open(this);
      this.states.set(slice as Slice<unknown>, state);
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
    return [...this.states].map(([slice, state]) => send(slice, state)).filter((sent) => sent !== undefined);
  }

  get laneChanged(): boolean {
    return this.changed;
  }

  /** The lane row as this batch leaves it; `instance` is who must find it after a lost answer. */
  closing(instance: string): LaneRow {
    const batch = this.lane.batch + 1;
    const committed = Object.fromEntries(
      // whoever committed so many batches ago no longer waits to hear of it
      Object.entries(this.lane.committed).filter(([, last]) => last > batch - 10_000),
    );
    return { ...this.lane, batch, nowMs: this.nowMs, committed: { ...committed, [instance]: batch } };
  }
}
