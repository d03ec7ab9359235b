import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter } from '../../../src/kernel/bytes.js';

const unsigned = fc.oneof(
  fc.nat(300),
  fc.maxSafeNat(),
  fc.constantFrom(0, 127, 128, 16_383, 16_384, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER),
);
const signed = fc.oneof(
  fc.integer({ min: -300, max: 300 }),
  fc.integer({ min: -(2 ** 52), max: 2 ** 52 - 1 }),
  fc.constantFrom(0, -1, 1, 63, -64, 64, -65, -(2 ** 52), 2 ** 52 - 1),
);

describe('packed integers', () => {
  it('come back in the order in which they were written', () => {
    const part = fc.oneof(
      unsigned.map((value) => ({ kind: 'unsigned' as const, value })),
      signed.map((value) => ({ kind: 'signed' as const, value })),
      fc.nat(255).map((value) => ({ kind: 'byte' as const, value })),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 300 }), (parts) => {
        const writer = new ByteWriter();
        for (const { kind, value } of parts) writer[kind](value);
        const reader = new ByteReader(writer.finish());
        expect(parts.map(({ kind }) => reader[kind]())).toEqual(parts.map(({ value }) => value));
        expect(reader.done).toBe(true);
      }),
    );
  });

  it.each([
    [0, 1],
    [127, 1],
    [128, 2],
    [16_384, 3],
    [Number.MAX_SAFE_INTEGER, 8],
  ])('%d takes %d bytes', (value, length) => {
    expect(new ByteWriter().unsigned(value).finish()).toHaveLength(length);
  });

  it('end early: a RangeError, wherever they are cut', () => {
    const whole = new ByteWriter()
      .unsigned(2 ** 40)
      .signed(-(2 ** 40))
      .bytes(Buffer.alloc(5))
      .finish();
    const read = (bytes: Uint8Array) => {
      const reader = new ByteReader(bytes);
      reader.unsigned();
      reader.signed();
      reader.bytes(5);
    };
    expect(() => read(whole)).not.toThrow();
    for (let length = 0; length < whole.length; length++)
      expect(() => read(whole.subarray(0, length))).toThrow(RangeError);
  });
});

it('bytes longer than the buffer are kept whole', () => {
  const long = Buffer.alloc(10_000, 7);
  const reader = new ByteReader(new ByteWriter().bytes(long).unsigned(5).finish());
  expect(Buffer.from(reader.bytes(10_000)).equals(long)).toBe(true);
  expect(reader.unsigned()).toBe(5);
});

it('what was finished does not change when the writer goes on', () => {
  const writer = new ByteWriter().unsigned(1);
  const first = writer.finish();
  writer.unsigned(2);
  expect([...first]).toEqual([1]);
});
