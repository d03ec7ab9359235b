import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Actor } from '../audit/core/chain.js';
import { type Refusal, refuse, unwrap } from '../kernel/errors.js';
import { uuidFloor, uuidOf } from '../kernel/ids.js';
import type { KeyRing } from '../platform/keys/key-ring.js';
import type { Lanes } from '../platform/lane/lane.types.js';
import {
  type EntryState,
  expiryRefusal,
  LIST_SUBJECTS,
  type ListEntry,
  type ListName,
  type ListSubject,
} from './core/list-entry.js';
import { normaliseValue, valueMust } from './core/list-value.js';
import { addListEntryCommand, type NewListEntry, removeListEntryCommand } from './list.commands.js';
import { ListSnapshot, type ListSnapshots } from './list-snapshots.js';
import type { ListSlice } from './list.slice.js';
import type { ListStore, NamedIn, PastDecisions } from './list.store.js';

export interface ListParts {
  lanes: Lanes;
  keys: KeyRing;
  lists: ListSlice;
  snapshots: ListSnapshots;
  store: ListStore;
}

/** The program that acts, and who acts in it. */
export interface ListActing {
  programId: number;
  actor: Actor;
}

export interface ListSearch {
  list: ListName;
  subject?: ListSubject;
  /** As somebody writes it. */
  value?: string;
  state?: EntryState;
  beforeId?: string;
  limit: number;
}

const SALT_BYTES = 16;
const PREVIEW_MS = 30 * 86_400_000;
const ROWS_AT_ONCE = 10_000;
const WARM_MS = 1000;

/** Where a decision names a subject; addresses and e-mail domains are sealed in its evidence, and found by nobody. */
const PATH_IN_EVIDENCE: Partial<Record<ListSubject, readonly string[]>> = {
  device: ['device', 'id'],
  instrument: ['instrumentId'],
  store: ['storeId'],
  employee: ['employeeId'],
};

/** Block, allow and watch lists of programs. */
export class ListService {
  private readonly warming = new Map<number, Promise<void>>();

  constructor(private readonly parts: ListParts) {}

  /** Throws `request.invalid`, `list.full`. */
  async add({ programId, actor }: ListActing, given: NewListEntry): Promise<ListEntry> {
    const { lanes, lists } = this.parts;
    const input = { ...normalised(given), salt: randomBytes(SALT_BYTES) };
    await this.warm(programId);
    return unwrap(await lanes.submit(programId, addListEntryCommand(lists, input, actor)));
  }

  /**
   * What an entry would have met in the last 30 days; undefined where the record cannot tell. Throws what `add` would.
   */
  async preview(programId: number, given: NewListEntry): Promise<PastDecisions | undefined> {
    const { store } = this.parts;
    const { list, subject, value, expiresAtMs } = normalised(given);
    const { nowMs } = await store.version(programId);
    unwrap(expiryRefusal(list, expiresAtMs, nowMs));
    const named = this.namedIn(programId, subject, value);
    return named && (await store.pastDecisions(programId, named, nowMs - PREVIEW_MS));
  }

  private namedIn(programId: number, subject: ListSubject, value: string): NamedIn | undefined {
    if (subject === 'account') return { accountKey: this.parts.keys.accountKey(programId, value) };
    const path = PATH_IN_EVIDENCE[subject];
    return path && { path, value };
  }

  /** `id` is `lst_…`. Throws `list.not_found`. */
  async remove({ programId, actor }: ListActing, list: ListName, id: string, reason: string): Promise<ListEntry> {
    const { lanes, lists } = this.parts;
    const entryId = uuidOf('lst', id);
    if (entryId === undefined)
      return unwrap<ListEntry>(refuse('list.not_found', 'There is no such entry in this list.'));
    await this.warm(programId);
    return unwrap(await lanes.submit(programId, removeListEntryCommand(lists, { list, entryId, reason }, actor)));
  }

  /** Newest first. A value without a subject is looked for as any that it can be. Throws `request.invalid`. */
  async page(programId: number, { value, ...search }: ListSearch): Promise<{ entries: ListEntry[]; nowMs: number }> {
    const named = value === undefined ? undefined : unwrap(namesOf(value, search.subject));
    return this.parts.store.page(programId, { ...search, named });
  }

  /**
   * Reads a program's lists before its first command here, so that the lane need not: 100,000 entries take half a second.
   * Never throws, and waits a second at most: what could not be read is read under the lock.
   */
  async warm(programId: number): Promise<void> {
    if (this.parts.snapshots.get(programId)) return;
    let reading = this.warming.get(programId);
    if (!reading) {
      reading = this.read(programId)
        .catch(() => undefined)
        .finally(() => this.warming.delete(programId));
      this.warming.set(programId, reading);
    }
    await Promise.race([reading, sleep(WARM_MS, undefined, { ref: false })]);
  }

  private async read(programId: number): Promise<void> {
    const { store, snapshots } = this.parts;
    // the version first: whatever changes while the rows are read has a later one, and is read again under the lock
    const { version, nowMs } = await store.version(programId);
    const snapshot = new ListSnapshot(version, nowMs);
    let afterId = uuidFloor(0);
    for (let more = version > 0; more; ) {
      const entries = await store.active(programId, nowMs, afterId, ROWS_AT_ONCE);
      snapshot.takeIn(entries);
      afterId = entries.at(-1)?.entryId ?? afterId;
      more = entries.length === ROWS_AT_ONCE;
    }
    if (!snapshots.get(programId)) snapshots.put(programId, snapshot);
  }
}

function normalised<T extends { subject: ListSubject; value: string }>(given: T): T {
  const value = normaliseValue(given.subject, given.value);
  return { ...given, value: unwrap(value ?? valueRefusal(valueMust(given.subject))) };
}

const valueRefusal = (message: string): Refusal =>
  refuse('request.invalid', 'The request does not fit the schema; see errors.', {
    errors: [{ pointer: '/value', message }],
  });

function namesOf(value: string, subject?: ListSubject): { subject: ListSubject; value: string }[] | Refusal {
  const names = (subject ? [subject] : LIST_SUBJECTS).flatMap((one) => {
    const canonical = normaliseValue(one, value);
    return canonical === undefined ? [] : [{ subject: one, value: canonical }];
  });
  return names.length > 0 ? names : valueRefusal(subject ? valueMust(subject) : 'is no value of any subject');
}
