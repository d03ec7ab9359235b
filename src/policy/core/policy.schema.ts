/**
 * The policy document (API.md §3): its keys, their bounds and defaults, and what limits may say. Unknown keys are
 * refused: a misspelt one would leave a program without the limit that it meant.
 */
import { z } from 'zod';
import { durationMs } from '../../kernel/duration.js';
import {
  LARGEST_DISTINCT_CAP,
  type Limit,
  LIMIT_TYPES,
  type LimitType,
  LONGEST_WINDOW_MS,
  METRICS,
  type Policy,
  SHORTEST_WINDOW_MS,
  SUBJECT_KINDS,
  type SubjectKind,
} from './policy.js';
import { MOST_PROBLEMS, type Path, pathText, type PolicyProblem, readPolicySource } from './policy-source.js';

export type { PolicyProblem } from './policy-source.js';

const MOST_LIMITS = 200;
const MOST_OPEN_HOLDS = 1_000_000;

// The `error` of a schema is what was expected; `problemOf` says where and what was given.

const oneOf = <const T extends readonly string[]>(words: T) => z.enum(words, { error: `one of ${words.join(', ')}` });

function wholeNumber(least: number, most: number) {
  const error = `a whole number from ${least} to ${most === Number.MAX_SAFE_INTEGER ? '2^53 − 1' : most}`;
  return z
    .number({ error })
    .refine((value) => Number.isSafeInteger(value) && value >= least && value <= most, { error });
}

/** An ISO 8601 duration from `leastMs` to 90 days. */
function duration(leastMs: number, least: string) {
  const error = `an ISO 8601 duration from ${least} to P90D, in weeks, days, hours, minutes and seconds (like PT15M)`;
  return z.string({ error }).refine(
    (text) => {
      const lengthMs = durationMs(text);
      return lengthMs !== undefined && lengthMs >= leastMs && lengthMs <= LONGEST_WINDOW_MS;
    },
    { error },
  );
}

/** An object with these keys and no other. */
function record<S extends z.core.$ZodShape>(shape: S) {
  const keys = Object.keys(shape).join(', ');
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys' ? `one of the keys ${keys}` : `an object with the keys ${keys}`,
  });
}

const reason = 'a text of 1 to 200 characters that says why';

const limit = record({
  id: z
    .string({ error: 'a text' })
    .regex(/^[a-z0-9][a-z0-9-]{0,63}$/, { error: 'small letters, digits and hyphens, at most 64, no hyphen first' }),
  subject: oneOf(SUBJECT_KINDS),
  types: z
    .array(oneOf(LIMIT_TYPES), { error: `a list of ${LIMIT_TYPES.join(', ')}` })
    .min(1, { error: 'at least one type' })
    .refine((types) => new Set(types).size === types.length, { error: 'each type once' }),
  metric: oneOf(METRICS),
  distinctOf: oneOf(SUBJECT_KINDS).optional(),
  window: duration(SHORTEST_WINDOW_MS, 'PT1S'),
  cap: wholeNumber(1, Number.MAX_SAFE_INTEGER),
  kind: oneOf(['hard', 'soft']),
  onBreach: oneOf(['challenge', 'review', 'score']).optional(),
  weight: wholeNumber(1, 100).optional(),
  refundable: z.boolean({ error: 'true or false' }).default(false),
  reason: z
    .string({ error: reason })
    .max(200, { error: reason })
    .refine((text) => text.trim() !== '', { error: reason }),
});
type LimitDocument = z.output<typeof limit>;

const band = (byDefault: number) => wholeNumber(1, 100).default(byDefault);

const policyDocument = record({
  version: z.literal(1, { error: '1, the version of this format' }),
  mode: oneOf(['enforce', 'observe']).default('enforce'),
  holdTtl: duration(1000, 'PT1S').default('PT15M'),
  onHoldEnd: oneOf(['commit', 'release']).default('commit'),
  reviewTtl: duration(1000, 'PT1S').default('PT72H'),
  maxOpenHolds: wholeNumber(1, MOST_OPEN_HOLDS).default(10),
  maxLateness: duration(0, 'PT0S').default('P1D'),
  challengeImpossible: oneOf(['review', 'deny']).default('review'),
  scoreBands: record({ challenge: band(60), review: band(75), deny: band(90) }).prefault({}),
  limits: z
    .array(limit, { error: 'a list of limits' })
    .max(MOST_LIMITS, { error: `at most ${MOST_LIMITS} limits` })
    .default([]),
});
type PolicyDocument = z.output<typeof policyDocument>;

/** Reads a policy, YAML or JSON; answers all that is wrong with it where it cannot be used. Never throws. */
export function parsePolicy(text: string): { policy: Policy } | { problems: PolicyProblem[] } {
  const source = readPolicySource(text);
  if ('problems' in source) return source;
  const parsed = policyDocument.safeParse(source.value);
  const faults = parsed.success
    ? faultsOf(parsed.data)
    : parsed.error.issues.flatMap((issue) => asFaults(issue, source.value));
  if (parsed.success && faults.length === 0) return { policy: asPolicy(parsed.data) };
  return {
    problems: faults.slice(0, MOST_PROBLEMS).map(({ path, message, ofKey }) => {
      const where = pathText(path);
      return { ...source.placeOf(path, ofKey), path: where, message: where ? `${where}: ${message}` : message };
    }),
  };
}

interface Fault {
  path: Path;
  message: string;
  /** It is the key that is wrong. */
  ofKey?: boolean;
}

function asFaults(issue: z.core.$ZodIssue, document: unknown): Fault[] {
  if (issue.code === 'unrecognized_keys') {
    const expected = `unknown key, expected ${issue.message}`;
    return issue.keys.map((key) => ({ path: [...issue.path, key], message: expected, ofKey: true }));
  }
  const given = issue.path.reduce<unknown>(
    (value, part) => (typeof value === 'object' && value !== null ? Reflect.get(value, part) : undefined),
    document,
  );
  return [{ path: issue.path, message: `expected ${issue.message}, was given ${shown(given)}` }];
}

const LONGEST_SHOWN = 60;

/** A value as it was given, cut short. */
function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  // JSON has no infinity, YAML does (.inf)
  const text = typeof value === 'number' ? String(value) : JSON.stringify(value);
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text;
}

/** What no single value shows: how keys go together. */
function faultsOf(document: PolicyDocument): Fault[] {
  const faults: Fault[] = [];
  const { challenge, review, deny } = document.scoreBands;
  if (challenge > review || review > deny) {
    faults.push({
      path: ['scoreBands'],
      message: `expected challenge ≤ review ≤ deny, was given ${challenge}, ${review}, ${deny}`,
    });
  }
  const firstWithId = new Map<string, number>();
  for (const [index, entry] of document.limits.entries()) {
    for (const [key, message] of limitFaults(entry)) faults.push({ path: ['limits', index, key], message });
    const first = firstWithId.get(entry.id);
    if (first === undefined) firstWithId.set(entry.id, index);
    else faults.push({ path: ['limits', index, 'id'], message: `"${entry.id}" is the id of limits[${first}], too` });
  }
  return faults;
}

/** Subjects that only some types have: a limit on another type would never count, and nobody would notice. */
const ONLY_WITH: Partial<Record<SubjectKind, LimitType>> = {
  address: 'registration',
  referrer: 'registration',
  counterparty: 'transfer',
};

type Rule = [
  broken: (limit: LimitDocument) => boolean,
  key: keyof LimitDocument,
  message: (limit: LimitDocument) => string,
];

const RULES: readonly Rule[] = [
  [
    (l) => l.kind === 'hard' && l.onBreach !== undefined,
    'onBreach',
    () => 'a hard limit denies: onBreach belongs to soft ones',
  ],
  [
    (l) => l.kind === 'soft' && l.onBreach === undefined,
    'onBreach',
    () => 'a soft limit needs challenge, review or score',
  ],
  [
    (l) => l.onBreach === 'score' && l.weight === undefined,
    'weight',
    () => 'onBreach: score needs a weight from 1 to 100',
  ],
  [(l) => l.onBreach !== 'score' && l.weight !== undefined, 'weight', () => 'a weight belongs to onBreach: score only'],
  [
    (l) => l.metric === 'distinct' && l.distinctOf === undefined,
    'distinctOf',
    () => 'metric distinct needs what it tells apart',
  ],
  [(l) => l.metric !== 'distinct' && l.distinctOf !== undefined, 'distinctOf', () => 'belongs to metric distinct only'],
  [
    (l) => l.distinctOf === l.subject,
    'distinctOf',
    (l) => `a ${l.subject} is always one ${l.subject}: name another subject`,
  ],
  [
    (l) => l.metric === 'distinct' && l.cap > LARGEST_DISTINCT_CAP,
    'cap',
    (l) =>
      `expected at most ${LARGEST_DISTINCT_CAP} with metric distinct, since so many members are remembered; was given ${l.cap}`,
  ],
  [
    (l) => l.refundable && l.metric !== 'count',
    'refundable',
    () => 'belongs to metric count only: a reversal gives points back anyway',
  ],
  [(l) => lacksSubject(l, l.subject), 'subject', (l) => onlyWith(l.subject)],
  [
    (l) => l.distinctOf !== undefined && lacksSubject(l, l.distinctOf),
    'distinctOf',
    (l) => onlyWith(l.distinctOf ?? l.subject),
  ],
];

const lacksSubject = ({ types }: LimitDocument, kind: SubjectKind): boolean => {
  const only = ONLY_WITH[kind];
  return only !== undefined && types.some((type) => type !== only);
};

const onlyWith = (kind: SubjectKind): string =>
  `${kind} is known of type ${ONLY_WITH[kind]} only: expected types: [${ONLY_WITH[kind]}]`;

const limitFaults = (entry: LimitDocument): [keyof LimitDocument, string][] =>
  RULES.filter(([broken]) => broken(entry)).map(([, key, message]) => [key, message(entry)]);

/** Milliseconds of a duration that the schema has accepted. */
const lengthMs = (text: string): number => durationMs(text) ?? Number.NaN;

const asLimit = (entry: LimitDocument): Limit => ({ ...entry, windowMs: lengthMs(entry.window) });

const asPolicy = (document: PolicyDocument): Policy => ({
  mode: document.mode,
  holdTtlMs: lengthMs(document.holdTtl),
  onHoldEnd: document.onHoldEnd,
  reviewTtlMs: lengthMs(document.reviewTtl),
  maxOpenHolds: document.maxOpenHolds,
  maxLatenessMs: lengthMs(document.maxLateness),
  challengeImpossible: document.challengeImpossible,
  limits: document.limits.map(asLimit),
  scoreBands: document.scoreBands,
});
