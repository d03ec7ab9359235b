import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { type KeyRing, openKeyRing } from '../../../src/platform/keys/key-ring.js';
import { KeyStoreError, type KeyStore } from '../../../src/platform/keys/key-store.js';
import { lru } from '../../../src/platform/keys/lru.js';
import { masterKey, wrap } from '../../../src/platform/keys/master-key.js';
import { open, seal, sealedKid } from '../../../src/platform/keys/seal.js';

/** A store in memory that counts its calls. */
function memoryStore() {
  const keys = new Map<string, Buffer>();
  const calls = { get: 0, create: 0 };
  const store: KeyStore = {
    async get(name) {
      calls.get++;
      return keys.get(name);
    },
    async create(name, wrapped) {
      calls.create++;
      const kept = keys.get(name) ?? Buffer.from(wrapped);
      keys.set(name, kept);
      return kept;
    },
    list: async (prefix) => [...keys.keys()].filter((name) => name.startsWith(prefix)).sort(),
  };
  return { store, keys, calls };
}

const MASTER = masterKey(randomBytes(32));
const NOVEMBER = Date.UTC(2026, 10, 22);
const DECEMBER = Date.UTC(2026, 11, 1);

let memory = memoryStore();
let ring: KeyRing;
beforeEach(async () => {
  memory = memoryStore();
  ring = await openKeyRing(memory.store, MASTER);
});

describe('key ring', () => {
  test('is the same after a restart', async () => {
    const again = await openKeyRing(memory.store, MASTER);
    expect(again.token.active).toEqual(ring.token.active);
    expect(again.subjectName(1, 'ip', '192.0.2.1')).toBe(ring.subjectName(1, 'ip', '192.0.2.1'));
    expect(again.accountKey(1, 'a')).toBe(ring.accountKey(1, 'a'));
    const sealed = seal(await ring.sealKey(1, NOVEMBER), 'x', 'row');
    const key = await again.sealKeyById(sealedKid(sealed) ?? '');
    expect(key && open(key, sealed, 'row')).toBe('x');
  });

  test('no key is in the store in the clear', () => {
    for (const wrapped of memory.keys.values()) expect(wrapped.includes(ring.token.active.key)).toBe(false);
  });

  test('two that open an empty store at once have the same keys', async () => {
    const { store } = memoryStore();
    const [one, other] = await Promise.all([openKeyRing(store, MASTER), openKeyRing(store, MASTER)]);
    expect(one.token.active).toEqual(other.token.active);
    expect(one.accountKey(1, 'a')).toBe(other.accountKey(1, 'a'));
  });

  test('a wrong master key ends with a sentence that holds no key', async () => {
    const wrong = openKeyRing(memory.store, masterKey(randomBytes(32)));
    await expect(wrong).rejects.toThrow(KeyStoreError);
    await expect(wrong).rejects.toThrow(/^The master key is not the one that wrapped the key token\.1: .*\.$/);
  });

  test('a damaged key, and one put under another name, end with a sentence', async () => {
    const token = memory.keys.get('token.1') ?? Buffer.alloc(0);
    memory.keys.set('token.1', Buffer.concat([token.subarray(0, -1), Buffer.of((token.at(-1) ?? 0) ^ 1)]));
    await expect(openKeyRing(memory.store, MASTER)).rejects.toThrow('The key token.1 is damaged in the key store.');
    memory.keys.set('token.1', memory.keys.get('subject.1') ?? Buffer.alloc(0));
    await expect(openKeyRing(memory.store, MASTER)).rejects.toThrow('The key token.1 is damaged in the key store.');
  });

  test('after rotation the newest signs and retired ones are still found', async () => {
    const old = ring.token.active;
    for (const count of [2, 10]) memory.keys.set(`token.${count}`, wrap(MASTER, `token.${count}`, randomBytes(32)));
    const rotated = await openKeyRing(memory.store, MASTER);
    expect(rotated.token.active.kid).toBe('token.10');
    expect(rotated.token.find('token.1')).toEqual(old.key);
    expect(rotated.token.find('token.2')).toHaveLength(32);
  });

  test.each(['', 'token.2', 'subject.1', '__proto__', 'constructor', 'toString'])('there is no token key %j', (kid) => {
    expect(ring.token.find(kid)).toBeUndefined();
  });
});

describe('names of subjects and accounts', () => {
  test('are 32 hex digits, and differ by program, kind, value and purpose', () => {
    const names = [
      ring.subjectName(1, 'account', 'a'),
      ring.subjectName(2, 'account', 'a'),
      ring.subjectName(1, 'counterparty', 'a'),
      ring.subjectName(1, 'account', 'b'),
      ring.accountKey(1, 'a'),
      ring.accountKey(2, 'a'),
    ];
    for (const name of names) expect(name).toMatch(/^[0-9a-f]{32}$/);
    expect(new Set(names).size).toBe(names.length);
  });

  test('the border between the parts counts', () => {
    const names = [
      ring.subjectName(1, 'ip', 'x'),
      ring.subjectName(1, 'i', 'px'),
      ring.subjectName(1, 'ipx', ''),
      ring.subjectName(11, '', 'ipx'),
      ring.subjectName(1, '1ip', 'x'),
      ring.subjectName(1, 'ip x', ''),
      ring.subjectName(1, 'ip', ' x'),
    ];
    expect(new Set(names).size).toBe(names.length);
  });

  test('stay the same when the cache has long forgotten them', () => {
    const first = ring.subjectName(1, 'ip', 'first');
    for (let i = 0; i < 60_000; i++) ring.subjectName(1, 'ip', String(i));
    expect(ring.subjectName(1, 'ip', 'first')).toBe(first);
  });
});

describe('seal keys', () => {
  test('one a program and month, by UTC', async () => {
    const kid = async (programId: number, atMs: number) => (await ring.sealKey(programId, atMs)).kid;
    expect(await kid(7, NOVEMBER)).toBe('data.7.2026-11');
    expect(await kid(7, DECEMBER - 1)).toBe('data.7.2026-11');
    expect(await kid(7, DECEMBER)).toBe('data.7.2026-12');
    expect(await kid(8, NOVEMBER)).toBe('data.8.2026-11');
    const [november, december] = [await ring.sealKey(7, NOVEMBER), await ring.sealKey(7, DECEMBER)];
    expect(november.key.equals(december.key)).toBe(false);
  });

  test('callers at once share one reading and one key', async () => {
    const before = memory.calls.create;
    const keys = await Promise.all(Array.from({ length: 50 }, () => ring.sealKey(7, NOVEMBER)));
    expect(new Set(keys).size).toBe(1);
    expect(memory.calls.create - before).toBe(1);
    const gets = memory.calls.get;
    await ring.sealKey(7, NOVEMBER);
    expect(memory.calls.get).toBe(gets);
  });

  test('a failure is not kept', async () => {
    const { get } = memory.store;
    memory.store.get = () => Promise.reject(new Error('down'));
    await expect(ring.sealKey(7, NOVEMBER)).rejects.toMatchObject({ code: 'record.unavailable' });
    await expect(ring.sealKeyById('data.7.2026-11')).rejects.toMatchObject({ code: 'record.unavailable' });
    memory.store.get = get;
    await expect(ring.sealKey(7, NOVEMBER)).resolves.toMatchObject({ kid: 'data.7.2026-11' });
  });

  test('by id: only keys of data that are there', async () => {
    await ring.sealKey(7, NOVEMBER);
    expect((await ring.sealKeyById('data.7.2026-11'))?.kid).toBe('data.7.2026-11');
    for (const kid of ['data.7.2026-12', 'token.1', '../master.key', 'data.7.2026-11/../x', '__proto__', '']) {
      expect(await ring.sealKeyById(kid)).toBeUndefined();
    }
    expect(memory.keys.has('data.7.2026-12')).toBe(false);
  });

  test.each([Number.NaN, Infinity, Date.UTC(-5, 1), 8.64e15 + 1])('no month: %s', async (atMs) => {
    await expect(ring.sealKey(1, atMs)).rejects.toThrow(RangeError);
  });
});

test('lru forgets what was not asked for longest', () => {
  const cache = lru<number>(2);
  cache.put('a', 1);
  cache.put('b', 2);
  cache.get('a');
  cache.put('c', 3);
  expect([cache.get('a'), cache.get('b'), cache.get('c')]).toEqual([1, undefined, 3]);
});
