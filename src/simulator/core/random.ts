/**
 * Random numbers that are the same for the same seed on every machine. Only additions, multiplications and 32-bit
 * operations, whose results IEEE 754 and ECMAScript fix to the bit; no logarithm, no sine, no clock.
 *
 * Every part of a simulation draws from a stream of its own, named by a label: what one part draws never shifts what
 * another one gets, so that other attacks leave the members' habits as they were.
 */
export interface Random {
  /** From 0 up to but without 1. */
  next(): number;
  /** A whole number, both bounds included. */
  between(least: number, most: number): number;
  /** True with this probability; always draws once. */
  chance(probability: number): boolean;
  pick<T>(items: readonly T[]): T;
  /** As many different items as there are, at most `count`. */
  take<T>(items: readonly T[], count: number): T[];
  /** A value of the distribution with these quantiles at equal steps, straight lines between them. */
  quantile(quantiles: readonly number[]): number;
  /** Letters and digits that say nothing: 5 bits each. */
  word(length: number): string;
  /** An independent stream. */
  stream(label: string): Random;
}

/** Crockford's base32. */
const LETTERS = '0123456789abcdefghjkmnpqrstvwxyz';

/** The stream of a seed; other labels give other streams. */
export function seededRandom(seed: number, label = ''): Random {
  const uint32 = smallFastCounter(hash128(`${seed}/${label}`));
  const next = (): number => uint32() / 2 ** 32;
  const between = (least: number, most: number): number => least + Math.floor(next() * (most - least + 1));
  const pick = <T>(items: readonly T[]): T => {
    const item = items[between(0, items.length - 1)];
    if (item === undefined) throw new RangeError('nothing to pick from');
    return item;
  };
  return {
    next,
    between,
    pick,
    chance: (probability) => next() < probability,
    take(items, count) {
      const left = [...items];
      const size = Math.min(count, left.length);
      return Array.from({ length: size }, () => left.splice(between(0, left.length - 1), 1)).flat();
    },
    quantile: (quantiles) => interpolate(quantiles, next()),
    word: (length) => Array.from({ length }, () => LETTERS[uint32() >>> 27]).join(''),
    stream: (inner) => seededRandom(seed, `${label}/${inner}`),
  };
}

/** The value at a share from 0 to 1 of the way through these points. */
function interpolate(points: readonly number[], share: number): number {
  const at = share * (points.length - 1);
  const below = points[Math.floor(at)] ?? 0;
  const above = points[Math.floor(at) + 1] ?? below;
  return below + (above - below) * (at - Math.floor(at));
}

/** sfc32 (Chris Doty-Humphrey, PractRand): 128 bits of state, for simulations and for nothing that must be secret. */
function smallFastCounter([first, second, third, counter]: readonly [number, number, number, number]): () => number {
  let [a, b, c, d] = [first, second, third, counter];
  return () => {
    const sum = (a + b + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
}

/** cyrb128: four words of 32 bits from a text. */
function hash128(text: string): [number, number, number, number] {
  let [a, b, c, d] = [1779033703, 3144134277, 1013904242, 2773480762];
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    a = b ^ Math.imul(a ^ code, 597399067);
    b = c ^ Math.imul(b ^ code, 2869860233);
    c = d ^ Math.imul(c ^ code, 951274213);
    d = a ^ Math.imul(d ^ code, 2716044179);
  }
  a = Math.imul(c ^ (a >>> 18), 597399067);
  b = Math.imul(d ^ (b >>> 22), 2869860233);
  c = Math.imul(a ^ (c >>> 17), 951274213);
  d = Math.imul(b ^ (d >>> 19), 2716044179);
  return [a ^ b ^ c ^ d, b ^ a, c ^ a, d ^ a];
}
