/** Random numbers that are the same for the same seed: the demo's members behave alike on every machine. */
export interface Random {
  /** From 0 up to but without 1. */
  next(): number;
  /** A whole number, both bounds included. */
  between(least: number, most: number): number;
  pick<T>(items: readonly T[]): T;
}

/** Mulberry32: 32 bits of state, enough for sample traffic and for nothing that must be hard to guess. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (least: number, most: number): number => least + Math.floor(next() * (most - least + 1));
  return {
    next,
    between,
    pick: (items) => {
      const item = items[between(0, items.length - 1)];
      if (item === undefined) throw new RangeError('nothing to pick from');
      return item;
    },
  };
}
