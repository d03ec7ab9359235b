/** How many attacks of which kind: so many for each 1,000 members, and at least one of a kind that is wanted at all. */
import { ATTACK_KINDS, type AttackKind } from './transaction.js';

export type Mix = Readonly<Record<AttackKind, number>>;

/** Take-overs are half of all loyalty fraud ([BM] in `attack-ranges.ts`). */
export const DEFAULT_MIX: Mix = {
  'take-over': 8,
  'welcome-farm': 2,
  'mule-ring': 2,
  'self-credit': 2,
  'parallel-redemption': 2,
};

export const NO_ATTACKS: Mix = {
  'take-over': 0,
  'welcome-farm': 0,
  'mule-ring': 0,
  'self-credit': 0,
  'parallel-redemption': 0,
};

const LARGEST_SHARE = 1000;

/** A mix of `kind=share` by comma; kinds that are not named do not happen. @returns undefined where the text is none */
export function parseMix(text: string): Mix | undefined {
  const shares = text.split(',').map((part) => /^([a-z-]+)=(\d{1,4}(?:\.\d{1,3})?)$/.exec(part.trim()));
  const named = new Map(shares.map((match) => [match?.[1] ?? '', Number(match?.[2])]));
  const isRight = (name: string, share: number) => isAttackKind(name) && share <= LARGEST_SHARE;
  if (named.size !== shares.length || ![...named].every(([name, share]) => isRight(name, share))) return undefined;
  return { ...NO_ATTACKS, ...Object.fromEntries(named) };
}

const isAttackKind = (name: string): name is AttackKind => (ATTACK_KINDS as readonly string[]).includes(name);

/** How many attacks of a kind there are among so many members. */
export const attacksOf = (share: number, members: number): number =>
  share === 0 ? 0 : Math.max(1, Math.round((share * members) / 1000));
