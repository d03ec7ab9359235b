/**
 * What a condition may say beyond what its types allow. Names are looked up here, before the library's type check, so that
 * a problem can tell what there is instead; and what could cost more than it says (regular expressions, loops in loops) is
 * refused: the work of a condition is at most its size times the 20 external signals.
 */
import type { ASTNode } from '@marcbachmann/cel-js';
import { childrenOf, isName, limitOf, pathOf, referenceOf, textOf } from './condition-tree.js';
import { FACT_GROUPS, factAt, factPaths, LIMIT_FACTS } from './facts.js';

/** What is wrong with a condition, and where in its text. */
export interface ConditionFault {
  message: string;
  /** Offset of the part that is wrong; in characters, from 0. */
  at: number;
}

const FUNCTIONS: ReadonlySet<string> = new Set(['has', 'known', 'size']);
const METHODS: ReadonlySet<string> = new Set([
  'startsWith',
  'endsWith',
  'contains',
  'glob',
  'lowerAscii',
  'upperAscii',
  'trim',
  'size',
]);
const LOOPS: ReadonlySet<string> = new Set(['exists', 'exists_one', 'all', 'filter', 'map']);
/** Facts beside those of the table that conditions name. */
const COLLECTIONS: ReadonlySet<string> = new Set(['limits', 'externalSignals']);

const listed = (words: Iterable<string>): string => [...words].join(', ');

/** Names inside a loop: its variable. */
type Scope = string | undefined;

/** Everything that is wrong with the names and calls of a condition. */
export function conditionFaults(condition: ASTNode, limitIds: ReadonlySet<string>): ConditionFault[] {
  const faults: ConditionFault[] = [];
  const fault = ({ start }: ASTNode, message: string): void => void faults.push({ message, at: start });

  function visit(node: ASTNode, scope: Scope): void {
    if (isNamed(node)) return visitName(node, scope);
    if (node.op === 'call') visitCall(node);
    if (node.op === 'rcall') return visitMethod(node, scope);
    if (node.op === '[]') return fault(node, 'expected limits["id"]: nothing else is read with [ ]');
    if (node.op === 'value' && typeof node.args === 'object')
      return fault(node, 'expected a text, a number, true or false: null, bytes and unsigned numbers are in no fact');
    if (node.op === '==' || node.op === '!=' || node.op === 'in') visitComparison(node.args[0], node.args[1]);
    for (const child of childrenOf(node)) visit(child, scope);
  }

  function visitName(node: ASTNode, scope: Scope): void {
    const limit = referenceOf(node);
    if (limit && 'limit' in limit) return visitLimit(node, limit.limit);
    const path = pathOf(node) ?? '';
    const [root = ''] = path.split('.', 1);
    if (root === scope || factAt(path) || path === 'externalSignals') return;
    const fields = FACT_GROUPS.get(root);
    if (fields) {
      const known = listed([...fields.keys()].map((field) => `${root}.${field}`));
      return fault(
        node,
        path === root
          ? `${root} is a group of facts: expected one of ${known}`
          : `unknown fact ${path}: expected one of ${known}`,
      );
    }
    if (root === 'limits') return fault(node, 'expected limits["id"] and one of its facts, like limits["id"].used');
    fault(node, `unknown fact ${path}: expected one of ${listed(factPaths())}, ${listed(COLLECTIONS)}`);
  }

  function visitLimit(node: ASTNode, id: string): void {
    if (!limitIds.has(id)) {
      const known = limitIds.size > 0 ? `one of ${listed(limitIds)}` : 'none: this policy has no limits';
      return fault(node, `there is no limit ${JSON.stringify(id)}: expected ${known}`);
    }
    const field = node.op === '.' && limitOf(node) === undefined ? node.args[1] : undefined;
    if (field === undefined || !Object.hasOwn(LIMIT_FACTS, field))
      fault(node, `expected a fact of the limit: one of ${listed(Object.keys(LIMIT_FACTS))}`);
  }

  function visitCall(node: ASTNode & { op: 'call' }): void {
    const [name, [argument]] = node.args;
    if (!FUNCTIONS.has(name)) return fault(node, `unknown function ${name}: expected one of ${listed(FUNCTIONS)}`);
    if (name === 'size' || !argument) return;
    const reference = referenceOf(argument);
    if (!reference || 'limit' in reference) fault(argument, `${name}(…) expects a fact, like ${name}(account.tier)`);
    else if (name === 'has' && argument.op === 'id')
      fault(argument, `has(…) expects a fact of a group, like has(account.tier): expected known(${argument.args})`);
  }

  function visitMethod(node: ASTNode & { op: 'rcall' }, scope: Scope): void {
    const [name, receiver, args] = node.args;
    visit(receiver, scope);
    if (LOOPS.has(name)) return visitLoop(node, scope);
    if (name === 'matches')
      fault(node, 'regular expressions are not offered: expected glob("*…*"), startsWith, endsWith or contains');
    else if (!METHODS.has(name))
      fault(node, `unknown function ${name}: expected one of ${listed(METHODS)}, ${listed(LOOPS)}`);
    for (const argument of args) visit(argument, scope);
  }

  function visitLoop(node: ASTNode & { op: 'rcall' }, scope: Scope): void {
    const [name, receiver, [variable, ...bodies]] = node.args;
    if (scope !== undefined) return fault(node, `${name} stands inside another loop: expected one loop at a time`);
    if (!isExternalSignals(receiver)) return fault(node, `${name} goes over externalSignals only`);
    if (variable?.op !== 'id' || bodies.length === 0)
      return fault(node, `expected ${name}(signal, …), like externalSignals.exists(signal, signal.score > 80)`);
    if (factAt(variable.args) || FACT_GROUPS.has(variable.args) || COLLECTIONS.has(variable.args))
      return fault(variable, `${variable.args} is a fact: expected another name`);
    for (const body of bodies) visit(body, variable.args);
  }

  /** A misspelt `type == "brun"` would be a rule that never fires, and nobody would notice. */
  function visitComparison(left: ASTNode, right: ASTNode): void {
    for (const [one, other] of [
      [left, right],
      [right, left],
    ] as const) {
      const values = factAt(pathOf(one) ?? '')?.values;
      if (!values) continue;
      for (const node of other.op === 'list' ? other.args : [other]) {
        const text = textOf(node);
        if (text !== undefined && !values.includes(text))
          fault(node, `${pathOf(one)} is never ${JSON.stringify(text)}: expected one of ${listed(values)}`);
      }
    }
  }

  visit(condition, undefined);
  return faults;
}

/** A name, a fact of a group, or a limit's. */
function isNamed(node: ASTNode): boolean {
  return node.op === 'id' || pathOf(node) !== undefined || (referenceOf(node) !== undefined && node.op !== 'value');
}

function isExternalSignals(node: ASTNode): boolean {
  if (isName(node, 'externalSignals')) return true;
  return (
    node.op === 'rcall' && (node.args[0] === 'filter' || node.args[0] === 'map') && isExternalSignals(node.args[1])
  );
}
