/**
 * Opaque ids: a prefix and 26 characters of Crockford base32 for 128 bits. The first 48 bits are a time in milliseconds,
 * so that ids sort by time, in the record (uuid) as in text; the next 24 count, the other 56 are random. An id is not a secret.
 */
import { randomBytes } from './random.js';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const VALUES = new Map(ALPHABET.split('').map((letter, value) => [letter, BigInt(value)]));

/**
 * Ids of one millisecond count up from a random start, so that they keep their order. Test clocks stand for long, each
 * somewhere else, while ids of the record's time are made in between: so several are remembered, in the order of use.
 */
const lastCounts = new Map<number, number>();
const MOST_COUNTS = 1000;

function nextCount(atMs: number, start: number): number {
  const count = (lastCounts.get(atMs) ?? start) + 1;
  lastCounts.delete(atMs);
  lastCounts.set(atMs, count);
  if (lastCounts.size > MOST_COUNTS) lastCounts.delete(lastCounts.keys().next().value ?? atMs);
  return count;
}

/** A new uuid (text) whose order is that of `atMs`, and within one process and millisecond that of the calls. */
export function timeOrderedUuid(atMs: number): string {
  const random = randomBytes(10);
  random.writeUIntBE(nextCount(atMs, random.readUIntBE(0, 3) >> 1) % 0x1000000, 0, 3);
  return uuidOfHex(atMs.toString(16).padStart(12, '0') + random.toString('hex'));
}

const uuidOfHex = (hex: string): string =>
  `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;

/** The least uuid of a time in ms: a bound for ranges. */
export const uuidFloor = (atMs: number): string =>
  uuidOfHex(
    Math.max(0, Math.min(atMs, 2 ** 48 - 1))
      .toString(16)
      .padStart(12, '0')
      .padEnd(32, '0'),
  );

/** `dec_…` of a uuid. */
export function idOf(prefix: string, uuid: string): string {
  const hex = `00${uuid.replaceAll('-', '')}`;
  // 128 bits are 25.6 letters: with two zero bits in front they make 26, five hex digits being four letters
  let text = '';
  let bits = 0;
  let held = 0;
  for (let at = 0; at < hex.length; at++) {
    held = (held << 4) | Number.parseInt(hex[at] as string, 16);
    bits += 4;
    if (at === 1) bits = 2;
    if (bits < 5) continue;
    bits -= 5;
    text += ALPHABET[(held >> bits) & 31];
    held &= (1 << bits) - 1;
  }
  return `${prefix}_${text}`;
}

/** The uuid of an id with that prefix, or undefined where it is none. */
export function uuidOf(prefix: string, id: string): string | undefined {
  if (id.length !== prefix.length + 27 || !id.startsWith(`${prefix}_`)) return undefined;
  let value = 0n;
  for (const letter of id.slice(prefix.length + 1)) {
    const digit = VALUES.get(letter);
    if (digit === undefined) return undefined;
    value = value * 32n + digit;
  }
  return value < 1n << 128n ? uuidOfHex(value.toString(16).padStart(32, '0')) : undefined;
}
