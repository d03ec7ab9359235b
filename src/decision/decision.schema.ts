/** Wire schemas of decisions (OpenAPI is made from them; the hot route's validator is compiled from them). */
import { z } from 'zod';
import { canonicalIp } from '../kernel/network.js';
import type { FieldError } from '../kernel/errors.js';
import { callerId, factTime, line, money, points, time } from '../platform/http/wire.schema.js';
import { type DecisionRequest, OUTCOMES, STATUSES, TRANSACTION_TYPES } from './core/decision.js';

// oxlint-disable-next-line no-control-regex -- control characters are what it refuses
const ADDRESS = /^[^\s@\u0000-\u001f\u007f]{1,64}@[^\s@\u0000-\u001f\u007f]{1,189}$/;

export const decisionRequest = z
  .strictObject({
    transactionId: callerId('Yours; repeating it evaluates nothing and answers the decision as it is now'),
    accountId: callerId('The member’s account in the ledger; pseudonymous, not an e-mail address'),
    type: z.enum(TRANSACTION_TYPES),
    points: points(),
    direction: z.enum(['credit', 'debit']).optional().describe('Required for `adjust`'),
    counterpartyAccountId: callerId('Required for `transfer`: who receives').optional(),
    occurredAt: time().optional().describe('Default now; used by scoring only'),
    activity: z
      .strictObject({
        kind: z
          .enum(['purchase', 'welcome', 'referral', 'mission', 'birthday', 'refund', 'goodwill', 'other'])
          .optional(),
        campaignId: callerId('Campaign').optional(),
        orderId: callerId('Order').optional(),
        amount: money.optional(),
      })
      .optional(),
    channel: z.enum(['web', 'app', 'pos', 'call_center', 'partner']).optional(),
    partnerId: callerId('Partner').optional(),
    storeId: callerId('Store').optional(),
    franchiseId: callerId('Franchise').optional(),
    employeeId: callerId('Employee who does it').optional(),
    employeeAccountId: callerId('The employee’s own account, where there is one').optional(),
    instrumentId: callerId('A token of the payment instrument, never a card number').optional(),
    device: z.strictObject({ id: callerId('Device').optional(), userAgent: line(1024).optional() }).optional(),
    ip: z.string().max(45).optional().describe('IPv4 or IPv6 address of the member'),
    location: z.strictObject({ lat: z.number().min(-90).max(90), lon: z.number().min(-180).max(180) }).optional(),
    authentication: z.strictObject({ method: line(64).optional(), at: factTime().optional() }).optional(),
    reward: z
      .strictObject({ id: callerId('Reward').optional(), category: line(64).optional(), value: money.optional() })
      .optional(),
    recipient: z
      .strictObject({
        email: z.string().max(254).regex(ADDRESS).optional(),
      })
      .optional(),
    account: z
      .strictObject({
        createdAt: factTime().optional(),
        tier: line(64).optional(),
        balance: z.int().min(-1e15).max(1e15).optional(),
        credentialsChangedAt: factTime().optional(),
      })
      .optional()
      .describe('What the ledger knows'),
    externalSignals: z
      .array(z.strictObject({ source: line(64), code: line(64), score: z.number().min(0).max(100).optional() }))
      .max(20)
      .optional(),
    accepts: z
      .array(z.enum(['challenge', 'review']))
      .max(2)
      .optional()
      .describe('Default both: what the caller can show'),
    onHoldEnd: z.enum(['commit', 'release']).optional().describe('Default from the policy'),
  })
  .meta({
    id: 'DecisionRequest',
    examples: [
      {
        transactionId: 'order-1042-burn',
        accountId: 'member-7731',
        type: 'burn',
        points: 2500,
        channel: 'app',
        storeId: 'store-12',
        device: { id: 'device-5f2c', userAgent: 'Loyalty/4.1 (iOS 19)' },
        ip: '203.0.113.17',
        reward: { id: 'voucher-25', category: 'voucher', value: { amount: 2500, currency: 'EUR' } },
      },
      {
        transactionId: 'transfer-88',
        accountId: 'member-7731',
        type: 'transfer',
        points: 400,
        counterpartyAccountId: 'member-9054',
        accepts: ['review'],
      },
    ],
  });

/** What no schema says: fields that need each other, and addresses. @returns what is wrong, with pointers */
export function requestErrors(request: DecisionRequest): FieldError[] {
  const errors: FieldError[] = [];
  const wrong = (pointer: string, message: string) => errors.push({ pointer, message });
  if (request.type === 'transfer' && request.counterpartyAccountId === undefined) {
    wrong('/counterpartyAccountId', 'is required for a transfer');
  }
  if (request.type === 'transfer' && request.counterpartyAccountId === request.accountId) {
    wrong('/counterpartyAccountId', 'must be another account');
  }
  if (request.type === 'adjust' && request.direction === undefined) wrong('/direction', 'is required for an adjust');
  if (request.ip !== undefined && canonicalIp(request.ip) === undefined) {
    wrong('/ip', 'must be an IPv4 or IPv6 address');
  }
  return errors;
}

const reason = z
  .object({
    code: z.string().describe('docs/reason-codes.md; ignore what you do not know'),
    message: z.string().describe('For analysts'),
    customerMessage: z.object({ fr: z.string(), en: z.string(), de: z.string() }),
    weight: z.int(),
    detail: z.record(z.string(), z.union([z.string(), z.number()])),
  })
  .meta({ id: 'Reason' });

const limit = z
  .object({
    id: z.string(),
    subject: z.string(),
    metric: z.string(),
    window: z.string().describe('ISO 8601 duration'),
    used: z.int().describe('Counts this transaction unless it was denied'),
    cap: z.int(),
    remaining: z.int(),
    exact: z.boolean().describe('Judged event by event; else by sub-windows of a twentieth of the window'),
    resetsAt: time(),
  })
  .meta({ id: 'LimitStanding' });

export const decisionAnswer = z
  .object({
    decisionId: z.string(),
    transactionId: z.string(),
    accountId: z.string(),
    type: z.enum(TRANSACTION_TYPES),
    direction: z.enum(['credit', 'debit']).optional(),
    points: z.int(),
    outcome: z.enum(OUTCOMES).describe('Never changes'),
    status: z.enum(STATUSES).describe('The ledger moves points while it is `held` or `committed`'),
    score: z.int(),
    policyVersion: z.int(),
    evaluatedAt: time(),
    statusChangedAt: time(),
    reasons: z.array(reason).describe('Heaviest first'),
    limits: z.array(limit).describe('Breached ones and those used to 80 %; all with `include=limits`'),
    // oxlint-disable-next-line unicorn/no-thenable -- `then` is the name on the wire
    hold: z.object({ expiresAt: time(), then: z.enum(['commit', 'release', 'expire']) }).optional(),
    pointsCommitted: z.int().optional(),
    pointsReversed: z.int().optional(),
    wouldHaveBeen: z.enum(OUTCOMES).optional().describe('In observe mode'),
    approvedBy: z.object({ kind: z.enum(['challenge', 'analyst']), id: z.string(), at: time() }).optional(),
    late: z.boolean().optional().describe('Committed after its hold had ended'),
    degraded: z.array(z.string()).describe('Signals that could not be read in time'),
  })
  .meta({ id: 'Decision' });

/** With `dryRun` nothing is recorded, so there is no decision to name. */
export const dryRunAnswer = decisionAnswer.omit({ decisionId: true }).meta({ id: 'DryRunDecision' });

export const decisionPage = z
  .object({ items: z.array(decisionAnswer), nextCursor: z.string().nullable() })
  .meta({ id: 'DecisionPage' });

export const commitRequest = z
  .strictObject({ points: points().optional().describe('At most what was decided; the rest is given back') })
  .meta({ id: 'CommitRequest', examples: [{ points: 2000 }] });

export const cancelRequest = z.strictObject({}).meta({ id: 'CancelRequest' });

export const cancelTransactionRequest = z
  .strictObject({ transactionId: callerId('Seen or not: a late original is told that it was cancelled') })
  .meta({ id: 'CancelTransactionRequest', examples: [{ transactionId: 'order-1042-burn' }] });

export const cancelledUnseen = z
  .object({ transactionId: z.string(), status: z.literal('cancelled') })
  .meta({ id: 'CancelledTransaction' });

export const reverseRequest = z
  .strictObject({
    reversalId: callerId('Yours; the same one is applied once'),
    points: points().optional().describe('Default all that is left'),
    reason: line(500),
  })
  .meta({
    id: 'ReverseRequest',
    examples: [{ reversalId: 'return-311', points: 500, reason: 'One of five articles came back' }],
  });

const flag = z.enum(['true', 'false']).optional();

export const decideQuery = z.strictObject({ include: z.literal('limits').optional(), dryRun: flag });
export const readQuery = z.strictObject({ include: z.literal('limits').optional() });
export const noQuery = z.strictObject({});
export const listQuery = z.strictObject({
  transactionId: callerId('Exact').optional(),
  accountId: callerId('Exact').optional(),
  outcome: z.enum(OUTCOMES).optional(),
  status: z.enum(STATUSES).optional(),
  from: time().optional().describe('Evaluated at or after'),
  to: time().optional().describe('Evaluated before'),
  // as a number is written, not as JavaScript reads one: neither 0x10 nor 1e2 nor white space
  limit: z
    .string()
    .regex(/^\d{1,3}$/)
    .transform(Number)
    .pipe(z.int().min(1).max(200))
    .default(50),
  cursor: z.string().max(64).optional(),
});

export const testOutcome = z.enum(OUTCOMES);

/** One of the two: a union would answer with the errors of both. */
export const clockRequest = z
  .strictObject({
    now: time().optional().describe('Where the clock is put'),
    advance: z.string().max(40).optional().describe('ISO 8601 duration of weeks, days, hours, minutes and seconds'),
  })
  .meta({ id: 'ClockRequest', minProperties: 1, maxProperties: 1, examples: [{ advance: 'PT15M' }] });
export const clockAnswer = z.object({ now: time() }).meta({ id: 'ClockAnswer' });

export const appealRequest = z
  .strictObject({ note: z.string().min(1).max(2000).describe('What the member says; kept sealed') })
  .meta({ id: 'AppealRequest', examples: [{ note: 'It was me, on my new phone.' }] });
export const appealAnswer = z
  .object({ decision: decisionAnswer, appeal: z.object({ at: time(), dueAt: time() }) })
  .meta({ id: 'AppealAnswer' });
