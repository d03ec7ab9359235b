/**
 * The language of conditions: CEL as `@marcbachmann/cel-js` parses, type-checks and evaluates it, with the facts of
 * `facts.ts` as its variables.
 *
 * All numbers are doubles (points up to 10¹² are exact), literals, too, so that `points > 5000`, `account.ageDays < 1.5`,
 * `points % 1000 == 0` and `has(account.balance) ? account.balance : 0` need no conversions. Only `size` counts in CEL's
 * int; the library's missing overloads of double with int are added here.
 */
import { type ASTNode, Environment } from '@marcbachmann/cel-js';
import {
  EXTERNAL_SIGNAL_FACTS,
  FACT_GROUPS,
  type Fact,
  FACTS,
  type Facts,
  type FactType,
  LIMIT_FACTS,
} from './facts.js';
import { childrenOf } from './condition-tree.js';
import { globMatches } from './glob.js';
import { HOLDS, holdsMacro, knownMacro } from './rule-macros.js';

/** A condition of 2,000 characters stays far below; deeper ones are hard to read, and cost a stack to walk. */
const LIMITS = { maxAstNodes: 500, maxDepth: 32, maxListElements: 200, maxMapEntries: 0, maxCallArguments: 3 };

const CEL_TYPES: Record<FactType, string> = { text: 'string', number: 'double', truth: 'bool', names: 'list<string>' };

const fieldTypes = (fields: Iterable<[string, Fact]>): Record<string, string> =>
  Object.fromEntries([...fields].map(([name, { type }]) => [name, CEL_TYPES[type]]));

/** CEL keeps `type` for its own types; the fact of that name has another one in the parsed tree. */
const LIBRARY_NAMES = new Map([['type', 'transactionType']]);
const libraryName = (path: string): string => LIBRARY_NAMES.get(path) ?? path;

/** The library knows the type of an object by its class, so each group of facts has one. */
interface Group {
  name: string;
  fields: readonly string[];
  make: new () => Record<string, unknown>;
}

const groupOf = (name: string, fields: Iterable<string>): Group => ({
  name,
  fields: [...fields],
  make: class {} as Group['make'],
});

const GROUPS = [...FACT_GROUPS].map(([name, fields]) => groupOf(name, fields.keys()));
const LIMIT = groupOf('limit', Object.keys(LIMIT_FACTS));
const EXTERNAL_SIGNAL = groupOf('externalSignal', Object.keys(EXTERNAL_SIGNAL_FACTS));
const SINGLE = Object.keys(FACTS).filter((path) => !path.includes('.'));

export const RULE_LANGUAGE: Environment = declareFacts(
  declareNumbers(new Environment({ limits: LIMITS, homogeneousAggregateLiterals: false }))
    .registerFunction('string.glob(string): bool', globMatches)
    .registerFunction('known(ast): bool', knownMacro)
    .registerFunction(`${HOLDS}(ast): bool`, holdsMacro),
);

function declareFacts(environment: Environment): Environment {
  const typeName = ({ name }: Group): string => `facts.${name}`;
  const declareType = (group: Group, facts: Iterable<[string, Fact]>) =>
    environment.registerType(typeName(group), { ctor: group.make, fields: fieldTypes(facts) });
  for (const [path, fact] of Object.entries<Fact>(FACTS)) {
    if (!path.includes('.')) environment.registerVariable(libraryName(path), CEL_TYPES[fact.type]);
  }
  for (const group of GROUPS) {
    declareType(group, FACT_GROUPS.get(group.name) ?? []);
    environment.registerVariable(group.name, typeName(group));
  }
  declareType(LIMIT, Object.entries(LIMIT_FACTS));
  declareType(EXTERNAL_SIGNAL, Object.entries(EXTERNAL_SIGNAL_FACTS));
  return environment
    .registerVariable('limits', `map<string, ${typeName(LIMIT)}>`)
    .registerVariable('externalSignals', `list<${typeName(EXTERNAL_SIGNAL)}>`);
}

type Numbers = (left: bigint | number, right: bigint | number) => unknown;

function declareNumbers(environment: Environment): Environment {
  const mixed: [operator: string, handler: Numbers][] = [
    ['+', (a, b) => Number(a) + Number(b)],
    ['-', (a, b) => Number(a) - Number(b)],
    ['*', (a, b) => Number(a) * Number(b)],
    ['/', (a, b) => Number(a) / Number(b)],
    ['%', (a, b) => Number(a) % Number(b)],
  ];
  for (const [operator, handler] of mixed) {
    environment.registerOperator(`int ${operator} double: double`, handler);
    environment.registerOperator(`double ${operator} int: double`, handler);
  }
  environment.registerOperator('double % double: double', (a: number, b: number) => a % b);
  environment.registerOperator('int in list<double>', (a: bigint, list: number[]) => list.includes(Number(a)));
  // the library makes the overload for swapped sides itself
  return environment.registerOperator('int == double', (a: bigint, b: number) => Number(a) === b);
}

/** Puts a parsed condition, before it is checked, into the library's terms: names that it keeps for itself, and one kind of number. */
export function intoLibraryTerms(node: ASTNode): void {
  const changed = node as { args: unknown };
  if (node.op === 'id') changed.args = libraryName(node.args);
  if (node.op === 'value' && typeof node.args === 'bigint') changed.args = Number(node.args);
  for (const child of childrenOf(node)) intoLibraryTerms(child);
}

/** What the library evaluates conditions against. */
export type RuleContext = Record<string, unknown>;

/** Made once a decision, for all rules, with the limits that they name. */
export function contextOf(facts: Facts, limitIds: readonly string[]): RuleContext {
  const byPath: Readonly<Record<string, unknown>> = facts;
  const context: RuleContext = {};
  for (const path of SINGLE) context[libraryName(path)] = byPath[path];
  for (const { name, fields, make } of GROUPS) {
    const group = new make();
    for (const field of fields) group[field] = byPath[`${name}.${field}`];
    context[name] = group;
  }
  const limits: Record<string, unknown> = {};
  for (const id of limitIds) {
    const limit = facts.limits?.[id];
    if (limit) limits[id] = Object.assign(new LIMIT.make(), limit);
  }
  context.limits = limits;
  context.externalSignals = (facts.externalSignals ?? []).map((signal) =>
    Object.assign(new EXTERNAL_SIGNAL.make(), signal, { score: signal.score ?? 0 }),
  );
  return context;
}
