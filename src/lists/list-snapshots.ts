/** Lists of programs as this process knows them: good for as long as the version in the lane row is theirs. */
import type { ActiveEntry } from './core/list-entry.js';
import { ListIndex } from './core/list-index.js';

/** An entry that was added or removed. */
export interface EntryChange {
  entry: ActiveEntry;
  removed: boolean;
}

const REMOVE_EXPIRED_EVERY_MS = 3_600_000;

export class ListSnapshot {
  readonly index = new ListIndex();

  /**
   * @param version of the program's lists whose changes are all in it
   * @param completeFromMs what had expired by then is not in it: before that time it cannot be used
   */
  constructor(
    private at: number,
    private completeFromMs: number,
  ) {}

  get version(): number {
    return this.at;
  }

  /** Whether it can be brought to that version and used at that time. Time goes back where a test program's clock does. */
  servesAt(version: number, nowMs: number): boolean {
    return this.at <= version && this.completeFromMs <= nowMs;
  }

  /** Takes in entries that are not removed, in as many parts as they come. */
  takeIn(entries: readonly ActiveEntry[]): void {
    for (const entry of entries) this.index.add(entry);
  }

  /** Brings it from one version to another. What was read for another version than it has by now is dropped. */
  advance(from: number, to: number, changes: readonly EntryChange[], nowMs: number): void {
    if (this.at !== from) return;
    for (const { entry, removed } of changes) {
      if (removed) this.index.remove(entry.entryId);
      else this.index.add(entry);
    }
    this.at = to;
    this.removeExpired(nowMs, REMOVE_EXPIRED_EVERY_MS);
  }

  /** Looks at every entry, so it is done at most once in `everyMs`. */
  removeExpired(nowMs: number, everyMs: number): void {
    if (nowMs < this.completeFromMs + everyMs) return;
    this.index.removeExpired(nowMs);
    this.completeFromMs = nowMs;
  }
}

/** Of one process, some 400 bytes each. Programs that were not asked for longest go first. */
const MOST_ENTRIES = 1_000_000;
const MOST_PROGRAMS = 10_000;

export interface ListSnapshots {
  get(programId: number): ListSnapshot | undefined;
  /** Keeps a snapshot and answers it. */
  put(programId: number, snapshot: ListSnapshot): ListSnapshot;
}

export function listSnapshots({ mostEntries = MOST_ENTRIES, mostPrograms = MOST_PROGRAMS } = {}): ListSnapshots {
  // in the order in which they were last asked for
  const snapshots = new Map<number, ListSnapshot>();

  function makeRoom(): void {
    let entries = 0;
    for (const { index } of snapshots.values()) entries += index.size;
    for (const [programId, { index }] of snapshots) {
      // the newest one stays, however large: it is in use
      if ((entries <= mostEntries && snapshots.size <= mostPrograms) || snapshots.size === 1) return;
      snapshots.delete(programId);
      entries -= index.size;
    }
  }

  return {
    get(programId) {
      const snapshot = snapshots.get(programId);
      if (!snapshot) return undefined;
      snapshots.delete(programId);
      snapshots.set(programId, snapshot);
      return snapshot;
    },
    put(programId, snapshot) {
      snapshots.delete(programId);
      snapshots.set(programId, snapshot);
      makeRoom();
      return snapshot;
    },
  };
}
