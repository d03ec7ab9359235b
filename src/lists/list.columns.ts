/** Rows of `list_entry` as entries. Values come as text, from the lane and from reads alike. */
import type { Row } from '../platform/lane/lane.types.js';
import type { ActiveEntry, ListEntry, ListName, ListSubject } from './core/list-entry.js';
import type { EntryChange } from './list-snapshots.js';

/** Of an entry in force. */
export const ACTIVE_COLUMNS = 'entry_id, list, subject, value, reason, expires_at_ms';
export const ENTRY_COLUMNS = `${ACTIVE_COLUMNS}, created_at_ms, removed_at_ms, removed_reason`;

const numberOrNull = (text: string | null | undefined): number | null => (text == null ? null : Number(text));

export const activeEntryOf = (row: Row): ActiveEntry => ({
  entryId: row.entry_id ?? '',
  list: row.list as ListName,
  subject: row.subject as ListSubject,
  value: row.value ?? '',
  reason: row.reason ?? '',
  expiresAtMs: numberOrNull(row.expires_at_ms),
});

/** Of the columns of an entry in force, and `removed_at_ms`. */
export const entryChangeOf = (row: Row): EntryChange => ({
  entry: activeEntryOf(row),
  removed: row.removed_at_ms !== null,
});

export const listEntryOf = (row: Row): ListEntry => ({
  ...activeEntryOf(row),
  createdAtMs: Number(row.created_at_ms),
  removedAtMs: numberOrNull(row.removed_at_ms),
  removedReason: row.removed_reason ?? null,
});
