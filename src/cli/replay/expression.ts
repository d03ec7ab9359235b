/**
 * CEL over the columns of a file (API.md §2 "Mappings"). A bare column is its text; inside an expression a text that is
 * a number is one. To CEL's own functions come max, min, round, floor, ceil and abs, and arithmetic that mixes int and
 * double: `TX_AMOUNT * 100` must not depend on how a row happens to write its amount.
 */
import { type ASTNode, Environment, type TypeCheckResult } from '@marcbachmann/cel-js';
import { PlainFailure } from '../plain-failure.js';
import { numberOf } from './fields.js';
import type { Cells } from './row.js';
import { parseTimeMs } from './times.js';

export interface Expression {
  /** CEL's static type: `dyn` where it depends on the row. */
  type: string;
  /** Throws where the row's values do not fit the expression. */
  evaluate(cells: Cells): unknown;
}

type CelNumber = number | bigint;

const ARITHMETIC: Record<string, (left: number, right: number) => number> = {
  '+': (left, right) => left + right,
  '-': (left, right) => left - right,
  '*': (left, right) => left * right,
  '/': (left, right) => left / right,
  '%': (left, right) => left % right,
};

/** Every pair but int with int, which is CEL's own; double with double is its own too, save for `%`. */
const MIXED_PAIRS = [
  ['int', 'double'],
  ['double', 'int'],
] as const;
const NUMBERS = ['int', 'double'] as const;

const wholeOr =
  (round: (value: number) => number) =>
  (value: CelNumber): CelNumber =>
    typeof value === 'bigint' ? value : round(value);

const ONE_NUMBER: Record<string, (value: CelNumber) => CelNumber> = {
  round: wholeOr(Math.round),
  floor: wholeOr(Math.floor),
  ceil: wholeOr(Math.ceil),
  abs: (value) => (value < 0 ? -value : value),
};

const TWO_NUMBERS: Record<string, (left: CelNumber, right: CelNumber) => CelNumber> = {
  max: (left, right) => (left > right ? left : right),
  min: (left, right) => (left < right ? left : right),
};

const TIMESTAMP = 'google.protobuf.Timestamp';
/** CEL's own `timestamp` refuses a text without a zone and cannot be replaced, so its calls are renamed to this. */
const UTC_TIMESTAMP = 'utcTimestamp';

/** Makes the compiler of expressions over these columns. */
export function expressionCompiler(columns: readonly string[]): (source: string) => Expression {
  const environment = environmentOf(columns);
  const valuesOf = celValues(columns);
  return (source) => {
    const column = source.trim();
    if (columns.includes(column)) return bareColumn(column);
    return compile(environment, source, columns, valuesOf);
  };
}

/** A bare column may have any name; only the names that CEL can say work inside an expression. */
const bareColumn = (column: string): Expression => ({
  type: 'dyn',
  evaluate: (cells) => {
    const value = cells.get(column);
    return typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;
  },
});

function environmentOf(columns: readonly string[]): Environment {
  const environment = new Environment({ homogeneousAggregateLiterals: false });
  registerArithmetic(environment);
  registerFunctions(environment);
  for (const column of columns) {
    try {
      environment.registerVariable(column, 'dyn');
    } catch {
      // A name that CEL keeps for itself (`type`, `in`): such a column can still be named bare.
    }
  }
  return environment;
}

function registerArithmetic(environment: Environment): void {
  for (const [operator, apply] of Object.entries(ARITHMETIC)) {
    const handler = (left: CelNumber, right: CelNumber) => apply(Number(left), Number(right));
    for (const [left, right] of MIXED_PAIRS)
      environment.registerOperator(`${left} ${operator} ${right}: double`, handler);
    if (operator === '%') environment.registerOperator('double % double: double', handler);
  }
}

/** The result type is `dyn`: CEL would take that of the first overload for a column's, and `/` would then divide ints. */
function registerFunctions(environment: Environment): void {
  for (const type of NUMBERS) {
    for (const [name, handler] of Object.entries(ONE_NUMBER))
      environment.registerFunction(`${name}(${type}): dyn`, handler);
    for (const other of NUMBERS) {
      for (const [name, handler] of Object.entries(TWO_NUMBERS)) {
        environment.registerFunction(`${name}(${type}, ${other}): dyn`, handler);
      }
    }
    environment.registerFunction(`${UTC_TIMESTAMP}(${type}): ${TIMESTAMP}`, (seconds: CelNumber) =>
      dateOf(Number(seconds) * 1000),
    );
  }
  environment.registerFunction(`${UTC_TIMESTAMP}(string): ${TIMESTAMP}`, (text: string) => dateOf(parseTimeMs(text)));
}

function dateOf(atMs: number | undefined): Date {
  const date = new Date(atMs ?? Number.NaN);
  if (Number.isNaN(date.getTime())) throw new RangeError('timestamp() takes a time like 2018-04-01T00:00:31');
  return date;
}

function compile(
  environment: Environment,
  source: string,
  columns: readonly string[],
  valuesOf: (cells: Cells) => Map<string, unknown>,
): Expression {
  const parsed = attempt(() => environment.parse(source), source);
  renameTimestamps(parsed.ast);
  const checked = parsed.check();
  if (!checked.valid) throw new PlainFailure(whyNot(checked, source, columns));
  return {
    type: checked.type ?? 'dyn',
    evaluate: (cells) => parsed(valuesOf(cells)) as unknown,
  };
}

function attempt<T>(parse: () => T, source: string): T {
  try {
    return parse();
  } catch (error) {
    throw new PlainFailure(`The expression ${source} cannot be read: ${summaryOf(error)}.`);
  }
}

function whyNot(checked: TypeCheckResult, source: string, columns: readonly string[]): string {
  const summary = summaryOf(checked.error);
  const unknown = /^Unknown variable: (.+)$/.exec(summary)?.[1];
  if (unknown === undefined) return `The expression ${source} cannot be evaluated: ${summary}.`;
  const known = columns.slice(0, 20).join(', ') + (columns.length > 20 ? ' …' : '');
  return `There is no column ${unknown}; the file has ${known} (a text is written in quotes: '${unknown}').`;
}

const summaryOf = (error: unknown): string => {
  const { summary } = Object(error) as { summary?: unknown };
  return (typeof summary === 'string' ? summary : 'it is no CEL').replaceAll(UTC_TIMESTAMP, 'timestamp');
};

function renameTimestamps(node: unknown): void {
  if (Array.isArray(node)) return node.forEach(renameTimestamps);
  if (!isNode(node)) return;
  if (node.op === 'call' && node.args[0] === 'timestamp') node.args[0] = UTC_TIMESTAMP;
  renameTimestamps(node.args);
}

const isNode = (value: unknown): value is ASTNode =>
  typeof value === 'object' && value !== null && 'op' in value && 'args' in value;

/** A row's values for CEL, made once for all expressions of the row. */
function celValues(columns: readonly string[]): (cells: Cells) => Map<string, unknown> {
  let last: { cells: Cells; values: Map<string, unknown> } | undefined;
  return (cells) => {
    if (last?.cells !== cells) {
      last = { cells, values: new Map(columns.map((column) => [column, celValue(cells.get(column))])) };
    }
    return last.values;
  };
}

/** Texts that are numbers become numbers, at any depth; what a row lacks is null. */
function celValue(value: unknown): unknown {
  if (typeof value === 'string') return numberOf(value) ?? value;
  if (Array.isArray(value)) return value.map(celValue);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, celValue(member)]));
  }
  return value ?? null;
}
