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

  it('leaves members alone, also those who travel, use a VPN, change a password or take a gift card', () => {
    expect(fired(MEMBER)).toEqual([]);
    expect(fired({ type: 'burn', points: 100_000 })).toEqual([]);
    const habits: Facts[] = [
      { 'network.dataCentre': true },
      { 'signals.countryChanged': true },
      { 'account.credentialsAgeHours': 1, points: 1500, 'account.balanceShare': 0.4 },
      { 'reward.category': 'Gift card' },
      { externalSignals: [{ source: 'bots', code: 'automation', score: 75 }] },
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
    ['new-account-large', { 'account.ageDays': 3 }],
    ['new-account-transfer', { type: 'transfer', 'account.ageDays': 1 }],
    ['self-dealing-adjust', { type: 'adjust', 'signals.selfDealing': true }],
    ['self-dealing-earn', { type: 'earn', 'signals.selfDealing': true }],
    ['adjust-large-credit', { type: 'adjust', direction: 'credit', points: 20_001 }],
    ['external-sure', { externalSignals: [{ source: 'bots', code: 'automation', score: 90 }] }],
  ] satisfies [string, Facts][])('asks by %s', (id, facts) => {
    expect(fired({ ...MEMBER, ...facts })).toContain(id);
    expect(policy.rules.rules.find((rule) => rule.id === id)?.outcome).toMatch(/challenge|review/);
  });

  it('denies by no rule: a rule is a suspicion, a hard limit is a fact', () => {
    expect(policy.rules.rules.filter(({ outcome }) => outcome === 'deny')).toEqual([]);
  });
});
