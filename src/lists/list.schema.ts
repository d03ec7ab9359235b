/** Wire schemas of lists. */
import { z } from 'zod';
import { idOf } from '../kernel/ids.js';
import { line, time } from '../platform/http/wire.schema.js';
import { ENTRY_STATES, LIST_NAMES, LIST_SUBJECTS, type ListEntry, stateOf } from './core/list-entry.js';
import type { PastDecisions } from './list.store.js';

const subject = z.enum(LIST_SUBJECTS);

export const newListEntryRequest = z
  .strictObject({
    subject,
    value: z
      .string()
      .min(1)
      .max(254)
      .describe(
        'An id; for `ip` an address or network (`203.0.113.0/24`); for `email_domain` a domain, never an address',
      ),
    reason: line(500).describe('For analysts and the audit; no personal data'),
    expiresAt: time()
      .optional()
      .describe('In the program’s time; within 365 days, on `watch` within 30. Default: no end'),
  })
  .meta({
    id: 'NewListEntry',
    examples: [
      {
        subject: 'device',
        value: 'device-5f2c',
        reason: 'Twelve accounts emptied from it on 3 May',
        expiresAt: '2026-12-31T00:00:00Z',
      },
      { subject: 'ip', value: '203.0.113.0/24', reason: 'Hosting provider of a bonus farm' },
    ],
  });

export const listEntryAnswer = z
  .object({
    entryId: z.string(),
    list: z.enum(LIST_NAMES),
    subject,
    value: z.string().describe('In canonical form'),
    reason: z.string(),
    createdAt: time(),
    expiresAt: time().nullable().describe('null: it has no end'),
    state: z.enum(ENTRY_STATES),
    removedAt: time().optional(),
    removedReason: z.string().optional(),
  })
  .meta({ id: 'ListEntry' });

export const listEntryPage = z
  .object({ items: z.array(listEntryAnswer), nextCursor: z.string().nullable() })
  .meta({ id: 'ListEntryPage' });

const count = () => z.int().nullable();

export const listPreviewAnswer = z
  .object({
    matches: z
      .object({
        decisions: count(),
        accounts: count(),
        points: count().describe('Asked for by those decisions'),
        since: time()
          .nullable()
          .describe('Counted from then on: 30 days ago, or later where there are more decisions than are looked at'),
      })
      .describe('All null where the record cannot tell: addresses and e-mail domains are sealed'),
  })
  .meta({ id: 'ListPreview' });

export const removeListEntryRequest = z
  .strictObject({ reason: line(500) })
  .meta({ id: 'RemoveListEntryRequest', examples: [{ reason: 'The device was sold on' }] });

export const addQuery = z.strictObject({ dryRun: z.enum(['true', 'false']).optional() });
export const removeQuery = z.strictObject({});
export const listEntriesQuery = z.strictObject({
  subject: subject.optional(),
  value: z.string().min(1).max(254).optional(),
  state: z.enum(ENTRY_STATES).optional(),
  // as a number is written, not as JavaScript reads one: neither 0x10 nor 1e2 nor white space
  limit: z
    .string()
    .regex(/^\d{1,3}$/)
    .transform(Number)
    .pipe(z.int().min(1).max(200))
    .default(50),
  cursor: z.string().max(64).optional(),
});

const isoTime = (ms: number): string => new Date(ms).toISOString();

/** An entry as it reads at `nowMs`. */
export const renderEntry = (entry: ListEntry, nowMs: number): z.infer<typeof listEntryAnswer> => ({
  entryId: idOf('lst', entry.entryId),
  list: entry.list,
  subject: entry.subject,
  value: entry.value,
  reason: entry.reason,
  createdAt: isoTime(entry.createdAtMs),
  expiresAt: entry.expiresAtMs === null ? null : isoTime(entry.expiresAtMs),
  state: stateOf(entry, nowMs),
  ...(entry.removedAtMs !== null && { removedAt: isoTime(entry.removedAtMs) }),
  ...(entry.removedReason !== null && { removedReason: entry.removedReason }),
});

const CANNOT_TELL = { decisions: null, accounts: null, points: null, since: null };

export function renderPreview(past: PastDecisions | undefined): z.infer<typeof listPreviewAnswer> {
  if (!past) return { matches: CANNOT_TELL };
  const { sinceMs, ...counts } = past;
  return { matches: { ...counts, since: isoTime(sinceMs) } };
}
