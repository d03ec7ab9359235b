/** A mapping: for each field of the decision request the expression that fills it from a row. */
import { readFile } from 'node:fs/promises';
import { LineCounter, parseDocument } from 'yaml';
import { isRecord } from '../api-client.js';
import { PlainFailure } from '../plain-failure.js';
import { type Expression, expressionCompiler } from './expression.js';
import { FIELD_VALUES, type FieldKind, isAbsent, KIND_NAMES, REQUEST_FIELDS, REQUIRED_FIELDS } from './fields.js';
import type { Cells } from './row.js';

/** Field → expression, as given. */
export type Definitions = ReadonlyMap<string, string>;

/** The body of `POST /v1/decisions`; `occurredAt` is RFC 3339 in UTC. */
export interface DecisionRequest {
  transactionId: string;
  accountId: string;
  counterpartyAccountId?: string;
  occurredAt?: string;
  [field: string]: unknown;
}

/** What a row asks, or why it makes no request: a sentence that names fields and never values, which may be personal. */
export type Mapped = { request: DecisionRequest } | { problem: string };

export type Mapping = (cells: Cells) => Mapped;

const MAX_MAP_FILE_BYTES = 64 * 1024;

/** `field=expression` of each `--map`. Throws a `PlainFailure` where one is none or a field comes twice. */
export function parseMapOptions(options: readonly string[]): Definitions {
  const definitions = new Map<string, string>();
  for (const option of options) {
    const [field, expression] = splitOnce(option);
    if (definitions.has(field)) throw new PlainFailure(`--map gives ${field} twice.`);
    definitions.set(field, expression);
  }
  return definitions;
}

function splitOnce(option: string): [string, string] {
  const at = option.indexOf('=');
  const [field, expression] = [option.slice(0, at).trim(), option.slice(at + 1).trim()];
  if (at < 1 || field === '' || expression === '')
    throw new PlainFailure(`--map takes field=expression, not ${option}.`);
  return [field, expression];
}

/** The mapping in a YAML file of `field: expression`. Throws a `PlainFailure` where it is none. */
export async function readMapFile(path: string): Promise<Definitions> {
  const bytes = await readFile(path).catch(() => {
    throw new PlainFailure(`The map file ${path} cannot be read.`);
  });
  if (bytes.length > MAX_MAP_FILE_BYTES) throw new PlainFailure(`The map file ${path} is over 64 KiB.`);
  const lines = new LineCounter();
  const document = parseDocument(bytes.toString('utf8'), { lineCounter: lines });
  const [error] = document.errors;
  if (error) throw new PlainFailure(`The map file ${path} is no YAML in line ${lines.linePos(error.pos[0]).line}.`);
  const content: unknown = document.toJS({ maxAliasCount: 0 });
  if (!isRecord(content)) throw new PlainFailure(`The map file ${path} does not hold lines of field: expression.`);
  return new Map(
    Object.entries(content).map(([field, expression]) => {
      if (['string', 'number', 'boolean'].includes(typeof expression)) return [field, String(expression)];
      throw new PlainFailure(`The map file ${path} gives ${field} no expression.`);
    }),
  );
}

/** Refuses fields that the decision request does not have, and a mapping without the required ones. */
export function checkFields(definitions: Definitions): void {
  const unknown = [...definitions.keys()].find((field) => !REQUEST_FIELDS.has(field));
  if (unknown !== undefined) {
    throw new PlainFailure(`A decision has no field ${unknown}; it has ${[...REQUEST_FIELDS.keys()].join(', ')}.`);
  }
  const missing = REQUIRED_FIELDS.filter((field) => !definitions.has(field));
  if (missing.length > 0)
    throw new PlainFailure(`The mapping lacks ${missing.join(', ')}: give --map ${missing[0]}=expression.`);
}

interface Filler {
  field: string;
  path: readonly string[];
  kind: FieldKind;
  required: boolean;
  expression: Expression;
}

/** Compiles checked definitions for a file with these columns. Throws a `PlainFailure` where one does not fit. */
export function compileMapping(definitions: Definitions, columns: readonly string[]): Mapping {
  checkFields(definitions);
  const compile = expressionCompiler(columns);
  const fillers = [...definitions].map(([field, source]) => fillerOf(field, compile(source)));
  return (cells) => {
    const request: Record<string, unknown> = {};
    for (const filler of fillers) {
      const problem = fill(request, filler, cells);
      if (problem !== undefined) return { problem };
    }
    return { request: request as DecisionRequest };
  };
}

function fillerOf(field: string, expression: Expression): Filler {
  const kind = REQUEST_FIELDS.get(field) ?? 'text';
  if (!fits(kind, expression.type)) {
    throw new PlainFailure(`The field ${field} is ${KIND_NAMES[kind]}; its expression gives ${expression.type}.`);
  }
  const required = (REQUIRED_FIELDS as readonly string[]).includes(field);
  return { field, path: field.split('.'), kind, required, expression };
}

/** CEL's static types that can become each kind; `dyn`, and text (which is read), are judged row by row. */
const STATIC_TYPES: Record<FieldKind, RegExp> = {
  text: /^(string|int|uint|double|bool|google\.protobuf\.Timestamp)$/,
  integer: /^(int|uint|double|string)$/,
  number: /^(int|uint|double|string)$/,
  time: /^(string|google\.protobuf\.Timestamp)$/,
  list: /^list/,
};
const fits = (kind: FieldKind, type: string): boolean => type === 'dyn' || STATIC_TYPES[kind].test(type);

function fill(request: Record<string, unknown>, filler: Filler, cells: Cells): string | undefined {
  let value: unknown;
  try {
    value = filler.expression.evaluate(cells);
  } catch {
    // The library's message may quote values of the row.
    return `${filler.field} cannot be computed from this row`;
  }
  if (isAbsent(value)) return filler.required ? `${filler.field} is empty` : undefined;
  const converted = FIELD_VALUES[filler.kind](value);
  if (converted === undefined) return `${filler.field} is not ${KIND_NAMES[filler.kind]}`;
  place(request, filler.path, converted);
  return undefined;
}

function place(request: Record<string, unknown>, path: readonly string[], value: unknown): void {
  let at = request;
  for (const name of path.slice(0, -1)) {
    const known = at[name];
    const inner: Record<string, unknown> = isRecord(known) ? known : {};
    at[name] = inner;
    at = inner;
  }
  at[path.at(-1) ?? ''] = value;
}
