import { createSecretKey, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { open, seal, SealError, type SealKey, sealedKid } from '../../../src/platform/keys/seal.js';

const newKey = (kid: string): SealKey => ({ kid, key: createSecretKey(randomBytes(32)) });
const key = newKey('data.7.2026-11');

describe('seal', () => {
  test.each(['', 'x', 'café ☕ 🙂', 'a'.repeat(100_000)])('opens again', (text) => {
    expect(open(key, seal(key, text, 'row 1'), 'row 1')).toBe(text);
  });

  test('names its key and hides its text; the same text never seals the same', () => {
    const sealed = seal(key, 'personal field', 'row');
    expect(sealedKid(sealed)).toBe(key.kid);
    expect(sealed.includes('personal')).toBe(false);
    expect(new Set(Array.from({ length: 100 }, () => seal(key, 'x', 'row').toString('hex'))).size).toBe(100);
  });

  test('layout: 1, length of the key id, key id, nonce (12), tag (16), ciphertext', () => {
    const sealed = seal(key, 'abc', 'row');
    expect([sealed[0], sealed[1]]).toEqual([1, key.kid.length]);
    expect(sealed).toHaveLength(2 + key.kid.length + 12 + 16 + 3);
  });

  test('does not open with other associated data, another key, or another key of the same id', () => {
    const sealed = seal(key, 'x', 'row 1');
    expect(() => open(key, sealed, 'row 2')).toThrow(SealError);
    expect(() => open(newKey('data.8.2026-11'), sealed, 'row 1')).toThrow(SealError);
    expect(() => open(newKey(key.kid), sealed, 'row 1')).toThrow(SealError);
  });

  test('the key id is authenticated: under another name even the same key does not open', () => {
    const sealed = seal({ ...key, kid: 'a' }, 'x', 'row');
    const renamed = Buffer.concat([Buffer.from([1, 1]), Buffer.from('b'), sealed.subarray(3)]);
    expect(() => open({ ...key, kid: 'b' }, renamed, 'row')).toThrow(SealError);
    // nor can it lend a letter to the associated data
    const longer = Buffer.concat([Buffer.from([1, 2]), Buffer.from('ar'), sealed.subarray(3)]);
    expect(() => open({ ...key, kid: 'ar' }, longer, 'ow')).toThrow(SealError);
  });

  test('no changed byte, no cut and no addition passes', () => {
    const sealed = seal(key, 'secret', 'row');
    for (let at = 0; at < sealed.length; at++) {
      const changed = Buffer.from(sealed);
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
      expect(() => open(key, changed, 'row'), `byte ${at}`).toThrow(SealError);
      expect(() => open(key, sealed.subarray(0, at), 'row'), `cut at ${at}`).toThrow(SealError);
    }
    expect(() => open(key, Buffer.concat([sealed, Buffer.of(0)]), 'row')).toThrow(SealError);
  });

  test('bytes that are nothing of ours name no key', () => {
    for (const bytes of [[], [1], [1, 0, 0], [2, 1, 65], [1, 9, 65]])
      expect(sealedKid(Buffer.from(bytes))).toBeUndefined();
  });

  test('the error tells nothing of what was sealed', () => {
    const error = (() => {
      try {
        return open(key, seal(key, 'personal', 'row 1'), 'row 2');
      } catch (caught) {
        return caught as Error;
      }
    })();
    expect(String((error as Error).stack)).not.toContain('personal');
    expect((error as Error).cause).toBeUndefined();
  });
});
