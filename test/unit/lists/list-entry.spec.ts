import { describe, expect, it } from 'vitest';
import { isRefusal } from '../../../src/kernel/errors.js';
import {
  expiryRefusal,
  isListName,
  type ListEntry,
  type ListName,
  stateOf,
} from '../../../src/lists/core/list-entry.js';
import { entry } from './entries.js';

const NOW_MS = Date.UTC(2026, 0, 1);
const DAY_MS = 86_400_000;

describe('the end of an entry', () => {
  it.each<[ListName, number]>([
    ['block', 365],
    ['allow', 365],
    ['watch', 30],
  ])('of %s is at most %d days away, and after now', (list, days) => {
    for (const expiresAtMs of [null, NOW_MS + 1, NOW_MS + days * DAY_MS]) {
      expect(expiryRefusal(list, expiresAtMs, NOW_MS)).toBeUndefined();
    }
    for (const expiresAtMs of [NOW_MS, NOW_MS - 1, NOW_MS + days * DAY_MS + 1, Number.NaN]) {
      const refused = expiryRefusal(list, expiresAtMs, NOW_MS);
      expect(isRefusal(refused) && refused.extra?.errors?.[0]?.pointer).toBe('/expiresAt');
    }
  });
});

it('removed says more than expired', () => {
  const made: ListEntry = { ...entry(1), createdAtMs: 0, expiresAtMs: 10, removedAtMs: null, removedReason: null };
  expect([9, 10, 11].map((nowMs) => stateOf(made, nowMs))).toEqual(['active', 'expired', 'expired']);
  expect(stateOf({ ...made, expiresAtMs: null }, Number.MAX_SAFE_INTEGER)).toBe('active');
  expect([9, 11].map((nowMs) => stateOf({ ...made, removedAtMs: 5 }, nowMs))).toEqual(['removed', 'removed']);
});

it('only three names are lists', () => {
  expect(['block', 'allow', 'watch'].every(isListName)).toBe(true);
  expect(['', 'Block', 'deny', 'constructor', 'length', '__proto__'].some(isListName)).toBe(false);
});
