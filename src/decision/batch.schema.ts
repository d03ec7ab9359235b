import { z } from 'zod';
import type { FieldError } from '../kernel/errors.js';
import { callerId, points, problem } from '../platform/http/wire.schema.js';
import { decisionAnswer, decisionRequest } from './decision.schema.js';

const MOST_ITEMS = 500;

/** What the body must be before its items are looked at, each for itself. */
export const anyItems = z.strictObject({ items: z.array(z.unknown()).min(1).max(MOST_ITEMS) });

export const decideBatchRequest = z.strictObject({ items: z.array(decisionRequest).min(1).max(MOST_ITEMS) }).meta({
  id: 'DecideBatchRequest',
  examples: [{ items: [{ transactionId: 't-1', accountId: 'acc-1', type: 'earn', points: 10 }] }],
});

export const commitItem = z
  .strictObject({
    decisionId: z.string().max(64).optional(),
    transactionId: callerId('Instead of the decisionId').optional(),
    points: points().optional().describe('At most what was decided; the rest is given back'),
  })
  .meta({ id: 'CommitItem' });

export const commitBatchRequest = z
  .strictObject({ items: z.array(commitItem).min(1).max(MOST_ITEMS) })
  .meta({ id: 'CommitBatchRequest', examples: [{ items: [{ transactionId: 't-1' }] }] });

/** A commit is of one decision, named in one way. */
export function commitItemErrors(item: { decisionId?: string; transactionId?: string }): FieldError[] {
  if ((item.decisionId === undefined) !== (item.transactionId === undefined)) return [];
  return [{ pointer: '', message: 'exactly one of decisionId, transactionId is needed' }];
}

export const batchAnswer = z
  .object({
    items: z
      .array(
        z.object({
          status: z.int().describe('As the single call would have answered'),
          decision: decisionAnswer.optional(),
          problem: problem.optional(),
        }),
      )
      .describe('In the order of the request'),
  })
  .meta({ id: 'BatchAnswer' });
