import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Facts } from '../../../src/policy/core/facts.js';
import { parsePolicy } from '../../../src/policy/core/policy.schema.js';

const text = readFileSync(new URL('../../../policies/default.yaml', import.meta.url), 'utf8');

describe('the shipped policy', () => {
  const parsed = parsePolicy(text);
  if ('problems' in parsed) throw new Error(JSON.stringify(parsed.problems));
  const { policy } = parsed;

  it('is accepted, and enforces', () => {
    expect(policy.mode).toBe('enforce');
    expect(policy.limits.length).toBeGreaterThan(20);
  });

  it('bounds the points and the number of movements of every type of transaction', () => {
    for (const type of ['earn', 'burn', 'transfer', 'adjust'] as const) {
      const metrics = policy.limits.filter(({ types }) => types.includes(type)).map(({ metric }) => metric);
      expect(metrics).toEqual(expect.arrayContaining(['count', 'points']));
    }
    const hard = policy.limits.filter(({ kind }) => kind === 'hard').flatMap(({ types }) => types);
    expect(hard).toEqual(expect.arrayContaining(['earn', 'burn', 'transfer', 'adjust', 'registration']));
  });

  it('closes no shared place to everyone', () => {
    const shared = new Set(['store', 'network', 'ip', 'partner', 'franchise', 'campaign', 'reward', 'program']);
    expect(policy.limits.filter(({ subject, kind }) => kind === 'hard' && shared.has(subject))).toEqual([]);
  });

  it('explains every limit in a comment above it, too', () => {
    const lines = text.split('\n');
    const bare = lines.filter((line, i) => line.startsWith('  - id:') && !lines[i - 1]?.startsWith('  # '));
    expect(bare).toEqual([]);
  });

  const fired = (facts: Facts): string[] => policy.rules.evaluate(facts).map(({ rule }) => rule.id);
  const weightOf = (facts: Facts): number =>
    policy.rules.evaluate(facts).reduce((sum, { rule }) => sum + (rule.weight ?? 0), 0);

  /** A member of two years who spends a good part of what they have, on the phone and at home. */
  const MEMBER: Facts = {
    type: 'burn',
    points: 4000,
    channel: 'app',
    'account.ageDays': 730,
    'account.balance': 4200,
    'account.balanceShare': 4000 / 4200,
    'account.credentialsAgeHours': 9000,
    'authentication.ageMinutes': 3,
    'network.country': 'FR',
    'network.dataCentre': false,
    'signals.countryChanged': false,
    'signals.impossibleSpeed': false,
    'reward.category': 'voucher',
    'lists.block': [],
    externalSignals: [],
  };

  /** What limits that rules read hold before the transaction. */
  const used = (held: Record<string, number>): Pick<Facts, 'limits'> => ({
    limits: Object.fromEntries(
      Object.entries(held).map(([id, points]) => [
        id,
        { used: points, cap: 1e9, remaining: 1e9, share: 0, breached: false },
      ]),
    ),
  });

  it('leaves members alone, also those who travel, use a VPN, change a password or take a gift card', () => {
    expect(fired(MEMBER)).toEqual([]);
    expect(fired({ type: 'burn', points: 100_000 })).toEqual([]);
    const habits: Facts[] = [
      { 'network.dataCentre': true },
      { 'signals.countryChanged': true },
      { 'account.credentialsAgeHours': 1, points: 1500, 'account.balanceShare': 0.4 },
      { 'reward.category': 'Gift card' },
      { externalSignals: [{ source: 'bots', code: 'automation', score: 75 }] },
      // a new phone, and some vouchers in the week after it
      { 'account.credentialsAgeHours': 100, ...used({ 'burn-points-account-week': 5000 }) },
      // three vouchers in one basket, which the balance covers
      {
        points: 1000,
        'account.balance': 4200,
        ...used({ 'burn-count-account-seconds': 2, 'burn-points-account-seconds': 2000 }),
      },
      // a child that joined yesterday gives most of its points to a parent, whom another child has given some
      {
        type: 'transfer',
        'account.ageDays': 1,
        'account.balanceShare': 0.9,
        ...used({ 'transfer-senders-counterparty-week': 1, 'transfer-count-account-day': 0 }),
      },
      // the third child on the family's phone
      { type: 'earn', 'activity.kind': 'welcome', points: 1000, ...used({ 'earn-accounts-device-month': 3 }) },
      // goodwill for something that went wrong, again
      {
        type: 'adjust',
        direction: 'credit',
        points: 1500,
        'signals.selfDealing': false,
        ...used({ 'adjust-points-account-month': 2000, 'adjust-count-account-month': 2 }),
      },
    ];
    for (const habit of habits) {
      const facts = { ...MEMBER, ...habit };
      const outcomes = policy.rules.evaluate(facts).map(({ rule }) => rule.outcome);
      expect([habit, outcomes.filter((outcome) => outcome !== 'score')]).toEqual([habit, []]);
      expect(weightOf(facts)).toBeLessThan(policy.scoreBands.challenge);
    }
  });

  it('sees two weak signs together', () => {
    const facts = { ...MEMBER, 'network.dataCentre': true, 'signals.countryChanged': true };
    expect(weightOf(facts)).toBeGreaterThanOrEqual(policy.scoreBands.challenge);
  });

  it.each([
    ['fresh-credentials-large', { points: 5001, 'account.credentialsAgeHours': 23 }],
    ['fresh-credentials-empties', { 'account.credentialsAgeHours': 1 }],
    ['impossible-speed', { 'signals.impossibleSpeed': true }],
    ['fresh-credentials-sum', { 'account.credentialsAgeHours': 160, ...used({ 'burn-points-account-week': 6000 }) }],
    ['race', used({ 'burn-count-account-seconds': 1, 'burn-points-account-seconds': 4000 })],
    ['new-account-large', { 'account.ageDays': 13, points: 5001 }],
    ['new-account-transfer', { type: 'transfer', 'account.ageDays': 13, 'account.balanceShare': 1 }],
    ['bonuses-one-device', { type: 'earn', 'activity.kind': 'welcome', ...used({ 'earn-accounts-device-month': 4 }) }],
    ['self-dealing-adjust', { type: 'adjust', 'signals.selfDealing': true }],
    ['self-dealing-earn', { type: 'earn', 'signals.selfDealing': true }],
    ['adjust-large-credit', { type: 'adjust', direction: 'credit', points: 5001 }],
    [
      'adjust-adds-up',
      { type: 'adjust', direction: 'credit', points: 3000, ...used({ 'adjust-points-account-month': 7001 }) },
    ],
    [
      'favours-one-member',
      { type: 'adjust', direction: 'credit', points: 100, ...used({ 'adjust-count-account-month': 3 }) },
    ],
    ['external-sure', { externalSignals: [{ source: 'bots', code: 'automation', score: 90 }] }],
  ] satisfies [string, Facts][])('asks by %s', (id, facts) => {
    expect(fired({ ...MEMBER, ...facts })).toContain(id);
    expect(policy.rules.rules.find((rule) => rule.id === id)?.outcome).toMatch(/challenge|review/);
  });

  it('sees the fourth sender to one receiver, and not the third', () => {
    const transfer = (senders: number): Facts => ({
      ...MEMBER,
      type: 'transfer',
      ...used({ 'transfer-senders-counterparty-week': senders }),
    });
    expect(fired(transfer(2))).not.toContain('gathering');
    expect(fired(transfer(3))).toContain('gathering');
    expect(weightOf(transfer(3))).toBeGreaterThanOrEqual(policy.scoreBands.challenge);
  });

  it('sees no race where the second request knows of the first', () => {
    const held = used({ 'burn-count-account-seconds': 1, 'burn-points-account-seconds': 1000 });
    const facts: Facts = { ...MEMBER, points: 1000, 'account.balance': 3200, ...held };
    expect(fired(facts)).not.toContain('race');
    expect(fired({ ...facts, points: 2201 })).toContain('race');
  });

  it('denies by no rule: a rule is a suspicion, a hard limit is a fact', () => {
    expect(policy.rules.rules.filter(({ outcome }) => outcome === 'deny')).toEqual([]);
  });
});
