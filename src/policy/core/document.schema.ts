/**
 * The policy document (API.md §3): its keys, their bounds and defaults. Unknown keys are refused: a misspelt one would
 * leave a program without the limit that it meant. Descriptions are for `docs/policy.md` and the published JSON Schema.
 */
import { z } from 'zod';
import { durationMs } from '../../kernel/duration.js';
import {
  DEGRADABLE_SIGNALS,
  DEGRADED_ENDS,
  type DegradedTable,
  LIMIT_TYPES,
  LONGEST_WINDOW_MS,
  METRICS,
  SHORTEST_WINDOW_MS,
  SUBJECT_KINDS,
  TRANSACTION_TYPES,
} from './policy.js';
import { LONGEST_CONDITION, MOST_RULES } from './rules.js';

const MOST_LIMITS = 200;
const MOST_OPEN_HOLDS = 1_000_000;

// The `error` of a schema is what was expected; `policy.schema.ts` says where and what was given.

const oneOf = <const T extends readonly string[]>(words: T) => z.enum(words, { error: `one of ${words.join(', ')}` });

function wholeNumber(least: number, most: number) {
  const error = `a whole number from ${least} to ${most === Number.MAX_SAFE_INTEGER ? '2^53 − 1' : most}`;
  return z
    .number({ error })
    .refine((value) => Number.isSafeInteger(value) && value >= least && value <= most, { error })
    .meta({ type: 'integer', minimum: least, maximum: most });
}

/** What the JSON Schema says of a duration; its length is checked here alone. */
const DURATION = '^P(?=.)(\\d+W)?(\\d+D)?(T(?=.)(\\d+H)?(\\d+M)?(\\d+([.,]\\d+)?S)?)?$';

/** An ISO 8601 duration from `leastMs` to 90 days. */
function duration(leastMs: number, least: string) {
  const error = `an ISO 8601 duration from ${least} to P90D, in weeks, days, hours, minutes and seconds (like PT15M)`;
  return z
    .string({ error })
    .refine(
      (text) => {
        const lengthMs = durationMs(text);
        return lengthMs !== undefined && lengthMs >= leastMs && lengthMs <= LONGEST_WINDOW_MS;
      },
      { error },
    )
    .meta({ pattern: DURATION });
}

/** An object with these keys and no other. */
function record<S extends z.core.$ZodShape>(shape: S) {
  const keys = Object.keys(shape).join(', ');
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys' ? `one of the keys ${keys}` : `an object with the keys ${keys}`,
  });
}

const id = () =>
  z
    .string({ error: 'a text' })
    .regex(/^[a-z0-9][a-z0-9-]{0,63}$/, { error: 'small letters, digits and hyphens, at most 64, no hyphen first' })
    .describe('Its name in reasons and answers');

const WHY = 'a text of 1 to 200 characters that says why';
const reason = () =>
  z
    .string({ error: WHY })
    .max(200, { error: WHY })
    .refine((text) => text.trim() !== '', { error: WHY })
    .meta({ minLength: 1 })
    .describe('What an analyst reads');

const weight = () => wholeNumber(1, 100).optional();

const limit = record({
  id: id(),
  subject: oneOf(SUBJECT_KINDS).describe('What it counts for'),
  types: z
    .array(oneOf(LIMIT_TYPES), { error: `a list of ${LIMIT_TYPES.join(', ')}` })
    .min(1, { error: 'at least one type' })
    .refine((types) => new Set(types).size === types.length, { error: 'each type once' })
    .meta({ uniqueItems: true })
    .describe('What it counts'),
  metric: oneOf(METRICS).describe('How it counts'),
  distinctOf: oneOf(SUBJECT_KINDS).optional().describe('With metric `distinct`: what is told apart'),
  window: duration(SHORTEST_WINDOW_MS, 'PT1S').describe('Rolling window, up to P90D'),
  cap: wholeNumber(1, Number.MAX_SAFE_INTEGER).describe('The most within the window; of metric `distinct` at most 256'),
  kind: oneOf(['hard', 'soft']).describe('hard: never passed, the transaction is denied; soft: counted, may be passed'),
  onBreach: oneOf(['challenge', 'review', 'score']).optional().describe('Of soft limits: what passing it asks for'),
  weight: weight().describe('With onBreach `score`: what it adds to the score'),
  refundable: z
    .boolean({ error: 'true or false' })
    .default(false)
    .describe('Of metric `count`: a full reversal gives the count back, not only the points'),
  reason: reason(),
});
export type LimitDocument = z.output<typeof limit>;

const CONDITION = `a condition in CEL of 1 to ${LONGEST_CONDITION} characters`;

const rule = record({
  id: id(),
  when: z
    .string({ error: CONDITION })
    .min(1, { error: CONDITION })
    .max(LONGEST_CONDITION, { error: CONDITION })
    .describe('Condition in CEL over the facts below'),
  outcome: oneOf(['challenge', 'review', 'deny', 'score']).describe('What follows where it holds'),
  weight: weight().describe('With outcome `score`: what it adds to the score'),
  reason: reason(),
});
export type RuleDocument = z.output<typeof rule>;

const band = (byDefault: number, outcome: string) =>
  wholeNumber(1, 100).default(byDefault).describe(`From this score on: ${outcome}`);

/** What the absence of a signal means, by type of transaction. */
const degradedSignal = (byDefault: DegradedTable['location']) =>
  record({
    earn: oneOf(DEGRADED_ENDS).default(byDefault.earn),
    burn: oneOf(DEGRADED_ENDS).default(byDefault.burn),
    transfer: oneOf(DEGRADED_ENDS).default(byDefault.transfer),
    adjust: oneOf(DEGRADED_ENDS).default(byDefault.adjust),
  } satisfies Record<(typeof TRANSACTION_TYPES)[number], z.ZodType>).prefault({});

const IGNORE = { earn: 'ignore', burn: 'ignore', transfer: 'ignore', adjust: 'ignore' } as const;

export const policyDocument = record({
  version: z.literal(1, { error: '1, the version of this format' }).describe('Version of this format'),
  mode: oneOf(['enforce', 'observe'])
    .default('enforce')
    .describe('observe: judges, holds and counts the same, but answers allow; wouldHaveBeen says what it found'),
  holdTtl: duration(1000, 'PT1S').default('PT15M').describe('How long a decision waits for its commit'),
  onHoldEnd: oneOf(['commit', 'release'])
    .default('commit')
    .describe('What happens then: it counts unless cancelled, or its budget is given back'),
  reviewTtl: duration(1000, 'PT1S').default('PT72H').describe('How long a review waits for an analyst'),
  maxOpenHolds: wholeNumber(1, MOST_OPEN_HOLDS)
    .default(10)
    .describe('Of one account, of holds that time would give back'),
  maxLateness: duration(0, 'PT0S').default('P1D').describe('How old occurredAt may be'),
  challengeImpossible: oneOf(['review', 'deny'])
    .default('review')
    .describe('In place of a challenge that nobody can answer'),
  limits: z
    .array(limit, { error: 'a list of limits' })
    .max(MOST_LIMITS, { error: `at most ${MOST_LIMITS} limits` })
    .default([])
    .describe('Caps on a metric of a subject over a rolling window'),
  rules: z
    .array(rule, { error: 'a list of rules' })
    .max(MOST_RULES, { error: `at most ${MOST_RULES} rules` })
    .default([])
    .describe('Conditions over the facts of one transaction'),
  scoreBands: record({
    challenge: band(60, 'challenge'),
    review: band(75, 'review'),
    deny: band(90, 'deny'),
  })
    .prefault({})
    .describe('What a score asks for; challenge ≤ review ≤ deny'),
  degraded: record({
    duplicates: degradedSignal(IGNORE),
    // without the lists nobody knows who is blocked, and what leaves is gone for good
    lists: degradedSignal({ earn: 'ignore', burn: 'review', transfer: 'review', adjust: 'review' }),
    identity: degradedSignal(IGNORE),
    location: degradedSignal({ earn: 'ignore', burn: 'ignore', transfer: 'review', adjust: 'review' }),
  } satisfies Record<(typeof DEGRADABLE_SIGNALS)[number], z.ZodType>)
    .prefault({})
    .describe(
      'What it means that a signal could not be read in time, by type; unavailable is 503, and nothing recorded',
    ),
});
export type PolicyDocument = z.output<typeof policyDocument>;
