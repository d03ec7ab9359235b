import { array, assert, constantFrom, property } from 'fast-check';
import { expect, it } from 'vitest';
import { globMatches } from '../../../src/policy/core/glob.js';

it.each([
  ['', '', true],
  ['', '*', true],
  ['a', '', false],
  ['abc', 'abc', true],
  ['abc', 'a*c', true],
  ['ac', 'a*c', true],
  ['a', 'a*a', false],
  ['aba', 'aba*aba', false],
  ['ababa', 'aba*ba', true],
  ['mail.example', '*.example', true],
  ['mailexample', '*.example', false],
  ['a.b', 'a?b', false],
  ['aXbXc', 'a*X*X*c', true],
  ['aXc', 'a*X*X*c', false],
  ['(a+)+$', '(a+)+$', true],
])('%j is like %j: %s', (text, pattern, expected) => {
  expect(globMatches(text, pattern)).toBe(expected);
});

/** The definition, letter by letter. */
function naive(text: string, pattern: string): boolean {
  if (pattern === '') return text === '';
  if (pattern.startsWith('*')) return naive(text, pattern.slice(1)) || (text !== '' && naive(text.slice(1), pattern));
  return text[0] === pattern[0] && naive(text.slice(1), pattern.slice(1));
}

it('matches what the definition says', () => {
  const text = (letters: string[]) => array(constantFrom(...letters), { maxLength: 9 });
  let matched = 0;
  assert(
    property(text(['a', 'b']), text(['a', 'b', '*']), (letters, signs) => {
      const [one, other] = [letters.join(''), signs.join('')];
      const expected = naive(one, other);
      if (expected) matched++;
      expect([one, other, globMatches(one, other)]).toEqual([one, other, expected]);
    }),
    { numRuns: 5000 },
  );
  expect(matched).toBeGreaterThan(200);
});
