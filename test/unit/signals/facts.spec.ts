import { describe, expect, it } from 'vitest';
import type { DecisionRequest } from '../../../src/decision/core/decision.js';
import { type Fact, FACTS } from '../../../src/policy/core/facts.js';
import { compileRules } from '../../../src/policy/core/rules.js';
import { type FactContext, factsOf, type SignalFacts, whereaboutsOf } from '../../../src/signals/core/facts.js';

/** All facts but those of the record. */
const SIGNAL_FACTS: Record<string, Fact> = Object.fromEntries(
  Object.entries(FACTS).filter(([path]) => path !== 'account.openHolds' && !path.startsWith('lists.')),
);

const NOW_MS = Date.parse('2026-11-22T12:00:00Z');
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const iso = (ms: number): string => new Date(ms).toISOString();

const BARE: DecisionRequest = { transactionId: 't', accountId: 'a', type: 'burn', points: 600 };

/** Every field that a request can have. */
const FULL: Required<DecisionRequest> = {
  ...BARE,
  direction: 'debit',
  counterpartyAccountId: 'b',
  occurredAt: iso(NOW_MS - 30_000),
  activity: { kind: 'purchase', campaignId: 'c', orderId: 'o', amount: { amount: 99, currency: 'CHF' } },
  channel: 'app',
  partnerId: 'p',
  storeId: 's',
  franchiseId: 'f',
  employeeId: 'e',
  employeeAccountId: 'a',
  instrumentId: 'i',
  device: { id: 'd', userAgent: 'Loyalty/4.1' },
  ip: '84.128.0.1',
  location: { lat: 35.7, lon: 139.7 },
  authentication: { method: 'password', at: iso(NOW_MS - 90_000) },
  reward: { id: 'r', category: 'voucher', value: { amount: 2500, currency: 'EUR' } },
  recipient: { email: 'Someone@Bücher.Example.' },
  account: {
    createdAt: iso(NOW_MS - 36 * HOUR_MS),
    tier: 'gold',
    balance: 800,
    credentialsChangedAt: iso(NOW_MS - 30 * 60_000),
  },
  externalSignals: [{ source: 'bots', code: 'headless', score: 90 }],
  accepts: [],
  onHoldEnd: 'release',
};

const CONTEXT: FactContext = {
  ip: { address: '84.128.0.1', prefix: '84.128.0.0/24', country: 'DE', dataCentre: false, relay: false },
  lastSeen: {
    place: { lat: 48.9, lon: 2.4, atMs: NOW_MS - HOUR_MS },
    country: { code: 'FR', atMs: NOW_MS - HOUR_MS },
  },
  timeZone: 'Europe/Paris',
};

const facts = (more: Partial<DecisionRequest>, context: FactContext = {}): SignalFacts =>
  factsOf({ ...BARE, ...more }, context, NOW_MS);

const FITS: Record<Fact['type'], (value: unknown) => boolean> = {
  text: (value) => typeof value === 'string',
  number: (value) => Number.isFinite(value),
  truth: (value) => typeof value === 'boolean',
  names: Array.isArray,
};

describe('the facts of a request', () => {
  it('are all that the table names, each of its type, and no other', () => {
    const { externalSignals, ...found } = factsOf(FULL, CONTEXT, NOW_MS);
    expect(Object.keys(found).toSorted()).toEqual(Object.keys(SIGNAL_FACTS).toSorted());
    for (const [path, value] of Object.entries(found)) {
      const fact = SIGNAL_FACTS[path];
      expect(fact && FITS[fact.type](value), path).toBe(true);
      expect(fact?.values ?? [value], path).toContain(value);
    }
    expect(externalSignals).toEqual(FULL.externalSignals);
  });

  it('are absent as the table says: of a request without optional fields only what is never absent is there', () => {
    const always = Object.entries(SIGNAL_FACTS).filter(([, { absent }]) => absent === undefined);
    expect(Object.keys(facts({})).toSorted()).toEqual(always.map(([path]) => path).toSorted());
    const empty: Partial<DecisionRequest> = { activity: {}, device: {}, authentication: {}, reward: {}, account: {} };
    expect(facts({ ...empty, recipient: {} })).toEqual(facts({}));
  });

  it('are what was sent', () => {
    expect(factsOf(FULL, CONTEXT, NOW_MS)).toMatchObject({
      accountId: 'a',
      counterpartyAccountId: 'b',
      points: 600,
      ip: '84.128.0.1',
      'network.prefix': '84.128.0.0/24',
      'network.country': 'DE',
      'activity.amount': 99,
      'activity.currency': 'CHF',
      'reward.amount': 2500,
      'reward.category': 'voucher',
      'recipient.domain': 'xn--bcher-kva.example',
      'occurred.ageMinutes': 0.5,
      'location.lat': 35.7,
    });
  });

  it('make rules fire, and an absent one makes none', () => {
    const when = 'type == "burn" && account.credentialsAgeHours < 24 && points > 5000';
    const rules = compileRules([{ id: 'fresh', when, outcome: 'challenge', reason: 'fresh' }], new Set());
    if ('faults' in rules) throw new Error(JSON.stringify(rules.faults));
    const fired = (more: Partial<DecisionRequest>) => rules.evaluate({ 'account.openHolds': 0, ...facts(more) }).length;
    const changedBefore = (ms: number) => ({ points: 5001, account: { credentialsChangedAt: iso(NOW_MS - ms) } });
    expect(fired(changedBefore(DAY_MS - 1))).toBe(1);
    expect(fired(changedBefore(DAY_MS))).toBe(0);
    expect(fired({ ...changedBefore(0), points: 5000 })).toBe(0);
    expect(fired({ ...changedBefore(0), type: 'earn' })).toBe(0);
    expect(fired({ points: 5001 })).toBe(0);
  });
});

describe('facts of an account', () => {
  it('are ages in days and hours, whatever zone a time is written in', () => {
    expect(facts({ account: FULL.account })).toMatchObject({
      'account.ageDays': 1.5,
      'account.credentialsAgeHours': 0.5,
      'account.balanceShare': 0.75,
    });
    expect(facts({ account: { createdAt: '2026-11-21T13:00:00+01:00' } })['account.ageDays']).toBe(1);
  });

  it('take what lies in the future for brand new', () => {
    const at = iso(NOW_MS + 400 * DAY_MS);
    expect(facts({ occurredAt: at, account: { createdAt: at, credentialsChangedAt: at } })).toMatchObject({
      'account.ageDays': 0,
      'account.credentialsAgeHours': 0,
      'occurred.ageMinutes': 0,
    });
  });

  it('are absent for a time that is none and a balance that says nothing', () => {
    for (const balance of [0, -5, undefined]) {
      const found = facts({ account: { createdAt: '2026-02-30T25:00:00Z', balance } });
      expect(found).not.toHaveProperty(['account.ageDays']);
      expect(found).not.toHaveProperty(['account.balanceShare']);
    }
    expect(facts({ account: { balance: 300 } })['account.balanceShare']).toBe(2);
  });
});

describe('the age of a sign-in', () => {
  it('forgives a clock that is 5 minutes ahead, and takes what is later for none', () => {
    const age = (at: string) => facts({ authentication: { at } })['authentication.ageMinutes'];
    expect(age(iso(NOW_MS - 90_000))).toBe(1.5);
    expect(age(iso(NOW_MS + 300_000))).toBe(0);
    expect(age(iso(NOW_MS + 300_001))).toBeUndefined();
    expect(age('never')).toBeUndefined();
  });
});

describe('self-dealing', () => {
  const selfDealing = (more: Partial<DecisionRequest>) => facts(more)['signals.selfDealing'];

  it('is an employee whose own account gives or gets', () => {
    expect(selfDealing({ employeeAccountId: 'a' })).toBe(true);
    expect(selfDealing({ type: 'transfer', counterpartyAccountId: 'b', employeeAccountId: 'b' })).toBe(true);
    expect(selfDealing({ type: 'transfer', counterpartyAccountId: 'b', employeeAccountId: 'c' })).toBe(false);
    expect(selfDealing({ employeeAccountId: 'A' })).toBe(false);
  });

  it('is unknown where the employee’s account is: two accounts that are not named are not the same', () => {
    expect(selfDealing({ employeeId: 'a' })).toBeUndefined();
    expect(selfDealing({ employeeAccountId: undefined, counterpartyAccountId: undefined })).toBeUndefined();
  });
});

describe('where the member is', () => {
  it('is compared with where the account was last seen', () => {
    const found = factsOf(FULL, CONTEXT, NOW_MS);
    expect(found).toMatchObject({ 'signals.impossibleSpeed': true, 'signals.countryChanged': true });
    expect(found['signals.distanceKm']).toBeGreaterThan(9000);
    expect(found['signals.speedKmh']).toBe(found['signals.distanceKm']);
    const slower = {
      journeyMinKm: 50,
      elapsedMinMs: 1,
      impossibleKmh: 20_000,
      impossibleKm: 100,
      countryWithinMs: HOUR_MS,
    };
    const mild = factsOf(FULL, { ...CONTEXT, location: slower }, NOW_MS);
    expect(mild['signals.impossibleSpeed']).toBe(false);
    expect(mild).not.toHaveProperty(['signals.countryChanged']);
  });

  it('is no country for an address in a data centre: turning a VPN on crosses no border', () => {
    const ip = { ...CONTEXT.ip!, dataCentre: true };
    expect(whereaboutsOf(FULL, ip).country).toBeUndefined();
    expect(whereaboutsOf(FULL, CONTEXT.ip).country).toBe('DE');
    const found = factsOf(FULL, { ...CONTEXT, ip }, NOW_MS);
    expect(found).not.toHaveProperty(['signals.countryChanged']);
    expect(found['network.country']).toBe('DE');
  });

  it('is no place for a device that says 0°/0°', () => {
    const found = factsOf({ ...FULL, location: { lat: 0, lon: 0 } }, CONTEXT, NOW_MS);
    for (const path of ['location.lat', 'location.lon', 'signals.distanceKm', 'signals.impossibleSpeed']) {
      expect(found).not.toHaveProperty([path]);
    }
  });
});
