/**
 * The entries in force of a program, so that a decision finds those that name it in microseconds however many there are:
 * by value, and for addresses by each prefix length that occurs. What it answers depends on the entries alone and not on
 * the order in which they came, so that every instance says the same.
 */
import { idOf } from '../../kernel/ids.js';
import {
  type ActiveEntry,
  hasExpired,
  LIST_NAMES,
  LIST_SUBJECTS,
  type ListName,
  type ListSubject,
} from './list-entry.js';
import { addressOf, type AddressWidth, networkKey, networkOfCanonical } from './network-value.js';

/** What a request names: ids as given, `ip` as an address, `emailDomain` as `emailDomainOf` answers it. */
export interface ListedValues {
  account?: string;
  device?: string;
  ip?: string;
  emailDomain?: string;
  instrument?: string;
  store?: string;
  employee?: string;
}

export interface ListMatch {
  list: ListName;
  subject: ListSubject;
  /** `lst_…` */
  entryId: string;
  reason: string;
}

type Visit = (entry: ActiveEntry, prefixLength: number) => void;

const NAME_IN_VALUES: Record<Exclude<ListSubject, 'ip'>, keyof ListedValues> = {
  account: 'account',
  device: 'device',
  email_domain: 'emailDomain',
  instrument: 'instrument',
  store: 'store',
  employee: 'employee',
};
const BY_VALUE = Object.entries(NAME_IN_VALUES) as [Exclude<ListSubject, 'ip'>, keyof ListedValues][];

type Key = string | number | bigint;

/** Entries by what they name; an empty place is taken away, so that the index shrinks with its entries. */
class Places {
  private readonly entries = new Map<Key, ActiveEntry[]>();

  at(key: Key): readonly ActiveEntry[] {
    return this.entries.get(key) ?? [];
  }

  put(key: Key, entry: ActiveEntry): void {
    const place = this.entries.get(key);
    if (place) place.push(entry);
    else this.entries.set(key, [entry]);
  }

  take(key: Key, entryId: string): void {
    const left = this.at(key).filter((entry) => entry.entryId !== entryId);
    if (left.length > 0) this.entries.set(key, left);
    else this.entries.delete(key);
  }
}

export class ListIndex {
  private readonly byId = new Map<string, ActiveEntry>();
  private readonly bySubject = new Map<ListSubject, Places>();
  /** By width and prefix length: an address is looked up once for each length that occurs. */
  private readonly networks: Record<AddressWidth, Map<number, Places>> = { 32: new Map(), 128: new Map() };

  get size(): number {
    return this.byId.size;
  }

  /** Adding an entry twice is once. */
  add(entry: ActiveEntry): void {
    if (this.byId.has(entry.entryId)) return;
    this.byId.set(entry.entryId, entry);
    const { places, key } = this.placeOf(entry);
    places.put(key, entry);
  }

  remove(entryId: string): void {
    const entry = this.byId.get(entryId);
    if (!entry) return;
    this.byId.delete(entryId);
    const { places, key } = this.placeOf(entry);
    places.take(key, entryId);
  }

  /** Takes away what has expired by then. */
  removeExpired(nowMs: number): void {
    for (const entry of this.byId.values()) if (hasExpired(entry, nowMs)) this.remove(entry.entryId);
  }

  /** Every entry of exactly this subject and value, expired ones included. */
  namedBy(named: { subject: ListSubject; value: string }): readonly ActiveEntry[] {
    const { places, key } = this.placeOf(named);
    return places.at(key);
  }

  /** Every entry that names one of the values, expired ones included. */
  visit(values: ListedValues, visit: Visit): void {
    for (const [subject, name] of BY_VALUE) {
      const value = values[name];
      if (value === undefined) continue;
      for (const entry of this.bySubject.get(subject)?.at(value) ?? []) visit(entry, 0);
    }
    if (values.ip !== undefined) this.visitNetworks(values.ip, visit);
  }

  private visitNetworks(ip: string, visit: Visit): void {
    const address = addressOf(ip);
    if (!address) return;
    for (const [prefixLength, places] of this.networks[address.width]) {
      for (const entry of places.at(networkKey(address, prefixLength))) visit(entry, prefixLength);
    }
  }

  private placeOf({ subject, value }: { subject: ListSubject; value: string }): { places: Places; key: Key } {
    if (subject !== 'ip') return { places: placesIn(this.bySubject, subject), key: value };
    const { address, prefixLength } = networkOfCanonical(value);
    return { places: placesIn(this.networks[address.width], prefixLength), key: networkKey(address, prefixLength) };
  }
}

function placesIn<G>(groups: Map<G, Places>, group: G): Places {
  let places = groups.get(group);
  if (!places) groups.set(group, (places = new Places()));
  return places;
}

/**
 * What names the values, from several indexes together: at most one match for each list and subject, that of the
 * narrowest network, then of the oldest entry. Strongest list first. `admits` says what still counts.
 */
export function matchesIn(
  indexes: readonly ListIndex[],
  values: ListedValues,
  admits: (entry: ActiveEntry) => boolean,
): ListMatch[] {
  const best = new Map<string, { entry: ActiveEntry; prefixLength: number }>();
  const visit: Visit = (entry, prefixLength) => {
    if (!admits(entry)) return;
    const key = `${entry.list} ${entry.subject}`;
    const found = best.get(key);
    const precedes =
      !found ||
      prefixLength > found.prefixLength ||
      (prefixLength === found.prefixLength && entry.entryId < found.entry.entryId);
    if (precedes) best.set(key, { entry, prefixLength });
  };
  for (const index of indexes) index.visit(values, visit);
  return [...best.values()].map(({ entry }) => matchOf(entry)).sort(byRank);
}

const matchOf = ({ list, subject, entryId, reason }: ActiveEntry): ListMatch => ({
  list,
  subject,
  entryId: idOf('lst', entryId),
  reason,
});

const rank = ({ list, subject }: ListMatch): number =>
  LIST_NAMES.indexOf(list) * LIST_SUBJECTS.length + LIST_SUBJECTS.indexOf(subject);
const byRank = (a: ListMatch, b: ListMatch): number => rank(a) - rank(b);
