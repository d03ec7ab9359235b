import { z } from 'zod';
import type { FieldError } from '../kernel/errors.js';
import { callerId, factTime, line, time } from '../platform/http/wire.schema.js';

const TARGETS = ['decisionId', 'eventId', 'accountId'] as const;

export const labelRequest = z
  .strictObject({
    decisionId: z.string().max(64).optional().describe('A decision of ours'),
    eventId: callerId('A transaction that the ledger reported').optional(),
    accountId: callerId('A whole account').optional(),
    label: z.enum(['fraud', 'legitimate']),
    source: line(64).describe('chargeback, complaint, verdict …'),
    labelledAt: factTime().optional().describe('When it became known; default now'),
    note: z.string().min(1).max(2000).optional(),
  })
  .meta({
    id: 'LabelRequest',
    examples: [{ decisionId: 'dec_01m80csf6j7m6ggdwzjpwtktbe', label: 'fraud', source: 'chargeback' }],
  });
export const noQuery = z.strictObject({});
export type LabelRequest = z.infer<typeof labelRequest>;

/** A label is of exactly one thing. */
export function labelErrors(request: LabelRequest): FieldError[] {
  const given = TARGETS.filter((name) => request[name] !== undefined);
  if (given.length === 1) return [];
  const message = `exactly one of ${TARGETS.join(', ')} is needed`;
  return given.length === 0 ? [{ pointer: '', message }] : given.map((name) => ({ pointer: `/${name}`, message }));
}

export const labelAnswer = z
  .object({
    labelId: z.string(),
    decisionId: z.string().optional(),
    eventId: z.string().optional(),
    accountId: z.string().optional(),
    label: z.enum(['fraud', 'legitimate']),
    source: z.string(),
    labelledAt: time(),
    recordedAt: time(),
  })
  .meta({ id: 'Label' });
