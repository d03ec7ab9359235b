import { expect, it } from 'vitest';
import { durationMs } from '../../../src/kernel/duration.js';

it.each([
  ['PT1S', 1000],
  ['PT0S', 0],
  ['PT0.001S', 1],
  ['PT1.5S', 1500],
  ['PT15M', 900_000],
  ['PT1H', 3_600_000],
  ['PT72H', 259_200_000],
  ['P1D', 86_400_000],
  ['P90D', 7_776_000_000],
  ['P2W', 1_209_600_000],
  ['P1W1DT1H1M1.25S', 694_861_250],
])('%s is %d ms', (text, ms) => expect(durationMs(text)).toBe(ms));

it.each([
  '',
  'P',
  'PT',
  'P1DT',
  'P1Y',
  'P1M', // a month has no fixed length; a minute is PT1M
  '-PT1S',
  '+PT1S',
  'PT-1S',
  'PT1.5H',
  'PT1.0001S',
  'PT.5S',
  'PT1,5S',
  'pt1s',
  'PT1S ',
  ' PT1S',
  'PT1S\n',
  'P1D1W',
  'PT1M1H',
  '1H',
  'PT1H1H',
  'P٣D',
  'PT99999999999S',
])('%j is no duration', (text) => expect(durationMs(text)).toBeUndefined());

it('refuses what is long without backtracking over it', () => {
  expect(durationMs(`P${'1'.repeat(100_000)}D`)).toBeUndefined();
  expect(durationMs('PT'.repeat(50_000))).toBeUndefined();
});
