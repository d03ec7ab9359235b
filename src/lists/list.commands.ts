/** Commands of a program's lane: each checks, changes the lists and writes its audit row in the same batch. */
import { auditSlice } from '../audit/audit.slice.js';
import { type Actor, commitmentOf } from '../audit/core/chain.js';
import { canonicalJson } from '../kernel/canonical-json.js';
import { type Refusal, refuse } from '../kernel/errors.js';
import { idOf, timeOrderedUuid } from '../kernel/ids.js';
import type { LaneCommand } from '../platform/lane/lane.types.js';
import { expiryRefusal, type ListEntry, type ListName, type ListSubject } from './core/list-entry.js';
import type { ListSlice } from './list.slice.js';

export interface NewListEntry {
  list: ListName;
  subject: ListSubject;
  /** In canonical form. */
  value: string;
  reason: string;
  /** ms of the program's clock; null: it has no end. */
  expiresAtMs: number | null;
}

const targetOf = ({ entryId }: ListEntry): string => idOf('lst', entryId);

/** `salt`: 16 random bytes, which open what the audit says of the value. */
export const addListEntryCommand = (
  lists: ListSlice,
  input: NewListEntry & { salt: Buffer },
  actor: Actor,
): LaneCommand<ListEntry | Refusal> => ({
  name: 'lists.add',
  priority: 'background',
  needs: (batch) => void batch.use(lists),
  step(batch) {
    const { nowMs } = batch;
    const tooLong = expiryRefusal(input.list, input.expiresAtMs, nowMs);
    if (tooLong) return tooLong;
    const { salt, ...given } = input;
    const entry: ListEntry = {
      ...given,
      entryId: timeOrderedUuid(nowMs),
      createdAtMs: nowMs,
      removedAtMs: null,
      removedReason: null,
    };
    const inForce = batch.use(lists);
    if (inForce.isFull(entry, nowMs)) return refuse('list.full', 'Too many entries are active; remove some first.');
    inForce.add({ ...entry, salt });
    const { list, subject, value, expiresAtMs } = entry;
    const target = targetOf(entry);
    // an IP address is personal: the chain holds a commitment to it, which whoever has the row can open
    const commitment = commitmentOf(salt, canonicalJson({ entryId: target, list, subject, value, expiresAtMs }));
    batch.use(auditSlice).append({ actor, action: 'list.entry_added', target, reason: entry.reason, commitment });
    return entry;
  },
});

export interface ListEntryRemoval {
  list: ListName;
  /** uuid */
  entryId: string;
  reason: string;
}

/** Removing twice is once: the second one changes and records nothing. */
export const removeListEntryCommand = (
  lists: ListSlice,
  { list, entryId, reason }: ListEntryRemoval,
  actor: Actor,
): LaneCommand<ListEntry | Refusal> => ({
  name: 'lists.remove',
  priority: 'background',
  needs: (batch) => batch.use(lists).needEntry(entryId),
  step(batch) {
    const entry = batch.use(lists).entry(entryId);
    if (entry?.list !== list) return refuse('list.not_found', 'There is no such entry in this list.');
    if (entry.removedAtMs !== null) return entry;
    const removed = batch.use(lists).remove(entry, reason);
    batch.use(auditSlice).append({ actor, action: 'list.entry_removed', target: targetOf(removed), reason });
    return removed;
  },
});
