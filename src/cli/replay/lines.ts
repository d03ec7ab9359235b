/** Lines of NDJSON with a bound on their length. */
import { isRecord } from '../api-client.js';
import type { Row } from './row.js';

const NEWLINE = 10;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** The lines that are not blank; undefined stands for one of more than `maxBytes`, which is skipped and never held. */
export async function* readLines(content: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<Buffer | undefined> {
  let line = newLine(maxBytes);
  let atStart = true;
  for await (const chunk of content) {
    let from = atStart && chunk.subarray(0, 3).equals(BYTE_ORDER_MARK) ? 3 : 0;
    atStart = false;
    for (let to = chunk.indexOf(NEWLINE, from); to !== -1; to = chunk.indexOf(NEWLINE, from)) {
      line.add(chunk.subarray(from, to));
      if (!line.isBlank()) yield line.bytes();
      line = newLine(maxBytes);
      from = to + 1;
    }
    line.add(chunk.subarray(from));
  }
  if (!line.isBlank()) yield line.bytes();
}

function newLine(maxBytes: number) {
  let parts: Buffer[] = [];
  let length = 0;
  return {
    add(part: Buffer): void {
      length += part.length;
      if (length > maxBytes) parts = [];
      else parts.push(part);
    },
    bytes: (): Buffer | undefined => (length > maxBytes ? undefined : Buffer.concat(parts)),
    isBlank: (): boolean =>
      length <= maxBytes && parts.every((part) => part.every((byte) => byte === 13 || byte === 32 || byte === 9)),
  };
}

/** The row in a line, or why it is none. */
export function parseLine(line: Buffer | undefined, number: number): Row {
  if (!line) return { number, problem: 'it is longer than 64 KiB' };
  try {
    const value: unknown = JSON.parse(line.toString('utf8'));
    return isRecord(value)
      ? { number, cells: new Map(Object.entries(value)) }
      : { number, problem: 'it is no JSON object' };
  } catch {
    return { number, problem: 'it is no JSON' };
  }
}
