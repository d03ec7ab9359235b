/** What the attacks have in common: the scene that they find, the plan that they make, and squeezing it into time. */
import { drawFrom, type Draw } from '../attack-ranges.js';
import type { Statement } from '../habits.js';
import { type Country, dataCentreIp, farAwayIp, homeIp } from '../networks.js';
import type { Random } from '../random.js';
import type { Account, AttackKind, Draft, Opening, Presence } from '../transaction.js';
import { newAccount, newDevice, type Store } from '../world.js';

/** What an attacker finds. */
export interface Scene {
  stores: readonly Store[];
  statements: readonly Statement[];
  mimicry: number;
  /** When it begins. */
  startMs: number;
  random: Random;
}

export interface Move {
  draft: Draft;
  valuePoints: number;
}

export interface Plan {
  openings: Opening[];
  moves: Move[];
}

export type Attacker = (scene: Scene) => Plan;

export const drawFor = <Kind extends AttackKind>(kind: Kind, { mimicry, random }: Scene): Draw<Kind> =>
  drawFrom(kind, mimicry, random);

/** A move that takes value; `isCover` for one that only looks alive. */
export function move(draft: Omit<Draft, 'transactionId'>, random: Random, isCover = false): Move {
  return { draft: { transactionId: `t-${random.word(12)}`, ...draft }, valuePoints: isCover ? 0 : draft.points };
}

/** A device of an attacker's own in a strange network or in an ordinary home. */
export function hideout(isStrange: boolean, country: Country, random: Random): Presence {
  const device = newDevice(random.chance(0.5) ? 'app' : 'web', random);
  const strangeIp = random.chance(0.6) ? dataCentreIp(random) : farAwayIp(random);
  const ordinaryIp = homeIp(country, random);
  return { ...device, ip: isStrange ? strangeIp : ordinaryIp };
}

/** An account of an attacker's own. The tier follows from nothing: members' tiers are drawn as freely. */
export const attackersAccount = (createdAtMs: number, random: Random): Account =>
  newAccount(Math.round(createdAtMs), random.pick(['basic', 'basic', 'silver']), random);

/** Hands out numbers from 0, each as often as `perItem` says: the device or network that the next account uses. */
export function shared<T>(make: () => T, perItem: () => number): () => T {
  let item: T | undefined;
  let left = 0;
  return () => {
    if (item === undefined || left < 1) {
      item = make();
      left = Math.max(1, Math.round(perItem()));
    }
    left--;
    return item;
  };
}

/**
 * Brings a plan to its end before the horizon: where it would last longer, its pauses get shorter in proportion, with
 * the accounts and credentials that it makes meanwhile.
 */
export function squeeze(moves: readonly Move[], startMs: number, endMs: number): Move[] {
  const lastMs = moves.reduce((last, { draft }) => Math.max(last, draft.atMs), startMs);
  const factor = Math.min(1, (endMs - startMs) / Math.max(1, lastMs - startMs));
  const moved = (atMs: number): number => (atMs <= startMs ? atMs : startMs + Math.floor((atMs - startMs) * factor));
  return moves.map(({ draft, valuePoints }) => ({
    valuePoints,
    draft: {
      ...draft,
      atMs: moved(draft.atMs),
      account: { ...draft.account, createdAtMs: moved(draft.account.createdAtMs) },
      signedIn: draft.signedIn && { ...draft.signedIn, atMs: moved(draft.signedIn.atMs) },
      ...(draft.credentialsChangedAtMs !== undefined && {
        credentialsChangedAtMs: moved(draft.credentialsChangedAtMs),
      }),
    },
  }));
}
