/**
 * Rules: conditions over the facts of one transaction, each with what follows where it holds.
 *
 * A rule fires only where its condition is true. What is compared with a fact that is absent is neither true nor false. So
 * a rule never fires by what is not known, unless it asks (`!known(device.id)`), and an absent fact is never an error.
 */
import { ParseError, type ParseResult, TypeError as CelTypeError } from '@marcbachmann/cel-js';
import { type ConditionFault, conditionFaults } from './condition-faults.js';
import { namesIn, type Reference } from './condition-tree.js';
import { factAt, type Facts } from './facts.js';
import { contextOf, RULE_LANGUAGE, intoLibraryTerms } from './rule-language.js';
import { HOLDS } from './rule-macros.js';

export const MOST_RULES = 500;
export const LONGEST_CONDITION = 2000;

export interface Rule {
  id: string;
  /** CEL over `FACTS`. */
  when: string;
  outcome: 'challenge' | 'review' | 'deny' | 'score';
  /** With outcome `score`: 1 … 100. */
  weight?: number;
  reason: string;
}

/** A rule that fired, with the facts that its condition names: what a reason shows. None of them is personal. */
export interface FiredRule {
  rule: Rule;
  facts: Record<string, string | number>;
}

export interface RuleSet {
  readonly rules: readonly Rule[];
  /** Paths of the facts that conditions name: what no rule asks for need not be looked up. */
  readonly facts: ReadonlySet<string>;
  /** The rules whose conditions hold, in the order of the policy. Never throws for what the facts are. */
  evaluate(facts: Facts): FiredRule[];
}

export interface RuleFault extends ConditionFault {
  /** Of the rule in its list. */
  index: number;
}

export const NO_RULES: RuleSet = { rules: [], facts: new Set(), evaluate: () => [] };

interface Condition {
  names: readonly Reference[];
  holds: ParseResult;
}

/** Reads the conditions of rules that the schema has accepted; answers all that is wrong with them. */
export function compileRules(rules: readonly Rule[], limitIds: ReadonlySet<string>): RuleSet | { faults: RuleFault[] } {
  if (rules.length === 0) return NO_RULES;
  const faults: RuleFault[] = [];
  const compiled: (Condition & { rule: Rule })[] = [];
  for (const [index, rule] of rules.entries()) {
    const condition = readCondition(rule.when, limitIds);
    if ('faults' in condition) faults.push(...condition.faults.map((fault) => ({ ...fault, index })));
    else compiled.push({ rule, ...condition });
  }
  if (faults.length > 0) return { faults };
  const named = compiled.flatMap(({ names }) => names.flatMap((name) => ('limit' in name ? name.limit : [])));
  const namedLimits = [...new Set(named)];
  return {
    rules,
    facts: new Set(compiled.flatMap(({ names }) => names.flatMap((name) => ('fact' in name ? name.fact : [])))),
    evaluate(facts) {
      const context = contextOf(facts, namedLimits);
      return compiled
        .filter(({ holds }) => holds(context) === true)
        .map(({ rule, names }) => ({ rule, facts: shownFacts(names, facts) }));
    },
  };
}

function readCondition(text: string, limitIds: ReadonlySet<string>): Condition | { faults: ConditionFault[] } {
  try {
    const condition = RULE_LANGUAGE.parse(text);
    const faults = conditionFaults(condition.ast, limitIds);
    if (faults.length > 0) return { faults };
    const names = namesIn(condition.ast);
    const fault = typeFault(condition, text);
    if (fault) return { faults: [fault] };
    // by itself it was one expression, so it is one argument; the new line ends a comment
    const holds = RULE_LANGUAGE.parse(`${HOLDS}(${text}\n)`);
    intoLibraryTerms(holds.ast);
    const { error } = holds.check();
    return error ? { faults: [libraryFault(error, text)] } : { names, holds };
  } catch (error) {
    return { faults: [libraryFault(error, text)] };
  }
}

function typeFault(condition: ParseResult, text: string): ConditionFault | undefined {
  intoLibraryTerms(condition.ast);
  const { error, type } = condition.check();
  if (error) return libraryFault(error, text);
  if (type === 'bool') return undefined;
  return { message: `expected a condition that is true or false, this is ${shownType(type ?? 'nothing')}`, at: 0 };
}

/** The library's words for types, in ours. */
const TYPE_WORDS: Record<string, string> = { double: 'number', int: 'number', string: 'text', bool: 'truth' };
const shownType = (text: string): string =>
  text.replaceAll(/\b(double|int|string|bool)\b/g, (word) => TYPE_WORDS[word] ?? word);

function libraryFault(error: unknown, text: string): ConditionFault {
  if (!(error instanceof ParseError || error instanceof CelTypeError)) throw error;
  const message = `expected CEL that fits its facts: ${shownType(error.summary)}`;
  return { message, at: Math.min(error.range?.start ?? 0, text.length) };
}

type FactValues = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

function shownFacts(names: readonly Reference[], facts: Facts): Record<string, string | number> {
  const shown: Record<string, string | number> = {};
  for (const name of names) {
    if ('limit' in name) {
      const limit = facts.limits?.[name.limit];
      if (limit) shown[`limits.${name.limit}.used`] = limit.used;
      continue;
    }
    const value = (facts as FactValues)[name.fact];
    const fact = factAt(name.fact);
    if (value === undefined || !fact || fact.personal) continue;
    shown[name.fact] = typeof value === 'number' ? value : String(value);
  }
  return shown;
}
