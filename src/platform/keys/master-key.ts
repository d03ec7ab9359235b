/**
 * The master key wraps every other key. It comes from the settings, or is made in `DATA_DIR/master.key`, where the
 * operator finds it to keep a copy.
 */
import { createHmac, createSecretKey, randomBytes } from 'node:crypto';
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { KeyStoreError } from './key-store.js';
import { readIfThere, writeOnce } from './once-file.js';
import { openBytes, sealBytes, SealError, type SealKey, sealedKid } from './seal.js';

const KEY_BYTES = 32;

/** The key that wraps, named by a keyed hash of itself: a wrong one is told from a damaged value. */
export function masterKey(key: Buffer): SealKey {
  if (key.length !== KEY_BYTES) throw new KeyStoreError('The master key must have 32 bytes.');
  const kid = createHmac('sha256', key).update('pointguard master key id').digest('hex').slice(0, 16);
  return { kid, key: createSecretKey(key) };
}

/** Wraps a key under its name, so that no key can be passed off as another. */
export const wrap = (master: SealKey, name: string, key: Uint8Array): Buffer => sealBytes(master, key, name);

/** @throws KeyStoreError with a sentence where the master key is another or the bytes were changed */
export function unwrap(master: SealKey, name: string, wrapped: Uint8Array): Buffer {
  if (sealedKid(wrapped) !== master.kid) {
    throw new KeyStoreError(
      `The master key is not the one that wrapped the key ${name}: give the earlier one by MASTER_KEY, or put its file back.`,
    );
  }
  try {
    return openBytes(master, wrapped, name);
  } catch (error) {
    if (error instanceof SealError) throw new KeyStoreError(`The key ${name} is damaged in the key store.`);
    throw error;
  }
}

/**
 * The master key of `DATA_DIR`: read, or made where there is none and nothing was wrapped yet (`mayMake`).
 * @throws KeyStoreError with a sentence
 */
export async function masterKeyOfDataDir(dataDir: string, mayMake: boolean): Promise<SealKey> {
  const path = join(dataDir, 'master.key');
  const text = await readIfThere(path);
  if (text) return masterKey(await readChecked(path, text));
  if (!mayMake) {
    throw new KeyStoreError(
      `The master key is missing: put back ${path}, or give it by MASTER_KEY; keys wrapped by it exist.`,
    );
  }
  await mkdir(dataDir, { recursive: true });
  const made = await writeOnce(path, Buffer.from(`${randomBytes(KEY_BYTES).toString('base64')}\n`));
  return masterKey(await readChecked(path, made));
}

async function readChecked(path: string, text: Buffer): Promise<Buffer> {
  const { mode } = await stat(path);
  // the group may read: orchestrators give volumes to a group
  if ((mode & 0o007) !== 0) throw new KeyStoreError(`${path} can be read by anyone on this host: chmod 600 it.`);
  const key = Buffer.from(text.toString('latin1').trim(), 'base64');
  if (key.length !== KEY_BYTES) throw new KeyStoreError(`${path} must hold 32 bytes in base64.`);
  return key;
}
