import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ServiceError } from '../../../src/kernel/errors.js';
import { canonicalJson } from '../../../src/kernel/canonical-json.js';
import { parseStrictJson } from '../../../src/platform/http/strict-json.js';

const parse = (text: string) => parseStrictJson(Buffer.from(text));
function refusal(body: string | Uint8Array): ServiceError {
  try {
    parseStrictJson(Buffer.from(body));
  } catch (error) {
    if (error instanceof ServiceError) return error;
    throw error;
  }
  throw new Error('it was read');
}

describe('reads what JSON.parse reads', () => {
  it('whatever the value', () => {
    const value = fc.jsonValue({ maxDepth: 6 }).filter((json) => !JSON.stringify(json).includes('__proto__'));
    fc.assert(
      fc.property(value, (json) => {
        expect(canonicalJson(parse(JSON.stringify(json)))).toBe(canonicalJson(json));
      }),
    );
  });

  it.each(['{"a":{"a":1},"b":{"a":2}}', '[{"a":1},{"a":2}]', '{"a":"a","b":"a"}', '"😀"', '{"a":["a","a"]}', ' {} \n'])(
    '%s',
    (text) => expect(parse(text)).toEqual(JSON.parse(text)),
  );
});

describe('refuses, and repeats nothing of it', () => {
  it.each([
    ['the same name twice', '{"canary":1,"canary":2}'],
    ['the same name twice, one escaped', String.raw`{"canary":1,"c\u0061nary":2}`],
    ['the same name twice, deep', '{"x":[{"y":{"canary":1,"z":[],"canary":2}}]}'],
    ['the same name after an array of objects', '{"canary":[{"b":1}],"canary":2}'],
    ['__proto__', '{"__proto__":{"canary":1}}'],
    ['__proto__, escaped', String.raw`{"\u005f_proto__":{"canary":1}}`],
    ['half a surrogate pair', String.raw`{"a":"canary\ud800"}`],
    ['half a surrogate pair in a name', String.raw`{"canary\udc00":1}`],
    ['a BOM', '\ufeff{"a":"canary"}'],
    ['cut short', '{"a":"canary'],
    ['a trailing comma', '{"a":"canary",}'],
    ['a comment', '{"a":"canary"} // x'],
    ['NaN', '{"canary":NaN}'],
    ['nothing', ''],
    ['a raw control character', '{"a":"canary\n"}'],
  ])('%s', (_, text) => {
    const error = refusal(text);
    expect(error.code).toBe('request.malformed');
    expect(JSON.stringify([error.message, error.detail, error.extra])).not.toContain('canary');
  });

  it('bytes that are not UTF-8', () => {
    for (const bytes of [[0xff], [0x22, 0xc0, 0x80, 0x22], [0x22, 0xed, 0xa0, 0x80, 0x22], [0x22, 0xc3, 0x22]]) {
      expect(refusal(Buffer.from(bytes)).code).toBe('request.malformed');
    }
  });

  it.each(['[', '{"a":'])('more than 32 levels of %s, and no number of them takes a stack', (level) => {
    const end = level === '[' ? ']' : '}';
    expect(() => parse(level.repeat(32) + (level === '[' ? '' : '1') + end.repeat(32))).not.toThrow();
    expect(refusal(level.repeat(33) + (level === '[' ? '' : '1') + end.repeat(33)).detail).toContain('nested');
    expect(refusal(level.repeat(100_000)).detail).toContain('not JSON');
    expect(refusal(level.repeat(100_000) + (level === '[' ? '' : '1') + end.repeat(100_000)).detail).toContain(
      'nested',
    );
  });

  it('a number of a million digits, in one pass: who took a look for each of its zeros would still be looking', () => {
    const zeros = '0'.repeat(1_000_000);
    expect(refusal(`1.${zeros}1`).detail).toContain('digits');
    expect(parse(`1.${zeros}`)).toBe(1);
  });

  it('brackets inside strings are no levels', () => {
    expect(parse(JSON.stringify('[{'.repeat(100)))).toBe('[{'.repeat(100));
    expect(parse(String.raw`"\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["`)).toContain('"[');
  });
});
