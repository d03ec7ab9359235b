/**
 * A policy document as text: YAML or JSON, read without trust. What could cost more than it says (aliases, deep nesting,
 * endless documents) or say two things at once (duplicate keys) is refused before anything is built from it. Every
 * value keeps its place, so that a problem can name line and column.
 */
import {
  CST,
  type Document,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  Lexer,
  Parser,
  visit,
} from 'yaml';

/** What is wrong and where; line and column count from 1. */
export interface PolicyProblem {
  line: number;
  column: number;
  /** Like `limits[0].metric`; empty for the document itself. */
  path: string;
  /** The same as an RFC 6901 pointer. */
  pointer: string;
  message: string;
}

export type Place = Pick<PolicyProblem, 'line' | 'column'>;

export type Path = readonly PropertyKey[];

/** A document that was read: its value, and the place of each part of it. */
export interface PolicySource {
  value: unknown;
  /** Line and column of the value at a path, of its key where `ofKey`, or of what should hold it where it is absent. */
  placeOf(path: Path, ofKey?: boolean): Place;
  /** Place of a letter of the text at a path, by its offset; of the text itself where it is folded or has escapes. */
  placeInText(path: Path, at: number): Place;
}

export const LARGEST_POLICY_BYTES = 256 * 1024;
const DEEPEST_NESTING = 32;
/** Two hundred limits take some 20,000; reading this many takes a tenth of a second. */
const MOST_LEXEMES = 100_000;
/** Who has more to mend looks again. */
export const MOST_PROBLEMS = 50;

const LONGEST_NAME = 100;

export const pathText = (path: Path): string =>
  path
    .map((part, i) => {
      if (typeof part === 'number') return `[${part}]`;
      return (i > 0 ? '.' : '') + String(part).slice(0, LONGEST_NAME);
    })
    .join('');

/** RFC 6901. */
export const pointerOf = (path: Path): string =>
  path.map((part) => `/${String(part).slice(0, LONGEST_NAME).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

/** Reads a document, or says what makes it unreadable. */
export function readPolicySource(text: string): PolicySource | { problems: PolicyProblem[] } {
  const refused = refusedBySize(text) ?? refusedByLetters(text) ?? refusedByTokens(text);
  if (refused) return { problems: [refused] };
  const lines = new LineCounter();
  // duplicate keys are found below: the library compares each key with each other, which takes seconds for 256 KiB
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: false,
    stringKeys: true,
  });
  const at: Refuse = (offset, path, message) => {
    const where = pathText(path);
    return {
      ...place(lines, offset),
      path: where,
      pointer: pointerOf(path),
      message: where ? `${where}: ${message}` : message,
    };
  };
  const problems = document.errors.map((error) => at(error.pos[0], [], error.message));
  if (problems.length === 0) problems.push(...duplicateKeys(document, at));
  if (problems.length > 0) return { problems: problems.slice(0, MOST_PROBLEMS) };
  return {
    value: document.toJS(),
    placeOf: (path, ofKey = false) => place(lines, offsetOf(document, path, ofKey)),
    placeInText: (path, inside) =>
      place(lines, offsetInText(text, document.getIn(path), offsetOf(document, path, false), inside)),
  };
}

function place(lines: LineCounter, offset: number): Place {
  const { line, col } = lines.linePos(offset);
  // an empty text has no lines
  return { line: Math.max(1, line), column: Math.max(1, col) };
}

/** What no editor shows and PostgreSQL cannot keep: it may stand in comments, which the library reads over. */
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/;

function refusedByLetters(text: string): PolicyProblem | undefined {
  const at = text.search(CONTROL);
  if (at < 0) return undefined;
  const before = text.slice(0, at).split('\n');
  const message = 'expected text without control characters';
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1, path: '', pointer: '', message };
}

function refusedBySize(text: string): PolicyProblem | undefined {
  if (Buffer.byteLength(text, 'utf8') <= LARGEST_POLICY_BYTES) return undefined;
  return { line: 1, column: 1, path: '', pointer: '', message: 'the document is longer than 256 KiB' };
}

/** What a token of that type has no place in a policy for. */
const REFUSED_TOKENS = new Map([
  ['alias', 'aliases are not accepted: write the value out'],
  ['anchor', 'anchors are not accepted: write the value out'],
  ['tag', 'tags are not accepted: a text that begins with ! stands in quotes'],
]);

/** Looks at the tokens alone, without recursion: the reader itself would run deep before it could refuse. */
function refusedByTokens(text: string): PolicyProblem | undefined {
  const lines = new LineCounter();
  const refuse = (offset: number, message: string): PolicyProblem => ({
    ...place(lines, offset),
    path: '',
    pointer: '',
    message,
  });
  const parser = new Parser(lines.addNewLine);
  const roots: CST.Token[] = [];
  let lexemes = 0;
  for (const lexeme of new Lexer().lex(text)) {
    if (++lexemes > MOST_LEXEMES) return refuse(0, 'the document has too many parts');
    for (const token of parser.next(lexeme)) roots.push(token);
  }
  for (const token of parser.end()) roots.push(token);
  const waiting = roots.map((token) => ({ token, depth: 0 }));
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { token, depth } = next;
    const message = REFUSED_TOKENS.get(token.type);
    if (message) return refuse(token.offset, message);
    if (depth > DEEPEST_NESTING) return refuse(token.offset, `values are nested deeper than ${DEEPEST_NESTING} levels`);
    for (const child of childrenOf(token))
      waiting.push({ token: child, depth: depth + (CST.isCollection(token) ? 1 : 0) });
  }
  return undefined;
}

function childrenOf(token: CST.Token): CST.Token[] {
  if (token.type === 'document') return [...token.start, ...(token.value ? [token.value] : [])];
  if (!CST.isCollection(token)) return [];
  return token.items.flatMap((item) => [
    ...item.start,
    ...(item.key ? [item.key] : []),
    ...(item.sep ?? []),
    ...(item.value ? [item.value] : []),
  ]);
}

type Refuse = (offset: number, path: Path, message: string) => PolicyProblem;

function duplicateKeys(document: Document, at: Refuse): PolicyProblem[] {
  const problems: PolicyProblem[] = [];
  visit(document, {
    Map(_, map, ancestors) {
      const seen = new Set<string>();
      for (const { key } of map.items) {
        const name = isScalar(key) ? String(key.value) : '';
        if (seen.has(name)) {
          const path = [...pathOf([...ancestors, map]), name];
          problems.push(at(startOf(key), path, 'this key is given twice'));
        }
        seen.add(name);
      }
    },
  });
  return problems;
}

/** The path of a node from those above it. */
function pathOf(chain: readonly unknown[]): Path {
  const path: PropertyKey[] = [];
  for (const [i, node] of chain.entries()) {
    if (isPair(node) && isScalar(node.key)) path.push(String(node.key.value));
    if (isSeq(node) && i < chain.length - 1) path.push(node.items.indexOf(chain[i + 1]));
  }
  return path;
}

function offsetOf(document: Document, path: Path, ofKey: boolean): number {
  let node: unknown = document.contents;
  let offset = startOf(node);
  for (const [i, part] of path.entries()) {
    const pair = isMap(node) ? node.items.find(({ key }) => isScalar(key) && String(key.value) === part) : undefined;
    if (ofKey && i === path.length - 1) return startOf(pair?.key) || offset;
    node = pair ? pair.value : isSeq(node) ? node.items[Number(part)] : undefined;
    if (!node) return offset;
    offset = startOf(node);
  }
  return offset;
}

/** Where a letter of a value stands in the document, as far as the two are written alike up to it. */
function offsetInText(text: string, value: unknown, start: number, inside: number): number {
  const quoted = text[start] === '"' || text[start] === "'";
  const from = quoted ? start + 1 : start;
  return typeof value === 'string' && text.startsWith(value.slice(0, inside), from) ? from + inside : start;
}

const startOf = (node: unknown): number => (node as Node | null | undefined)?.range?.[0] ?? 0;
