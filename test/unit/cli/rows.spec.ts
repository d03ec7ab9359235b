import { createWriteStream, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip, gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { PlainFailure } from '../../../src/cli/plain-failure.js';
import { readLines } from '../../../src/cli/replay/lines.js';
import { openRows } from '../../../src/cli/replay/rows.js';

const directory = mkdtempSync(join(tmpdir(), 'rows-'));
afterAll(() => rmSync(directory, { recursive: true }));
let files = 0;
const file = (ending: string, content: string | Buffer) => {
  const path = join(directory, `${files++}${ending}`);
  writeFileSync(path, content);
  return path;
};

async function read(path: string) {
  const { columns, rows } = await openRows(path);
  const seen: unknown[] = [];
  for await (const row of rows) seen.push('cells' in row ? Object.fromEntries(row.cells) : row);
  return { columns, seen };
}
const failure = async (path: string): Promise<string> => {
  const error: unknown = await read(path).catch((caught: unknown) => caught);
  return error instanceof PlainFailure ? error.message : `not refused: ${JSON.stringify(error)}`;
};

describe('CSV', () => {
  it('reads quotes, commas and newlines within them, a BOM, CRLF and blank lines', async () => {
    const { columns, seen } = await read(file('.csv', '\ufeffid,note\r\n1,"a, ""b""\r\nc"\r\n\r\n2,plain\r\n'));
    expect(columns).toEqual(['id', 'note']);
    expect(seen).toEqual([
      { id: '1', note: 'a, "b"\r\nc' },
      { id: '2', note: 'plain' },
    ]);
  });

  it('goes on after a record with other than the header’s fields', async () => {
    const { seen } = await read(file('.csv', 'a,b\n1,2\n1\n1,2,3\n3,4\n'));
    expect(seen).toEqual([
      { a: '1', b: '2' },
      { number: 2, problem: 'it has 1 fields, the header 2' },
      { number: 3, problem: 'it has 3 fields, the header 2' },
      { a: '3', b: '4' },
    ]);
  });

  it('without rows has none', async () => {
    expect(await read(file('.csv', 'a,b\n'))).toEqual({ columns: ['a', 'b'], seen: [] });
  });

  it.each([
    ['nothing in it', '', /is empty/],
    ['a column twice', 'a,a\n1,2\n', /column a twice/],
    ['a quote that never closes', `a,b\n1,"${'x'.repeat(200_000)}\n`, /64 KiB/],
    ['an open quote at its end', 'a,b\n1,"secret', /ends inside a quoted field/],
    ['text after a closing quote', 'a,b\n1,"secret"x\n', /after a closing quote/],
    ['a quote inside a bare field', 'a,b\n1,se"cret\n', /quote inside a field/],
  ])('with %s ends with one sentence and none of its content', async (_name, content, sentence) => {
    const message = await failure(file('.csv', content));
    expect(message).toMatch(sentence);
    expect(message).not.toMatch(/secret|\n/);
  });
});

describe('NDJSON', () => {
  it('takes the first line’s keys as columns and goes on after lines that are none', async () => {
    const long = JSON.stringify({ a: 'x'.repeat(70_000) });
    const lines = ['{"a":1,"b":{"c":"d"}}', '', 'no json', '[1]', 'null', long, '{"a":2}'];
    const { columns, seen } = await read(file('.ndjson', `\ufeff${lines.join('\r\n')}`));
    expect(columns).toEqual(['a', 'b']);
    expect(seen).toEqual([
      { a: 1, b: { c: 'd' } },
      { number: 2, problem: 'it is no JSON' },
      { number: 3, problem: 'it is no JSON object' },
      { number: 4, problem: 'it is no JSON object' },
      { number: 5, problem: 'it is longer than 64 KiB' },
      { a: 2 },
    ]);
  });

  it('takes a line of 64 KiB and not of one byte more', async () => {
    const line = (bytes: number) => JSON.stringify({ a: 'x'.repeat(bytes - 8) });
    const { seen } = await read(file('.ndjson', `${line(65_536)}\n${line(65_537)}\n`));
    expect(seen).toEqual([{ a: 'x'.repeat(65_528) }, { number: 2, problem: 'it is longer than 64 KiB' }]);
  });

  it('splits lines wherever the chunks end', async () => {
    const bytes = Buffer.from('{"a":"é"}\n{"a":"ü"}\n\n{"a":3}');
    for (let size = 1; size <= bytes.length; size++) {
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
        bytes.subarray(at * size, (at + 1) * size),
      );
      const lines: string[] = [];
      for await (const line of readLines(Readable.from(chunks), 100)) lines.push(String(line));
      expect(lines).toEqual(['{"a":"é"}', '{"a":"ü"}', '{"a":3}']);
    }
  });

  it('with a first line that is no object is refused', async () => {
    expect(await failure(file('.ndjson', 'secret\n'))).toMatch(/first line .* it is no JSON/);
  });
});

describe('files', () => {
  it('may be gzipped, either format', async () => {
    expect((await read(file('.csv.gz', gzipSync('a\n1\n')))).seen).toEqual([{ a: '1' }]);
    expect((await read(file('.ndjson.gz', gzipSync('{"a":1}\n')))).seen).toEqual([{ a: 1 }]);
  });

  it.each([
    ['that is no gzip', '.csv.gz', Buffer.from('a\n1\n'), /no gzip/],
    ['that is cut off', '.csv.gz', gzipSync('a\n1\n').subarray(0, 12), /middle of its gzip/],
    ['of another kind', '.txt', Buffer.from('a'), /neither/],
  ])('one %s is refused', async (_name, ending, content, sentence) => {
    expect(await failure(file(ending, content))).toMatch(sentence);
  });

  it('that are not there or are directories are refused', async () => {
    expect(await failure(join(directory, 'none.csv'))).toMatch(/no file/);
    mkdirSync(join(directory, 'folder.csv'));
    expect(await failure(join(directory, 'folder.csv'))).toMatch(/is not a file/);
  });

  it('of any size are read in constant memory', async () => {
    const path = join(directory, 'large.csv.gz');
    const line = `${'x'.repeat(200)},${'y'.repeat(200)}\n`;
    const blocks = function* () {
      yield 'a,b\n';
      for (let i = 0; i < 150; i++) yield line.repeat(1000);
    };
    await pipeline(Readable.from(blocks()), createGzip({ level: 1 }), createWriteStream(path));
    const { rows, readBytes, totalBytes } = await openRows(path);
    let count = 0;
    let most = 0;
    for await (const row of rows)
      if ('cells' in row && ++count % 20_000 === 0) most = Math.max(most, process.memoryUsage().arrayBuffers);
    expect(count).toBe(150_000);
    // 60 MB of text went by: had it been held, the buffers would be at least as large
    expect(most).toBeLessThan(30_000_000);
    expect(readBytes()).toBe(totalBytes);
  });

  it('of the handbook have its columns', async () => {
    const path = '../shared/data/stream/handbook_dev.csv.gz';
    const { columns, rows, close } = await openRows(path);
    expect(columns.slice(0, 5)).toEqual(['TRANSACTION_ID', 'TX_DATETIME', 'CUSTOMER_ID', 'TERMINAL_ID', 'TX_AMOUNT']);
    const first = await rows[Symbol.asyncIterator]().next();
    expect(first.value).toMatchObject({ number: 1 });
    close();
  });
});
