/**
 * What a rule may ask about: every fact by its path, as conditions name it. The types of conditions, `docs/policy.md` and
 * the TypeScript type of a decision's facts are all made from this table, so that none can say what another does not.
 *
 * A fact that is not known is absent, not zero and not empty: what is compared with it is neither true nor false.
 */

/** `truth` is true or false; `names` a list of words. */
export type FactType = 'text' | 'number' | 'truth' | 'names';

export interface Fact {
  type: FactType;
  meaning: string;
  unit?: string;
  /** All that it can be (of `names`: what can be in it): a condition that asks for anything else is refused. */
  values?: readonly string[];
  /** When it is not known; without it, never. */
  absent?: string;
  /** It identifies a person or their place: it may be asked about, and is repeated in no reason. */
  personal?: true;
}

export const LIST_SUBJECTS = ['account', 'device', 'ip', 'email_domain', 'instrument', 'store', 'employee'] as const;

const NOT_SENT = 'the request does not say';

const sent = (meaning: string, more: Partial<Fact> = {}) =>
  ({ type: 'text', meaning, absent: NOT_SENT, ...more }) as const satisfies Fact;
const number = (meaning: string, unit: string, more: Partial<Fact> = {}) =>
  ({ type: 'number', meaning, unit, absent: NOT_SENT, ...more }) as const satisfies Fact;
const truth = (meaning: string, absent: string) => ({ type: 'truth', meaning, absent }) as const satisfies Fact;
const matched = (list: string) =>
  ({
    type: 'names',
    meaning: `Kinds of subjects of this transaction that stand on the ${list} list`,
    values: LIST_SUBJECTS,
    absent: 'the lists could not be read in time',
  }) as const satisfies Fact;

export const FACTS = {
  type: { type: 'text', meaning: 'What the transaction does', values: ['earn', 'burn', 'transfer', 'adjust'] },
  points: { type: 'number', meaning: 'Points that move', unit: 'points' },
  direction: sent('Which way an adjustment goes', {
    values: ['credit', 'debit'],
    absent: 'the type is not `adjust`',
  }),
  channel: sent('Where the member acts', { values: ['web', 'app', 'pos', 'call_center', 'partner'] }),
  accountId: { type: 'text', meaning: 'The account; of a transfer, who sends' },
  counterpartyAccountId: sent('Who receives a transfer', { absent: 'the type is not `transfer`' }),
  partnerId: sent('Partner'),
  storeId: sent('Store'),
  franchiseId: sent('Franchise'),
  employeeId: sent('Employee who does it'),
  employeeAccountId: sent('The employee’s own account'),
  instrumentId: sent('Token of the payment instrument'),
  ip: sent('IP address, as text', { personal: true }),
  'occurred.ageMinutes': number('Since it occurred, by `occurredAt`; 0 where the request does not say', 'minutes', {
    absent: undefined,
  }),
  'activity.kind': sent('Why points are earned', {
    values: ['purchase', 'welcome', 'referral', 'mission', 'birthday', 'refund', 'goodwill', 'other'],
  }),
  'activity.campaignId': sent('Campaign'),
  'activity.orderId': sent('Order'),
  'activity.amount': number('Money of the activity', 'minor units'),
  'activity.currency': sent('Its currency, ISO 4217'),
  'device.id': sent('Device'),
  'device.userAgent': sent('What its program calls itself', { personal: true }),
  'network.country': sent('Country of the IP address, ISO 3166 (`FR`)', {
    absent: 'no `ip`, or it belongs to no country that is known',
  }),
  'network.dataCentre': truth('The IP address belongs to a hosting provider', 'no `ip`, or a private one'),
  'network.relay': truth(
    'The IP address is a relay’s that many members share by no choice of their own, such as iCloud Private Relay',
    'no `ip`, or a private one',
  ),
  'network.prefix': sent('The /24 or /48 of the IP address', { absent: 'no `ip`', personal: true }),
  'location.lat': number('Latitude', 'degrees', { personal: true }),
  'location.lon': number('Longitude', 'degrees', { personal: true }),
  'authentication.method': sent('How the member signed in'),
  'authentication.ageMinutes': number('Since the member signed in', 'minutes'),
  'reward.id': sent('Reward'),
  'reward.category': sent('Its category, in the program’s own words'),
  'reward.amount': number('Its value', 'minor units'),
  'reward.currency': sent('The currency of its value, ISO 4217'),
  'recipient.domain': sent('Domain of the recipient’s e-mail address, in small letters', { personal: true }),
  'account.ageDays': number('Since the account was opened', 'days, with fractions'),
  'account.tier': sent('Tier, in the program’s own words'),
  'account.balance': number('Balance before this transaction', 'points'),
  'account.balanceShare': number('Points that move, as a share of the balance: 1 empties it', 'a number from 0', {
    absent: 'the request does not say, or the balance is not above 0',
  }),
  'account.credentialsAgeHours': number('Since password, e-mail or phone last changed', 'hours, with fractions'),
  'account.openHolds': number('Holds of the account that time would give back', 'holds', { absent: undefined }),
  'lists.block': matched('block'),
  'lists.allow': matched('allow'),
  'lists.watch': matched('watch'),
  'signals.selfDealing': truth('The employee’s own account is the one that gains', 'the request names no such account'),
  'signals.distanceKm': number('Straight distance from the last place that the account was seen at', 'km', {
    absent: 'one of the two places is not known',
  }),
  'signals.speedKmh': number('Speed that a member would need from the last decision’s place to this one', 'km/h', {
    absent: 'one of the two places is not known, or they are close together',
  }),
  'signals.impossibleSpeed': truth('Nobody travels that fast', 'one of the two places is not known'),
  'signals.countryChanged': truth(
    'Another country than at the last decision, within a day',
    'one of the two countries is not known, or the last decision is older than a day',
  ),
  'now.hour': { type: 'number', meaning: 'Hour of the day in the program’s time zone', unit: '0 to 23' },
  'now.weekday': {
    type: 'number',
    meaning: 'Day of the week in the program’s time zone',
    unit: '1 (Monday) to 7 (Sunday)',
  },
} as const satisfies Record<string, Fact>;

export type FactPath = keyof typeof FACTS;

/** One of `externalSignals`, as conditions see it. */
export interface ExternalSignal {
  source: string;
  code: string;
  /** 0 … 100. */
  score?: number;
}

export const EXTERNAL_SIGNAL_FACTS: Readonly<Record<keyof ExternalSignal, Fact>> = {
  source: { type: 'text', meaning: 'Who found it' },
  code: { type: 'text', meaning: 'What was found' },
  score: { type: 'number', meaning: 'How sure the source is; 0 where it does not say', unit: '0 to 100' },
};

/** One of the policy's limits, as conditions see it: `limits["id"].used`. */
export interface LimitFacts {
  used: number;
  cap: number;
  remaining: number;
  share: number;
  breached: boolean;
}

export const LIMIT_FACTS: Readonly<Record<keyof LimitFacts, Fact>> = {
  used: { type: 'number', meaning: 'What its window holds before this transaction', unit: 'what its metric counts' },
  cap: { type: 'number', meaning: 'Its cap', unit: 'what its metric counts' },
  remaining: {
    type: 'number',
    meaning: 'Room left before this transaction, at least 0',
    unit: 'what its metric counts',
  },
  share: { type: 'number', meaning: 'Used, as a share of the cap', unit: 'a number from 0' },
  breached: { type: 'truth', meaning: 'This transaction would pass the cap' },
};

interface TypeOf {
  text: string;
  number: number;
  truth: boolean;
  names: readonly string[];
}

/** What is known of one transaction, by path. A limit that does not apply to it is absent. */
export type Facts = { readonly [P in FactPath]?: TypeOf[(typeof FACTS)[P]['type']] } & {
  readonly externalSignals?: readonly ExternalSignal[];
  readonly limits?: Readonly<Record<string, LimitFacts>>;
};

const BY_PATH: ReadonlyMap<string, Fact> = new Map(Object.entries(FACTS));

/** The fact at a path as it stands in a condition; undefined where there is none. */
export const factAt = (path: string): Fact | undefined => BY_PATH.get(path);

export const factPaths = (): IterableIterator<string> => BY_PATH.keys();

/** Groups of facts (`account` of `account.tier`), each with its fields. */
export const FACT_GROUPS: ReadonlyMap<string, ReadonlyMap<string, Fact>> = groupsOf(BY_PATH);

function groupsOf(facts: ReadonlyMap<string, Fact>): Map<string, Map<string, Fact>> {
  const groups = new Map<string, Map<string, Fact>>();
  for (const [path, fact] of facts) {
    const [group = '', field] = path.split('.');
    if (field === undefined) continue;
    const fields = groups.get(group) ?? new Map<string, Fact>();
    groups.set(group, fields.set(field, fact));
  }
  return groups;
}
