/** Reading packed rows without trust: what does not fit throws a RangeError, so that no damaged row is counted. */
import type { ByteReader, ByteWriter } from '../../kernel/bytes.js';
import { isStamp, LOG_LENGTH } from './log.js';

/** The layout byte of every row: one without anything that left the log, or one with all parts. */
export const LAYOUTS = { logOnly: 1, whole: 2 } as const;

export function fits(condition: boolean): asserts condition {
  if (!condition) throw new RangeError('packed bytes do not fit their layout');
}

/** An integer from 0 to `largest`. */
export function readUpTo(reader: ByteReader, largest: number): number {
  const value = reader.unsigned();
  fits(value <= largest && Number.isSafeInteger(value));
  return value;
}

export function readStamp(value: number): number {
  fits(isStamp(value));
  return value;
}

export const readLogLength = (reader: ByteReader): number => readUpTo(reader, LOG_LENGTH);

export function writeLayout(writer: ByteWriter, logOnly: boolean): void {
  writer.byte(logOnly ? LAYOUTS.logOnly : LAYOUTS.whole);
}

/** Whether the row is one without anything that left the log. */
export function readLayout(reader: ByteReader): boolean {
  const layout = reader.byte();
  fits(layout === LAYOUTS.logOnly || layout === LAYOUTS.whole);
  return layout === LAYOUTS.logOnly;
}
