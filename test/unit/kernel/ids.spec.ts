import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { idOf, timeOrderedUuid, uuidFloor, uuidOf } from '../../../src/kernel/ids.js';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const uuids = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => {
  const hex = Buffer.from(bytes).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
});
const timesMs = fc.integer({ min: 0, max: 2 ** 48 - 1 });

describe('ids', () => {
  it('come back as the uuid that they were made of', () => {
    fc.assert(
      fc.property(uuids, (uuid) => {
        expect(uuidOf('dec', idOf('dec', uuid))).toBe(uuid);
      }),
    );
  });

  it('sort as their uuids do', () => {
    fc.assert(
      fc.property(uuids, uuids, (a, b) => {
        expect(compare(idOf('dec', a), idOf('dec', b))).toBe(compare(a, b));
      }),
    );
  });

  it.each(['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff'])(
    'hold the edge %s',
    (uuid) => {
      const id = idOf('dec', uuid);
      expect(id).toMatch(/^dec_[0-9a-hjkmnp-tv-z]{26}$/);
      expect(uuidOf('dec', id)).toBe(uuid);
    },
  );

  const GOOD = idOf('dec', '019f0000-0000-7000-8000-000000000001');
  it.each([
    ['another prefix', GOOD.replace('dec_', 'lnk_')],
    ['no prefix', GOOD.slice(4)],
    ['a longer prefix', `x${GOOD}`],
    ['one letter less', GOOD.slice(0, -1)],
    ['one letter more', `${GOOD}0`],
    ['a letter that Crockford leaves out', `${GOOD.slice(0, -1)}u`],
    ['capitals', GOOD.toUpperCase()],
    ['129 bits', `dec_8${'0'.repeat(25)}`],
    ['a surrogate', `${GOOD.slice(0, -1)}😀`],
    ['NUL', `${GOOD.slice(0, -1)}\0`],
    ['nothing', ''],
  ])('are none: %s', (_, id) => expect(uuidOf('dec', id)).toBeUndefined());

  it('are at most 128 bits, whatever the letters', () => {
    const letters = fc.string({
      unit: fc.constantFrom(...'0123456789abcdefghjkmnpqrstvwxyz'.split('')),
      minLength: 26,
      maxLength: 26,
    });
    fc.assert(
      fc.property(letters, (text) => {
        const uuid = uuidOf('dec', `dec_${text}`);
        expect(uuid === undefined).toBe(text >= '8');
        expect(uuid === undefined || (UUID.test(uuid) && idOf('dec', uuid) === `dec_${text}`)).toBe(true);
      }),
    );
  });
});

describe('uuids by time', () => {
  it('are ordered by their time, and not below its floor', () => {
    fc.assert(
      fc.property(timesMs, timesMs, (a, b) => {
        const [first, second] = [timeOrderedUuid(a), timeOrderedUuid(b)];
        expect(first).toMatch(UUID);
        expect(first >= uuidFloor(a) && (a === 2 ** 48 - 1 || first < uuidFloor(a + 1))).toBe(true);
        expect(a === b || first < second === a < b).toBe(true);
      }),
    );
  });

  it('keep the order of the calls where a clock stands, whatever other times are asked for in between', () => {
    const made = Array.from({ length: 200 }, (_, call) => {
      for (let other = 0; other < 20; other++) timeOrderedUuid(1_000_000 + call * 20 + other);
      return timeOrderedUuid(5);
    });
    expect(made).toEqual(made.toSorted());
  });

  it('are never the same', () => {
    expect(new Set(Array.from({ length: 20_000 }, () => timeOrderedUuid(1))).size).toBe(20_000);
  });

  it('have a floor for every time, also where ids cannot be', () => {
    expect(uuidFloor(-1)).toBe('00000000-0000-0000-0000-000000000000');
    expect(uuidFloor(Number.MAX_SAFE_INTEGER)).toBe(uuidFloor(2 ** 48 - 1));
  });
});

const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
