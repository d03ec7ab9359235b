import type { ActiveEntry } from '../../../src/lists/core/list-entry.js';

/** A uuid that sorts by `number`. */
export const entryId = (number: number): string => `00000000-0000-7000-8000-${String(number).padStart(12, '0')}`;

/** An entry of device `d` on the block list without an end, or what is laid over it. */
export const entry = (number: number, more: Partial<ActiveEntry> = {}): ActiveEntry => ({
  entryId: entryId(number),
  list: 'block',
  subject: 'device',
  value: 'd',
  reason: `entry ${number}`,
  expiresAtMs: null,
  ...more,
});
