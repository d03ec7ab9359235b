/** Wire types that every module's schemas share. */
import { z } from 'zod';
import { CALLER_ID, ONE_LINE } from '../../kernel/text.js';

export const callerId = (description: string) => z.string().regex(CALLER_ID).describe(description);

/** One line without control characters. */
export const line = (maxLength: number) => z.string().min(1).max(maxLength).regex(ONE_LINE);

export const time = () => z.iso.datetime({ offset: true }).describe('RFC 3339');

/**
 * When something became a fact. The years are bounded: a default value of the caller's language (0001, 9999) would read as
 * an account of two thousand years, or as one that is not made yet.
 */
export const factTime = () =>
  z.iso
    .datetime({ offset: true })
    .regex(/^(19|20|21)\d\d-/)
    .describe('RFC 3339, from 1900 to 2199');

export const points = () => z.int().min(1).max(1e12).describe('Points, a positive integer');

export const money = z
  .strictObject({
    amount: z.int().min(0).max(1e15).describe('Minor units'),
    currency: z
      .string()
      .regex(/^[A-Z]{3}$/)
      .describe('ISO 4217'),
  })
  .meta({ id: 'Money' });

export const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string().describe('Stable and dotted; all are listed in docs/error-codes.md'),
    traceId: z.string(),
    errors: z
      .array(
        z.object({
          pointer: z.string().describe('RFC 6901'),
          message: z.string(),
          line: z.int().optional().describe('Of a document'),
          column: z.int().optional(),
        }),
      )
      .optional(),
    decisionStatus: z.string().optional(),
  })
  .meta({ id: 'Problem' });
