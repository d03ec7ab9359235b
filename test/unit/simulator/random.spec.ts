import { describe, expect, it } from 'vitest';
import { dataCentreIp, farAwayIp, holidayIp, homeIp, mobileIp } from '../../../src/simulator/core/networks.js';
import { seededRandom } from '../../../src/simulator/core/random.js';

const first = (seed: number, label?: string) => Array.from({ length: 3 }, seededRandom(seed, label).next);

describe('a seeded stream', () => {
  it('is the same for the same seed and label, and other for any other, large seeds too', () => {
    expect(first(1)).toEqual(first(1));
    const streams = [
      first(1),
      first(2),
      first(1, 'a'),
      first(1, 'b'),
      first(999_999_999_999_999),
      first(999_999_999_999_998),
    ];
    expect(new Set(streams.map(String)).size).toBe(streams.length);
  });

  it('does not depend on what its parent has drawn', () => {
    const [fresh, used] = [seededRandom(3), seededRandom(3)];
    for (let draw = 0; draw < 100; draw++) used.next();
    expect(used.stream('x').word(20)).toBe(fresh.stream('x').word(20));
    expect(fresh.stream('x').stream('y').next()).not.toBe(fresh.stream('y').next());
  });

  it('spreads evenly and keeps to its bounds', () => {
    const random = seededRandom(7);
    const buckets = Array.from({ length: 20 }, () => 0);
    for (let draw = 0; draw < 20_000; draw++) {
      const value = random.between(0, 19);
      buckets[value] = (buckets[value] ?? Number.NaN) + 1;
    }
    // 1,000 each; 6 σ is 185
    for (const bucket of buckets) expect(Math.abs(bucket - 1000)).toBeLessThan(185);
    const quantiles = Array.from({ length: 4000 }, () => random.quantile([0, 10, 100]));
    expect(Math.min(...quantiles)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...quantiles)).toBeLessThan(100);
    expect(quantiles.filter((value) => value < 10).length / 4000).toBeCloseTo(0.5, 1);
    expect(() => random.pick([])).toThrow(RangeError);
    expect(new Set(random.take([1, 2, 3], 9))).toEqual(new Set([1, 2, 3]));
    expect(random.take([1, 2, 3], 9)).toHaveLength(3);
    expect(random.take([1, 2, 3], 0)).toEqual([]);
  });

  it('has a chance of 0 that never happens and one of 1 that always does', () => {
    const random = seededRandom(1);
    for (let draw = 0; draw < 1000; draw++) expect([random.chance(0), random.chance(1)]).toEqual([false, true]);
  });
});

describe('addresses', () => {
  it('are hosts, and many', () => {
    const random = seededRandom(5);
    const makers = [
      () => homeIp('FR', random),
      () => mobileIp('GB', random),
      () => holidayIp(random),
      () => farAwayIp(random),
      () => dataCentreIp(random),
    ];
    for (const make of makers) {
      const made = Array.from({ length: 500 }, make);
      for (const ip of made) {
        const parts = ip.split('.').map(Number);
        expect(parts).toHaveLength(4);
        expect(parts.every((part) => Number.isInteger(part) && part >= 0 && part <= 255)).toBe(true);
        expect(parts[3]).not.toBe(0);
        expect(parts[3]).not.toBe(255);
      }
      expect(new Set(made).size).toBeGreaterThan(400);
    }
  });
});
