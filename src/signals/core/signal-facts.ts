/** Facts that signals know beyond those of `policy/core/facts.ts`, in the form of its table. */
import { type Fact, FACTS, type FactPath } from '../../policy/core/facts.js';

export const MORE_FACTS = {
  'network.relay': {
    type: 'truth',
    meaning:
      'The IP address is a relay’s that many members share by no choice of their own, such as iCloud Private Relay',
    absent: 'no `ip`, or a private one',
  },
  'signals.distanceKm': {
    type: 'number',
    meaning: 'Straight distance from the last place that the account was seen at, which is kept to about 8 km',
    unit: 'km',
    absent: 'one of the two places is not known',
  },
} as const satisfies Record<string, Fact>;

export interface MoreFacts {
  'network.relay'?: boolean;
  'signals.distanceKm'?: number;
}

/** Those of the policy's facts that need the lock: they come from the record, not from here. */
const OF_THE_RECORD: ReadonlySet<string> = new Set<FactPath>([
  'account.openHolds',
  'lists.block',
  'lists.allow',
  'lists.watch',
]);

/** Every fact that `factsOf` can tell, by its path. */
export const SIGNAL_FACTS: Readonly<Record<string, Fact>> = {
  ...MORE_FACTS,
  ...Object.fromEntries(Object.entries(FACTS).filter(([path]) => !OF_THE_RECORD.has(path))),
};
