import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { canonicalJson } from '../../../src/kernel/canonical-json.js';

it.each([
  [{ b: 1, a: [true, null, 'x'] }, '{"a":[true,null,"x"],"b":1}'],
  [{ a: undefined, b: { d: 1, c: 2 } }, '{"b":{"c":2,"d":1}}'],
  [{ '': 0, A: 1, a: 2, ä: 3, '😀': 4 }, '{"":0,"A":1,"a":2,"ä":3,"😀":4}'],
  ['é\n"\u2028', JSON.stringify('é\n"\u2028')],
  [[], '[]'],
  [{}, '{}'],
  [null, 'null'],
])('%j', (value, text) => expect(canonicalJson(value)).toBe(text));

it('says the same whatever the order of members, and something else for another value', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
      const text = canonicalJson(value);
      expect(canonicalJson(reversed(value))).toBe(text);
      expect(canonicalJson(JSON.parse(text))).toBe(text);
      expect(canonicalJson([value, 1])).not.toBe(canonicalJson([value, 2]));
    }),
  );
});

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value)
    .reverse()
    .map(([name, member]): [string, unknown] => [name, reversed(member)]);
  const object: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const [name, member] of members) object[name] = member;
  return object;
}
