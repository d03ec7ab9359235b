import { describe, expect, it } from 'vitest';
import { SUBJECT_KINDS } from '../../../src/policy/core/policy.js';
import {
  distinctEntryKey,
  distinctKey,
  isDistinctKey,
  memberBehind,
  memberOf,
  rowKeyOf,
  windowKey,
} from '../../../src/velocity/core/subject-key.js';

const NAME = '0123456789abcdef0123456789abcdef';
const SLOTS = ['earn', 'burn', 'transfer', 'adjust-credit', 'adjust-debit', 'registration'] as const;

describe('the keys of rows', () => {
  it('are what the record holds already: a change here loses every window', () => {
    expect(SLOTS.map((slot) => windowKey('', slot))).toEqual(['01', '02', '03', '04', '05', '06']);
    expect(SLOTS.map((slot) => distinctKey('', slot, 'account'))).toEqual([
      '8101',
      '8201',
      '8301',
      '8401',
      '8501',
      '8601',
    ]);
    const kinds =
      'account cluster device ip network instrument address partner store employee counterparty franchise campaign reward referrer program';
    expect(kinds.split(' ').map((kind) => distinctKey('', 'earn', kind as 'account').slice(2))).toEqual(
      Array.from({ length: 16 }, (_, i) => (i + 1).toString(16).padStart(2, '0')),
    );
  });

  it('differ for all that differs', () => {
    const keys = SLOTS.flatMap((slot) => [
      windowKey(NAME, slot),
      ...SUBJECT_KINDS.map((kind) => distinctKey(NAME, slot, kind)),
    ]);
    expect(new Set(keys).size).toBe(6 * 17);
    expect(keys.every((key) => /^([0-9a-f]{2})+$/.test(key))).toBe(true);
  });

  it('are found again from what a decision records', () => {
    const window = windowKey(NAME, 'burn');
    expect([isDistinctKey(window), rowKeyOf(window)]).toEqual([false, window]);
    const row = distinctKey(NAME, 'burn', 'device');
    const member = memberOf('f'.repeat(32));
    const entry = distinctEntryKey(row, member);
    expect([isDistinctKey(entry), rowKeyOf(entry), rowKeyOf(row), memberBehind(entry)]).toEqual([
      true,
      row,
      row,
      'f'.repeat(16),
    ]);
  });
});
