/**
 * The key ring: every key of the service by purpose. Each token and ciphertext names its key's id, so that a key can be
 * replaced while what older ones made is still read.
 *
 * Names in the store: `token.1`, `subject.1`, `index.1`, counted up by rotation, the highest being active; and
 * `data.<program>.<YYYY-MM>`, one for each program and month, made when first needed.
 */
import { createHmac, createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { ServiceError } from '../../kernel/errors.js';
import { KeyStoreError, type KeyStore } from './key-store.js';
import { lru } from './lru.js';
import { unwrap, wrap } from './master-key.js';
import type { SealKey } from './seal.js';

export interface TokenKey {
  kid: string;
  /** 32 bytes, HS256. */
  key: Buffer;
}

export interface KeyRing {
  /** Keys of access tokens: the active one signs, retired ones still verify. */
  readonly token: { readonly active: TokenKey; find(kid: string): Buffer | undefined };
  /** Name of a limit's subject in keys and indexes: 32 lower-case hex digits. */
  subjectName(programId: number, kind: string, value: string): string;
  /** Blind index of an account: 32 lower-case hex digits. */
  accountKey(programId: number, accountId: string): string;
  /**
   * The key of that program and month, made where it is missing. `atMs` is of the record's clock. Throws
   * `record.unavailable` where the store does not answer.
   */
  sealKey(programId: number, atMs: number): Promise<SealKey>;
  /** The key that a ciphertext names, or undefined where there is none (any more). Throws `record.unavailable`, too. */
  sealKeyById(kid: string): Promise<SealKey | undefined>;
}

const KEY_BYTES = 32;
const COUNTED = ['token', 'subject', 'index'] as const;
type Purpose = (typeof COUNTED)[number];

/** A decision names a dozen subjects, most of them seen a moment ago: a look-up instead of an HMAC. */
const MOST_NAMES = 200_000;
/** Programs × months that are written or read at a time. */
const MOST_SEAL_KEYS = 10_000;

/**
 * Opens the ring once at start; makes the keys that are missing.
 * @throws KeyStoreError with a sentence where the master key is a wrong one
 */
export async function openKeyRing(store: KeyStore, master: SealKey): Promise<KeyRing> {
  const rings = new Map<Purpose, TokenKey[]>();
  for (const purpose of COUNTED) rings.set(purpose, await countedKeys(store, master, purpose));
  const tokens = new Map(rings.get('token')?.map(({ kid, key }) => [kid, key]));
  return {
    token: { active: newest(rings, 'token'), find: (kid) => tokens.get(kid) },
    subjectName: keyedNames(createSecretKey(newest(rings, 'subject').key)),
    accountKey: accountKeys(createSecretKey(newest(rings, 'index').key)),
    ...sealKeys(store, master),
  };
}

function newest(rings: ReadonlyMap<Purpose, TokenKey[]>, purpose: Purpose): TokenKey {
  const key = rings.get(purpose)?.at(-1);
  if (!key) throw new KeyStoreError(`There is no ${purpose} key.`);
  return key;
}

/** All keys of a purpose, oldest first; the first one is made where there is none. */
async function countedKeys(store: KeyStore, master: SealKey, purpose: Purpose): Promise<TokenKey[]> {
  const prefix = `${purpose}.`;
  const count = (name: string) => Number(name.slice(prefix.length));
  const names = (await store.list(prefix)).filter((name) => Number.isSafeInteger(count(name)));
  if (names.length === 0) names.push(`${prefix}1`);
  names.sort((a, b) => count(a) - count(b));
  return Promise.all(names.map(async (kid) => ({ kid, key: await storedKey(store, master, kid) })));
}

/** The key of that name; made where it is missing, and then what the store kept: another process may have been first. */
async function storedKey(store: KeyStore, master: SealKey, name: string): Promise<Buffer> {
  const wrapped = (await store.get(name)) ?? (await store.create(name, wrap(master, name, randomBytes(KEY_BYTES))));
  return unwrap(master, name, wrapped);
}

/** HMAC-SHA256 over the parts, each with its length before it (no two lists of parts read the same), cut to 16 bytes. */
function keyedHash(key: KeyObject, parts: readonly string[]): string {
  const hmac = createHmac('sha256', key);
  for (const part of parts) {
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32BE(Buffer.byteLength(part, 'utf8'));
    hmac.update(length).update(part, 'utf8');
  }
  return hmac.digest('hex').slice(0, 32);
}

function keyedNames(key: KeyObject): KeyRing['subjectName'] {
  const names = lru<string>(MOST_NAMES);
  return (programId, kind, value) => {
    const known = `${programId} ${kind.length} ${kind}${value}`;
    return names.get(known) ?? names.put(known, keyedHash(key, [String(programId), kind, value]));
  };
}

function accountKeys(key: KeyObject): KeyRing['accountKey'] {
  const keys = lru<string>(MOST_NAMES);
  return (programId, accountId) => {
    const known = `${programId} ${accountId}`;
    return keys.get(known) ?? keys.put(known, keyedHash(key, [String(programId), accountId]));
  };
}

const DATA_KEY = /^data\.\d{1,10}\.\d{4,6}-\d\d$/;

/** `data.7.2026-11`: the month in UTC. */
function dataKeyName(programId: number, atMs: number): string {
  const at = new Date(atMs);
  const month = String(at.getUTCMonth() + 1).padStart(2, '0');
  return `data.${programId}.${String(at.getUTCFullYear()).padStart(4, '0')}-${month}`;
}

/** A store that is away comes back: callers are told to repeat, as where the record is away. */
function keyUnread(error: unknown): never {
  if (error instanceof KeyStoreError) throw error;
  const detail = 'The key store did not answer in time; repeat with the same id.';
  throw new ServiceError('record.unavailable', detail, { retryAfterSeconds: 1 }, error);
}

function sealKeys(store: KeyStore, master: SealKey): Pick<KeyRing, 'sealKey' | 'sealKeyById'> {
  const cached = lru<Promise<SealKey>>(MOST_SEAL_KEYS);

  /** Callers at the same time share one promise; a failure is not kept. */
  function once(kid: string, read: () => Promise<Buffer>): Promise<SealKey> {
    const found = cached.get(kid);
    if (found) return found;
    const reading = read().then((key) => ({ kid, key: createSecretKey(key) }), keyUnread);
    reading.catch(() => cached.delete(kid));
    return cached.put(kid, reading);
  }

  return {
    async sealKey(programId, atMs) {
      const kid = dataKeyName(programId, atMs);
      if (!DATA_KEY.test(kid)) throw new RangeError('no month of a program');
      return once(kid, () => storedKey(store, master, kid));
    },
    async sealKeyById(kid) {
      // a kid comes out of a row: it names no other key and no other file
      if (!DATA_KEY.test(kid)) return undefined;
      const wrapped = cached.get(kid) ? undefined : await store.get(kid).catch(keyUnread);
      if (!wrapped) return cached.get(kid);
      return once(kid, async () => unwrap(master, kid, wrapped));
    },
  };
}
