/** A parsed condition as a tree: what stands below a node, and which fact or limit a node names. */
import type { ASTNode } from '@marcbachmann/cel-js';
import { factAt } from './facts.js';

/** The nodes below one, in the order in which they were written. */
export function childrenOf(node: ASTNode): readonly ASTNode[] {
  const { op, args } = node;
  if (op === 'value' || op === 'id') return [];
  if (op === '.' || op === '.?') return [args[0]];
  if (op === 'call') return args[1];
  if (op === 'rcall') return [args[1], ...args[2]];
  if (op === 'map') return args.flat();
  return op === '!_' || op === '-_' ? [args] : args;
}

/** What a condition refers to: a fact by its path, or a limit by its id. */
export type Reference = { fact: string } | { limit: string };

/** The fact or limit that a node names; undefined where it is something else. */
export function referenceOf(node: ASTNode): Reference | undefined {
  const limit = node.op === '.' ? limitOf(node.args[0]) : limitOf(node);
  if (limit !== undefined) return { limit };
  const path = pathOf(node);
  return path !== undefined && (factAt(path) || path === 'externalSignals') ? { fact: path } : undefined;
}

/** `limits["id"]`, or `limits.id` where the id has no hyphen. */
export function limitOf(node: ASTNode): string | undefined {
  if (node.op === '.' && isName(node.args[0], 'limits')) return node.args[1];
  if (node.op !== '[]' || !isName(node.args[0], 'limits')) return undefined;
  return textOf(node.args[1]);
}

export const isName = (node: ASTNode, name: string): boolean => node.op === 'id' && node.args === name;

export const textOf = (node: ASTNode): string | undefined =>
  node.op === 'value' && typeof node.args === 'string' ? node.args : undefined;

/** `account.tier` of nodes that spell it. */
export function pathOf(node: ASTNode): string | undefined {
  if (node.op === 'id') return node.args;
  return node.op === '.' && node.args[0].op === 'id' ? `${node.args[0].args}.${node.args[1]}` : undefined;
}

/** The facts and limits that a node and all below it name, each once; without what stands below nodes that `leaveOut` says. */
export function namesIn(node: ASTNode, leaveOut: (node: ASTNode) => boolean = () => false): Reference[] {
  const found = new Map<string, Reference>();
  const visit = (below: ASTNode): void => {
    const reference = referenceOf(below);
    if (reference) found.set('limit' in reference ? `limits ${reference.limit}` : reference.fact, reference);
    else if (!leaveOut(below)) for (const child of childrenOf(below)) visit(child);
  };
  visit(node);
  return [...found.values()];
}
