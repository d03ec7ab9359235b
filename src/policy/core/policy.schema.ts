/** A policy document, from its text to what the machine uses; or all that is wrong with it, each at its place. */
import type { z } from 'zod';
import { durationMs } from '../../kernel/duration.js';
import { documentFaults, type Fault } from './document-faults.js';
import { type PolicyDocument, policyDocument } from './document.schema.js';
import type { Policy } from './policy.js';
import {
  MOST_PROBLEMS,
  pathText,
  pointerOf,
  type PolicyProblem,
  type PolicySource,
  readPolicySource,
} from './policy-source.js';
import { compileRules, type RuleSet } from './rules.js';

export type { PolicyProblem } from './policy-source.js';

/** Reads a policy, YAML or JSON; answers all that is wrong with it where it cannot be used. Never throws. */
export function parsePolicy(text: string): { policy: Policy } | { problems: PolicyProblem[] } {
  const source = readPolicySource(text);
  if ('problems' in source) return source;
  const parsed = policyDocument.safeParse(source.value);
  if (!parsed.success) {
    return {
      problems: problemsOf(
        parsed.error.issues.flatMap((issue) => asFaults(issue, source.value)),
        source,
      ),
    };
  }
  const { limits, rules } = parsed.data;
  const compiled = compileRules(rules, new Set(limits.map((limit) => limit.id)));
  const faults = documentFaults(parsed.data);
  if ('faults' in compiled) {
    faults.push(...compiled.faults.map(({ index, message, at }) => ({ path: ['rules', index, 'when'], message, at })));
  }
  return 'faults' in compiled || faults.length > 0
    ? { problems: problemsOf(faults, source) }
    : { policy: asPolicy(parsed.data, compiled) };
}

const problemsOf = (faults: readonly Fault[], source: PolicySource): PolicyProblem[] =>
  faults.slice(0, MOST_PROBLEMS).map(({ path, message, ofKey, at }) => {
    const where = pathText(path);
    const place = at === undefined ? source.placeOf(path, ofKey) : source.placeInText(path, at);
    return { ...place, path: where, pointer: pointerOf(path), message: where ? `${where}: ${message}` : message };
  });

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

/** Milliseconds of a duration that the schema has accepted. */
const lengthMs = (text: string): number => durationMs(text) ?? Number.NaN;

const asPolicy = (document: PolicyDocument, rules: RuleSet): Policy => ({
  mode: document.mode,
  holdTtlMs: lengthMs(document.holdTtl),
  onHoldEnd: document.onHoldEnd,
  reviewTtlMs: lengthMs(document.reviewTtl),
  maxOpenHolds: document.maxOpenHolds,
  maxLatenessMs: lengthMs(document.maxLateness),
  challengeImpossible: document.challengeImpossible,
  limits: document.limits.map((limit) => ({ ...limit, windowMs: lengthMs(limit.window) })),
  rules,
  scoreBands: document.scoreBands,
  degraded: document.degraded,
});
