/**
 * The audit chain: each row carries the hash of the one before it, so that no row can be changed, taken out, put in or
 * moved without every later hash telling. Personal data is not in it: a row holds at most a salted commitment.
 */
import { createHash } from 'node:crypto';
import { canonicalJson } from '../../kernel/canonical-json.js';

export interface Actor {
  kind: 'person' | 'client' | 'system';
  id: string;
}

/** What is said of one act. `target` names what it was done to (`decision:dec_…`); `network` is a /24 or /48 at most. */
export interface AuditEntry {
  actor: Actor;
  action: string;
  target: string;
  reason?: string;
  network?: string;
  commitment?: Uint8Array;
}

export interface AuditRow extends AuditEntry {
  programId: number;
  seq: number;
  atMs: number;
}

/** Hash before the first row of a program. */
export const GENESIS: Uint8Array = new Uint8Array(32);

/** Hash of a row: SHA-256 over the hash before it and the row's canonical JSON. 32 bytes. */
export function chainHash(previous: Uint8Array, row: AuditRow): Buffer {
  const { commitment, ...rest } = row;
  const body = { ...rest, commitment: commitment && Buffer.from(commitment).toString('hex') };
  return createHash('sha256').update(previous).update(canonicalJson(body)).digest();
}

/** SHA-256(salt ‖ content): says what was done without holding it; the salt is erased with the personal data. */
export function commitmentOf(salt: Uint8Array, content: string): Buffer {
  return createHash('sha256').update(salt).update(content).digest();
}
