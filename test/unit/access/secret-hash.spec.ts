import { describe, expect, test } from 'vitest';
import { boundedSecretHashing, newSecret } from '../../../src/access/secret-hash.js';

describe('secrets', () => {
  test('are 256 random bits in base64url', () => {
    const secrets = Array.from({ length: 100 }, newSecret);
    for (const secret of secrets) expect(secret).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(new Set(secrets).size).toBe(100);
  });

  test('are hashed with argon2id, 19 MiB, two passes, one lane, and a salt each', async () => {
    const hashing = boundedSecretHashing();
    const hashes = await Promise.all([hashing.hash('secret'), hashing.hash('secret')]);
    for (const hash of hashes) expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,p=1,t=2\$/);
    expect(hashes[0]).not.toBe(hashes[1]);
    expect(await hashing.verify(hashes[0], 'secret')).toBe(true);
    expect(await hashing.verify(hashes[0], 'Secret')).toBe(false);
    expect(await hashing.verify(hashes[0], '')).toBe(false);
  });

  test('of nobody are never right, and do not throw', async () => {
    const hashing = boundedSecretHashing();
    for (const secret of ['', 'x', newSecret()]) expect(await hashing.verify(undefined, secret)).toBe(false);
  });

  test('at most as many wait as there is room for; the next one is refused, and later there is room again', async () => {
    const hashing = boundedSecretHashing(1, 2);
    const asked = Array.from({ length: 5 }, () => hashing.verify(undefined, 'x'));
    const settled = await Promise.allSettled(asked);
    expect(settled.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'rejected',
      'rejected',
    ]);
    expect(settled[4]).toMatchObject({ reason: { code: 'service.overloaded', extra: { retryAfterSeconds: 2 } } });
    expect(await hashing.verify(undefined, 'x')).toBe(false);
  });

  test('a failure gives its place back', async () => {
    const hashing = boundedSecretHashing(1, 0);
    await expect(hashing.verify('no hash', 'x')).rejects.toBeInstanceOf(Error);
    expect(await hashing.verify(undefined, 'x')).toBe(false);
  });
});
