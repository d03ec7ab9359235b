import { randomFillSync } from 'node:crypto';

/** Random bytes from a pool: a system call for each id, salt or nonce costs ten times what it is for. */
const pool = Buffer.allocUnsafe(8192);
let used = pool.length;

/** Bytes of the CSPRNG, given out once. */
export function randomBytes(length: number): Buffer {
  if (used + length > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += length;
  return Buffer.from(pool.subarray(used - length, used));
}
