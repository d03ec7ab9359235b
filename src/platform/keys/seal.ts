/**
 * Sealing: AES-256-GCM with a random nonce, the key's id in the ciphertext and, with the caller's associated data,
 * authenticated. Layout: `1` · length of the key id · key id · nonce (12) · tag (16) · ciphertext.
 *
 * Random nonces hold for 2^32 values a key (NIST SP 800-38D §8.3); a key of one program and month sees 2^31.3 at a
 * thousand a second.
 */
import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto';
import { randomBytes } from '../../kernel/random.js';

export interface SealKey {
  /** At most 255 bytes of ASCII. */
  readonly kid: string;
  /** 32 bytes. */
  readonly key: KeyObject;
}

/** A sealed value that does not open: another key, other associated data or changed bytes; which one is not told. */
export class SealError extends Error {
  override readonly name = 'SealError';
  constructor() {
    super('the sealed value does not open');
  }
}

const LAYOUT = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Seals a text. `aad` is what the value belongs to (its row): it opens nowhere else. */
export const seal = (key: SealKey, plaintext: string, aad: string): Buffer =>
  sealBytes(key, Buffer.from(plaintext, 'utf8'), aad);

/** Opens what `seal` made. Throws SealError. */
export const open = (key: SealKey, sealed: Uint8Array, aad: string): string =>
  openBytes(key, sealed, aad).toString('utf8');

export function sealBytes({ kid, key }: SealKey, plaintext: Uint8Array, aad: string): Buffer {
  const header = headerOf(kid);
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.concat([header, Buffer.from(aad, 'utf8')]));
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  return Buffer.concat([header, nonce, cipher.getAuthTag(), ciphertext]);
}

export function openBytes({ kid, key }: SealKey, sealed: Uint8Array, aad: string): Buffer {
  const header = headerOf(kid);
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  const nonceAt = header.length;
  const tagAt = nonceAt + NONCE_BYTES;
  const textAt = tagAt + TAG_BYTES;
  if (bytes.length < textAt || !bytes.subarray(0, nonceAt).equals(header)) throw new SealError();
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(nonceAt, tagAt), { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.concat([header, Buffer.from(aad, 'utf8')]));
    decipher.setAuthTag(bytes.subarray(tagAt, textAt));
    return Buffer.concat([decipher.update(bytes.subarray(textAt)), decipher.final()]);
  } catch {
    throw new SealError();
  }
}

/** The id of the key that a sealed value names, or undefined where the bytes are none of `seal`'s. */
export function sealedKid(sealed: Uint8Array): string | undefined {
  const [layout, length = 0] = sealed;
  if (layout !== LAYOUT || length === 0 || sealed.length < 2 + length) return undefined;
  return Buffer.from(sealed.subarray(2, 2 + length)).toString('latin1');
}

function headerOf(kid: string): Buffer {
  const id = Buffer.from(kid, 'latin1');
  if (id.length === 0 || id.length > 255) throw new RangeError('a key id has 1 to 255 bytes');
  return Buffer.concat([Buffer.of(LAYOUT, id.length), id]);
}
