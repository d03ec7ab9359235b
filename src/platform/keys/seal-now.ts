import type { KeyRing } from './key-ring.js';
import { open, SealError, seal, sealedKid } from './seal.js';

/**
 * Seals a text under the program's key of this month. The process's clock only picks the key, whose id is in the
 * ciphertext: it decides nothing. `purpose` binds the value to where it is kept.
 */
export async function sealNow(keys: KeyRing, programId: number, text: string, purpose: string): Promise<Buffer> {
  return seal(await keys.sealKey(programId, Date.now()), text, context(programId, purpose));
}

/** Opens what `sealNow` made. Throws SealError. */
export async function unseal(keys: KeyRing, programId: number, sealed: Buffer, purpose: string): Promise<string> {
  const key = await keys.sealKeyById(sealedKid(sealed) ?? '');
  if (!key) throw new SealError();
  return open(key, sealed, context(programId, purpose));
}

const context = (programId: number, purpose: string): string => `${purpose}/${programId}`;
