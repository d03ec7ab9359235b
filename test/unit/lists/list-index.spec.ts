import * as fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { describe, expect, it } from 'vitest';
import {
  type ActiveEntry,
  hasExpired,
  LIST_NAMES,
  LIST_SUBJECTS,
  type ListSubject,
} from '../../../src/lists/core/list-entry.js';
import { type ListedValues, ListIndex, matchesIn } from '../../../src/lists/core/list-index.js';
import { normaliseValue } from '../../../src/lists/core/list-value.js';
import { entry, entryId } from './entries.js';

const NOW_MS = 1_000_000;
const indexOf = (entries: readonly ActiveEntry[]): ListIndex => {
  const index = new ListIndex();
  for (const one of entries) index.add(one);
  return index;
};
const reasons = (entries: readonly ActiveEntry[], values: ListedValues, nowMs = NOW_MS): string[] =>
  matchesIn([indexOf(entries)], values, (one) => !hasExpired(one, nowMs)).map(({ reason }) => reason);

describe('a match', () => {
  it('names list, subject, entry and reason', () => {
    const matches = matchesIn([indexOf([entry(1)])], { device: 'd' }, () => true);
    expect(matches).toEqual([
      { list: 'block', subject: 'device', entryId: expect.stringMatching(/^lst_[0-9a-z]{26}$/), reason: 'entry 1' },
    ]);
  });

  it.each([
    ['account', { account: 'v' }],
    ['device', { device: 'v' }],
    ['instrument', { instrument: 'v' }],
    ['store', { store: 'v' }],
    ['employee', { employee: 'v' }],
    ['email_domain', { emailDomain: 'v' }],
  ] as const)('%s meets its own value and no other', (subject, values) => {
    const everyValue = { account: 'v', device: 'v', instrument: 'v', store: 'v', employee: 'v', emailDomain: 'v' };
    const entries = [entry(1, { subject, value: 'v' })];
    expect(reasons(entries, values)).toEqual(['entry 1']);
    const [own] = Object.keys(values);
    const others = Object.fromEntries(Object.entries(everyValue).filter(([name]) => name !== own));
    expect(reasons(entries, others)).toEqual([]);
    expect(reasons([entry(1, { subject, value: 'V' })], everyValue)).toEqual([]);
  });

  it('blocks come first, then allows, then watches; subjects in their order', () => {
    const entries = [
      entry(1, { list: 'watch', subject: 'account', value: 'a' }),
      entry(2, { list: 'allow' }),
      entry(3),
      entry(4, { list: 'allow', subject: 'account', value: 'a' }),
    ];
    expect(reasons(entries, { device: 'd', account: 'a' })).toEqual(['entry 3', 'entry 4', 'entry 2', 'entry 1']);
  });

  it('is of the oldest entry where several name one value', () => {
    expect(reasons([entry(9), entry(4), entry(7)], { device: 'd' })).toEqual(['entry 4']);
    expect(reasons([entry(9), entry(4, { expiresAtMs: NOW_MS }), entry(7)], { device: 'd' })).toEqual(['entry 7']);
  });

  it('ends with its entry, to the millisecond', () => {
    const entries = [entry(1, { expiresAtMs: NOW_MS })];
    expect(reasons(entries, { device: 'd' }, NOW_MS - 1)).toEqual(['entry 1']);
    expect(reasons(entries, { device: 'd' }, NOW_MS)).toEqual([]);
  });
});

describe('networks', () => {
  const of = (...values: string[]): ActiveEntry[] =>
    values.map((value, number) => entry(number, { subject: 'ip', value, reason: value }));

  it.each([
    ['203.0.113.7', '203.0.113.7/32'],
    ['203.0.113.8', '203.0.113.0/24'],
    ['203.0.112.1', '203.0.0.0/16'],
    ['203.1.0.0', '203.0.0.0/8'],
    ['::ffff:203.0.113.7', '203.0.113.7/32'],
    ['2001:db8::1', '2001:db8::/32'],
    ['2001:0DB8:0:1::1', '2001:db8:0:1::/64'],
  ])('%s meets the narrowest, %s', (ip, network) => {
    const all = of(
      '203.0.0.0/8',
      '203.0.0.0/16',
      '203.0.113.0/24',
      '203.0.113.7/32',
      '2001:db8::/32',
      '2001:db8:0:1::/64',
    );
    expect(reasons(all, { ip })).toEqual([network]);
    expect(reasons(all.toReversed(), { ip })).toEqual([network]);
  });

  it.each(['204.0.0.1', '2001:db9::1', '::cb00:7107', 'no address', ''])('%j meets none', (ip) =>
    expect(reasons(of('203.0.0.0/8', '2001:db8::/32'), { ip })).toEqual([]),
  );

  it('a network that has expired leaves its place to a wider one', () => {
    const entries = [...of('203.0.0.0/8'), entry(8, { subject: 'ip', value: '203.0.113.0/24', expiresAtMs: NOW_MS })];
    expect(reasons(entries, { ip: '203.0.113.7' })).toEqual(['203.0.0.0/8']);
  });

  it('a wide block and a narrow allow are both there: who decides sees the block first', () => {
    const entries = [
      entry(1, { subject: 'ip', value: '203.0.0.0/8' }),
      entry(2, { list: 'allow', subject: 'ip', value: '203.0.113.7/32' }),
    ];
    expect(reasons(entries, { ip: '203.0.113.7' })).toEqual(['entry 1', 'entry 2']);
  });
});

describe('any history of entries', () => {
  const NETWORKS = ['10.0.0.0/8', '10.1.0.0/16', '10.1.1.0/24', '10.1.1.1/32', '2001:db8::/32', '2001:db8::1/128'];
  const IPS = ['10.1.1.1', '10.1.2.1', '10.9.9.9', '11.0.0.1', '2001:db8::1', '2001:db8::2'];
  const NAMES: Record<Exclude<ListSubject, 'ip'>, keyof ListedValues> = {
    account: 'account',
    device: 'device',
    email_domain: 'emailDomain',
    instrument: 'instrument',
    store: 'store',
    employee: 'employee',
  };
  const anEntry = fc
    .record({
      number: fc.nat(40),
      list: fc.constantFrom(...LIST_NAMES),
      subject: fc.constantFrom(...LIST_SUBJECTS),
      network: fc.constantFrom(...NETWORKS),
      id: fc.constantFrom('x', 'y'),
      expiresAtMs: fc.option(fc.constantFrom(NOW_MS - 1, NOW_MS, NOW_MS + 1)),
    })
    .map(({ number, list, subject, network, id, expiresAtMs }) =>
      entry(number, { list, subject, value: subject === 'ip' ? network : id, expiresAtMs }),
    );
  const id = fc.option(fc.constantFrom('x', 'y', 'z'), { nil: undefined });
  const values = fc.record({
    ...Object.fromEntries(Object.values(NAMES).map((name) => [name, id])),
    ip: fc.option(fc.constantFrom(...IPS), { nil: undefined }),
  }) as fc.Arbitrary<ListedValues>;

  const names = ({ subject, value }: ActiveEntry, asked: ListedValues): boolean => {
    if (subject !== 'ip') return asked[NAMES[subject]] === value;
    if (asked.ip === undefined) return false;
    const ip = ipaddr.process(asked.ip);
    const [network, length] = ipaddr.parseCIDR(value);
    return ip.kind() === network.kind() && ip.match(network, length);
  };

  /** What an index should say, by looking at every entry. */
  function naive(entries: readonly ActiveEntry[], asked: ListedValues): string[] {
    const width = ({ subject, value }: ActiveEntry): number => (subject === 'ip' ? Number(value.split('/')[1]) : 0);
    return LIST_NAMES.flatMap((list) =>
      LIST_SUBJECTS.flatMap((subject) => {
        const [best] = entries
          .filter((one) => one.list === list && one.subject === subject && names(one, asked))
          .filter((one) => one.expiresAtMs === null || one.expiresAtMs > NOW_MS)
          .sort((a, b) => width(b) - width(a) || (a.entryId < b.entryId ? -1 : 1));
        return best ? [`${list} ${subject} ${best.reason}`] : [];
      }),
    );
  }

  it('answers what looking at every entry answers, in one index or in two', () => {
    const step = fc.oneof({ weight: 3, arbitrary: anEntry }, fc.nat(40));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), values, fc.boolean(), (steps, asked, sweeps) => {
        const left = new Map<string, ActiveEntry>();
        const index = new ListIndex();
        for (const one of steps) {
          if (typeof one === 'number') {
            left.delete(entryId(one));
            index.remove(entryId(one));
          } else if (!left.has(one.entryId)) {
            left.set(one.entryId, one);
            index.add(one);
          }
        }
        expect(index.size).toBe(left.size);
        if (sweeps) index.removeExpired(NOW_MS);
        const entries = [...left.values()];
        const halves = [0, 1].map((half) => indexOf(entries.filter((_, at) => at % 2 === half)));
        for (const indexes of [[index], halves]) {
          const found = matchesIn(indexes, asked, (one) => !hasExpired(one, NOW_MS));
          expect(found.map((match) => `${match.list} ${match.subject} ${match.reason}`)).toEqual(naive(entries, asked));
        }
      }),
      { numRuns: 1500 },
    );
  });

  it('an index that was emptied is empty', () => {
    fc.assert(
      fc.property(fc.array(anEntry, { maxLength: 40 }), (entries) => {
        const index = indexOf(entries);
        for (const one of entries) index.remove(one.entryId);
        expect(index.size).toBe(0);
        for (const one of entries) expect(index.namedBy(one)).toEqual([]);
      }),
    );
  });
});

it('adding twice is once; removing what is not there is nothing', () => {
  const index = indexOf([entry(1), entry(1)]);
  expect([index.size, index.namedBy(entry(1)).length]).toEqual([1, 1]);
  index.remove(entryId(2));
  index.remove(entryId(1));
  index.remove(entryId(1));
  expect([index.size, index.namedBy(entry(1)).length]).toEqual([0, 0]);
});

it('of 100,000 entries the right one is found, and a look-up visits only what is named', () => {
  const index = new ListIndex();
  for (let n = 0; n < 100_000; n++) {
    const ip = normaliseValue('ip', `${10 + (n % 90)}.${(n >> 8) % 256}.${n % 256}.0/${8 + (n % 25)}`) ?? '';
    index.add(n % 2 ? entry(n, { subject: 'ip', value: ip }) : entry(n, { value: `d-${n}` }));
  }
  for (let n = 0; n < 100_000; n += 9998) {
    const found = matchesIn([index], { device: `d-${n}` }, () => true);
    expect(found.map(({ reason }) => reason)).toEqual([`entry ${n}`]);
  }
  let visited = 0;
  index.visit({ device: 'd-0', account: 'd-0', store: 'nowhere' }, () => visited++);
  expect(visited).toBe(1);
});
