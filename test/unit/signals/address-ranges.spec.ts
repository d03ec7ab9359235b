import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AddressRange,
  boundariesOf,
  isWithin,
  type NetworkRanges,
  packRanges,
  unpackRanges,
} from '../../../src/signals/core/address-ranges.js';

/** Few addresses, so that ranges touch, overlap and swallow each other. */
const somewhere = fc.nat({ max: 60 });
const ranges: fc.Arbitrary<AddressRange[]> = fc.array(fc.tuple(somewhere, somewhere), { maxLength: 12 });

const farRange = fc
  .tuple(fc.nat({ max: 2 ** 48 - 1 }), fc.integer({ min: 1, max: 2 ** 40 }))
  .map(([from, length]): AddressRange => [from, Math.min(from + length, 2 ** 48)]);
const boundaries = fc.array(farRange, { maxLength: 20 }).map(boundariesOf);
const family = fc.record({ ipv4: boundaries, ipv6: boundaries });
const networkRanges: fc.Arbitrary<NetworkRanges> = fc.record({ dataCentres: family, relays: family });

const setOf = (points: readonly number[]): NetworkRanges => {
  const empty = new Float64Array(0);
  return { dataCentres: { ipv4: Float64Array.from(points), ipv6: empty }, relays: { ipv4: empty, ipv6: empty } };
};

function fateOf(bytes: Uint8Array): string {
  try {
    return packRanges(unpackRanges(bytes)).equals(bytes) ? 'kept' : 'changed';
  } catch (error) {
    return error instanceof RangeError ? 'refused' : String(error);
  }
}

describe('a set of address ranges', () => {
  it('has the addresses of its ranges and no other, whatever their order and overlap', () => {
    fc.assert(
      fc.property(ranges, (given) => {
        const set = boundariesOf(given);
        for (let address = -1; address <= 61; address++) {
          const expected = given.some(([from, until]) => from <= address && address < until);
          expect(isWithin(set, address)).toBe(expected);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('keeps as few boundaries as it can, ascending', () => {
    const given: AddressRange[] = [
      [5, 9],
      [1, 3],
      [3, 5],
      [2, 4],
      [20, 20],
      [30, 25],
    ];
    expect([...boundariesOf(given)]).toEqual([1, 9]);
    fc.assert(
      fc.property(ranges, (some) => {
        const points = [...boundariesOf(some)];
        expect(points).toEqual([...new Set(points)].toSorted((a, b) => a - b));
      }),
    );
  });

  it('is the same after packing, up to both ends of the address space', () => {
    fc.assert(
      fc.property(networkRanges, (given) => {
        expect(unpackRanges(packRanges(given))).toEqual(given);
      }),
    );
    const whole = setOf([0, 2 ** 48]);
    expect(unpackRanges(packRanges(whole))).toEqual(whole);
    expect(isWithin(whole.dataCentres.ipv4, 0)).toBe(true);
    expect(isWithin(whole.dataCentres.ipv4, 2 ** 48 - 1)).toBe(true);
  });

  it('refuses bytes of anything else', () => {
    expect(fateOf(new Uint8Array(0))).toBe('refused');
    expect(fateOf(packRanges(setOf([1, 2, 2, 4])))).toBe('refused');
    expect(fateOf(packRanges(setOf([1, 2, 4])))).toBe('refused');
    expect(fateOf(packRanges(setOf([1, 2 ** 48 + 1])))).toBe('refused');
    expect(fateOf(Buffer.from([2, 0, 0, 0, 0]))).toBe('refused');
    expect(fateOf(Buffer.from([1, 0, 0, 0, 0, 0]))).toBe('refused');
    expect(fateOf(Buffer.concat([Buffer.from([1]), Buffer.alloc(400, 0xff)]))).toBe('refused');
    expect(fateOf(Buffer.concat([Buffer.from([1]), Buffer.alloc(400, 0x80), Buffer.alloc(4)]))).toBe('refused');
    // a distance that runs past every number
    const endless = Buffer.concat([Buffer.alloc(400, 0x80), Buffer.alloc(1)]);
    expect(fateOf(Buffer.concat([Buffer.from([1, 2]), endless, Buffer.from([1, 0, 0, 0])]))).toBe('refused');
    // a count of 2^50
    expect(fateOf(Buffer.from([1, 128, 128, 128, 128, 128, 128, 128, 2, 0, 0, 0]))).toBe('refused');
  });

  it('never breaks over damaged bytes', () => {
    fc.assert(
      fc.property(networkRanges, fc.nat(), fc.nat({ max: 255 }), (given, at, byte) => {
        const bytes = packRanges(given);
        bytes[at % bytes.length] = byte;
        expect(['kept', 'changed', 'refused']).toContain(fateOf(bytes));
        expect(fateOf(bytes.subarray(0, at % bytes.length))).toBe('refused');
      }),
    );
  });
});
