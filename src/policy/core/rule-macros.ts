/**
 * The macros of conditions. `known(channel)` asks whether a fact is there: CEL's own `has` takes only facts of a group.
 *
 * `holds` stands around every condition, and joins what stands between `&&` `||` `!` `? :` by CEL's own rules: `false &&
 * unknown` is false, `true || unknown` is true, `!unknown` is unknown. To the library an absent fact is an exception, which
 * costs a hundred times what an answer costs; so here a part is not evaluated without the facts that it names.
 */
import { type ASTNode, EvaluationError } from '@marcbachmann/cel-js';
import { namesIn, type Reference, referenceOf } from './condition-tree.js';

/** No condition may call it by itself: its name is in no table of functions. */
export const HOLDS = 'holds';

// What the library gives to macros; it publishes no types for it.
interface Checker {
  check(node: ASTNode, context: unknown): unknown;
  getType(name: string): unknown;
}
interface Evaluator {
  run(node: ASTNode, context: Context): unknown;
}
interface Context {
  getValue(name: string): unknown;
}
interface MacroCall {
  args: ASTNode[];
}

const macro = ([argument]: ASTNode[], evaluate: (evaluator: Evaluator, context: Context) => boolean) => ({
  async: false,
  typeCheck(checker: Checker, _macro: unknown, context: unknown): unknown {
    if (argument) checker.check(argument, context);
    return checker.getType('bool');
  },
  evaluate: (evaluator: Evaluator, _macro: unknown, context: Context): boolean => evaluate(evaluator, context),
});

export function knownMacro({ args }: MacroCall) {
  const asked = args[0] && referenceOf(args[0]);
  return macro(args, (_, context) => asked !== undefined && isKnown(asked, context));
}

export function holdsMacro({ args }: MacroCall) {
  const truth = args[0] && truthOf(args[0]);
  return macro(args, (evaluator, context) => truth?.(evaluator, context) === true);
}

function isKnown(reference: Reference, context: Context): boolean {
  const valueOf = (name: string, field: string | undefined): unknown => {
    const value = context.getValue(name) as Readonly<Record<string, unknown>> | undefined;
    return field === undefined ? value : value?.[field];
  };
  if ('limit' in reference) return valueOf('limits', reference.limit) !== undefined;
  const [name = '', field] = reference.fact.split('.');
  // always there, and under another name
  return name === 'type' || valueOf(name, field) !== undefined;
}

/** Undefined: unknown. */
type Truth = (evaluator: Evaluator, context: Context) => boolean | undefined;

function truthOf(node: ASTNode): Truth {
  if (node.op === '&&') return join(truthOf(node.args[0]), truthOf(node.args[1]), false);
  if (node.op === '||') return join(truthOf(node.args[0]), truthOf(node.args[1]), true);
  if (node.op === '!_') {
    const of = truthOf(node.args);
    return (evaluator, context) => {
      const truth = of(evaluator, context);
      return truth === undefined ? undefined : !truth;
    };
  }
  if (node.op === '?:') {
    const [asks, yes, no] = [truthOf(node.args[0]), truthOf(node.args[1]), truthOf(node.args[2])];
    return (evaluator, context) => {
      const truth = asks(evaluator, context);
      return truth === undefined ? undefined : (truth ? yes : no)(evaluator, context);
    };
  }
  return partOf(node);
}

/** `decides` is what one side alone makes of both: false for `&&`, true for `||`. */
const join =
  (left: Truth, right: Truth, decides: boolean): Truth =>
  (evaluator, context) => {
    const first = left(evaluator, context);
    if (first === decides) return decides;
    const second = right(evaluator, context);
    if (second === decides) return decides;
    return first === undefined || second === undefined ? undefined : !decides;
  };

function partOf(node: ASTNode): Truth {
  // what asks whether a fact is there, and what one of two branches may not need
  const needs = namesIn(node, (below) => below.op === '?:' || (below.op === 'call' && below.args[0] !== 'size'));
  return (evaluator, context) => {
    for (const need of needs) if (!isKnown(need, context)) return undefined;
    try {
      return evaluator.run(node, context) === true;
    } catch (error) {
      // a number without quotient, or an absent fact in a branch: neither true nor false
      if (error instanceof EvaluationError) return undefined;
      throw error;
    }
  };
}
