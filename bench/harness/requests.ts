/**
 * The traffic: decision requests of some 560 bytes with 22 fields, over a population of accounts, devices, addresses,
 * stores and payment instruments. Each is made once; only its transaction id changes from sending to sending.
 */

/** How many of each there are. One store: every request counts for it. */
export interface Population {
  accounts: number;
  stores: number;
}

/** 24 characters, so that the length of a body never changes. */
export const ID_LENGTH = 24;
const BLANK_ID = '0'.repeat(ID_LENGTH);

/** Small, fast and the same in every run (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const accountOf = (n: number): string => `acc-${String(n).padStart(8, '0')}`;
export const deviceOf = (n: number): string => `dev-${String(n).padStart(10, '0')}`;
export const instrumentOf = (n: number): string => `pan-tok-${String(n).padStart(8, '0')}`;
export const storeOf = (n: number): string => `store-${String(n).padStart(5, '0')}`;
/** Two accounts share an address. */
export const addressOf = (n: number): string => {
  const half = n >>> 1;
  return `10.${(half >>> 16) & 255}.${(half >>> 8) & 255}.${half & 255}`;
};

/** A request of one account; the account brings its device, its address and its instrument. */
export function requestOf(account: number, store: number, random: () => number): object {
  const below = (most: number) => Math.floor(random() * most);
  return {
    transactionId: BLANK_ID,
    accountId: accountOf(account),
    type: 'burn',
    points: 100 + below(900),
    activity: {
      kind: 'purchase',
      orderId: `ord-${below(1e9)}`,
      amount: { amount: 1000 + below(9000), currency: 'EUR' },
    },
    channel: 'pos',
    storeId: storeOf(store),
    franchiseId: `fr-${store % 20}`,
    instrumentId: instrumentOf(account),
    device: { id: deviceOf(account), userAgent: 'Mozilla/5.0 (Linux; Android 15) Loyalty/7.3' },
    ip: addressOf(account),
    location: { lat: 46 + below(1e4) / 1e4, lon: 6 + below(1e4) / 1e4 },
    authentication: { method: 'app-biometry' },
    reward: { id: `rw-${below(300)}`, category: 'voucher' },
    account: { tier: 'silver', balance: 20_000 + below(9000) },
  };
}

export function bodiesOf({ accounts, stores }: Population, count: number): string[] {
  const random = seeded(1);
  return Array.from({ length: count }, () =>
    JSON.stringify(requestOf(Math.floor(random() * accounts), Math.floor(random() * stores), random)),
  );
}

/** Where the id stands in a body. */
export const idOffset = (body: string): number => body.indexOf(BLANK_ID);
