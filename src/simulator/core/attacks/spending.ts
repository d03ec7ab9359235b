/** Turning points into things to sell, as every attack ends. */
import type { Random } from '../random.js';
import { type Account, type Draft, MINUTE_MS, type Presence, type Reward } from '../transaction.js';
import { dearest, GIFT_CARDS, REWARDS } from '../world.js';
import { type Move, move } from './attack.js';

export interface Spree {
  account: Account;
  /** In the account. */
  balance: number;
  /** To be spent of it. */
  points: number;
  /** In about so many pieces. */
  pieces: number;
  giftCards: boolean;
  startMs: number;
  pauseMinutes: () => number;
  presence: Presence;
  credentialsChangedAtMs?: number;
}

/** More than that nobody redeems one by one. */
const MOST_PIECES = 40;

/** Redeems the points in pieces, until what is left buys nothing. */
export function spend({ pieces, ...spree }: Spree, random: Random): Move[] {
  const shelf = spree.giftCards ? GIFT_CARDS : REWARDS;
  const piece = spree.points / Math.max(1, pieces);
  const moves: Move[] = [];
  let left = spree.points;
  let balance = spree.balance;
  let atMs = Math.round(spree.startMs);
  let signedInMs = Number.NEGATIVE_INFINITY;
  while (moves.length < MOST_PIECES) {
    const reward = dearest(shelf, Math.min(left, Math.max(piece, cheapest(shelf))));
    if (!reward) break;
    if (atMs - signedInMs > SESSION_MS) signedInMs = signInBefore(atMs, random).atMs;
    moves.push(move(redemption(spree, reward, balance, atMs, signedInMs), random));
    left -= reward.points;
    balance -= reward.points;
    atMs += Math.round(spree.pauseMinutes() * MINUTE_MS);
  }
  return moves;
}

const cheapest = (shelf: readonly Reward[]): number => Math.min(...shelf.map(({ points }) => points));

/** Members sign in anew after half an hour, and attackers are asked to. */
const SESSION_MS = 30 * MINUTE_MS;
export const signInBefore = (atMs: number, random: Random): { method: string; atMs: number } => ({
  method: 'password',
  atMs: atMs - random.between(MINUTE_MS, SESSION_MS),
});

/** One redemption as any member's looks. */
export const redemption = (
  { account, presence, credentialsChangedAtMs }: Pick<Spree, 'account' | 'presence' | 'credentialsChangedAtMs'>,
  reward: Reward,
  balance: number,
  atMs: number,
  signedInMs: number,
): Omit<Draft, 'transactionId'> => ({
  atMs,
  account,
  balance,
  type: 'burn',
  points: reward.points,
  reward,
  channel: channelOf(presence),
  presence,
  signedIn: { method: 'password', atMs: signedInMs },
  ...(credentialsChangedAtMs !== undefined && { credentialsChangedAtMs }),
});

/** The application names itself in its user agent, as it does with members. */
export const channelOf = ({ userAgent }: Presence): 'app' | 'web' => (userAgent.startsWith('Loyalty/') ? 'app' : 'web');
