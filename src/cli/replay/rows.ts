/**
 * Rows of a CSV (RFC 4180) or NDJSON file, plain or gzipped, read as a stream: a file of any size takes the same memory.
 */
import { createReadStream, type ReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { parse as csvParser } from 'csv-parse';
import { PlainFailure } from '../plain-failure.js';
import { parseLine, readLines } from './lines.js';
import type { Row } from './row.js';

export interface RowFile {
  columns: readonly string[];
  rows: AsyncIterable<Row>;
  totalBytes: number;
  /** Bytes of the file (compressed ones, where it is) that were read so far. */
  readBytes(): number;
  close(): void;
}

/** Of one record, as of one NDJSON line: what is longer is no row, and a lost quote must not fill the memory. */
const MAX_ROW_BYTES = 64 * 1024;

const FORMATS = [
  { ending: /\.csv(\.gz)?$/i, read: readCsv },
  { ending: /\.(ndjson|jsonl)(\.gz)?$/i, read: readNdjson },
];

/** Opens a file and reads its header, or its first row. Throws a `PlainFailure` where it is no such file. */
export async function openRows(path: string): Promise<RowFile> {
  const format = FORMATS.find(({ ending }) => ending.test(path));
  if (!format) throw new PlainFailure(`${path} is neither .csv nor .ndjson (nor one of them with .gz).`);
  const { size, isFile } = await fileFacts(path);
  if (!isFile) throw new PlainFailure(`${path} is not a file.`);
  const file = createReadStream(path);
  const { columns, rows } = await plainly(path, () => format.read(contentOf(file, path), path));
  return {
    columns,
    rows: named(path, rows),
    totalBytes: size,
    readBytes: () => file.bytesRead,
    close: () => void file.destroy(),
  };
}

async function fileFacts(path: string): Promise<{ size: number; isFile: boolean }> {
  try {
    const facts = await stat(path);
    return { size: facts.size, isFile: facts.isFile() };
  } catch {
    throw new PlainFailure(`There is no file ${path} that can be read.`);
  }
}

/** `pipeline` hands an error of any part on to the last, where the reader meets it. */
const contentOf = (file: ReadStream, path: string): Readable =>
  path.toLowerCase().endsWith('.gz') ? pipeline(file, createGunzip(), () => undefined) : file;

type Content = { columns: readonly string[]; rows: AsyncIterable<Row> };

async function readCsv(content: Readable, path: string): Promise<Content> {
  const parser = csvParser({
    bom: true,
    skip_empty_lines: true,
    relax_column_count: true,
    max_record_size: MAX_ROW_BYTES,
  });
  const records = pipeline(content, parser, () => undefined)[Symbol.asyncIterator]() as AsyncIterator<string[]>;
  const header = await records.next();
  if (header.done) throw new PlainFailure(`${path} is empty: it lacks the header that names the columns.`);
  const columns = header.value.map((name) => name.trim());
  const twice = columns.find((name, at) => columns.indexOf(name) !== at);
  if (twice !== undefined) throw new PlainFailure(`${path} names the column ${twice} twice.`);
  return { columns, rows: csvRows(records, columns) };
}

async function* csvRows(records: AsyncIterator<string[]>, columns: readonly string[]): AsyncGenerator<Row> {
  for (let number = 1; ; number++) {
    const record = await records.next();
    if (record.done) return;
    const { value: fields } = record;
    if (fields.length === columns.length)
      yield { number, cells: new Map(columns.map((column, at) => [column, fields[at]])) };
    else yield { number, problem: `it has ${fields.length} fields, the header ${columns.length}` };
  }
}

async function readNdjson(content: Readable, path: string): Promise<Content> {
  const lines = readLines(content, MAX_ROW_BYTES)[Symbol.asyncIterator]();
  const first = await lines.next();
  const row = first.done ? undefined : parseLine(first.value, 1);
  if (row && 'problem' in row) throw new PlainFailure(`The first line of ${path} is no row: ${row.problem}.`);
  return { columns: row ? [...row.cells.keys()] : [], rows: ndjsonRows(row, lines) };
}

async function* ndjsonRows(first: Row | undefined, lines: AsyncIterator<Buffer | undefined>): AsyncGenerator<Row> {
  if (first) yield first;
  for (let number = 2; ; number++) {
    const line = await lines.next();
    if (line.done) return;
    yield parseLine(line.value, number);
  }
}

async function* named(path: string, rows: AsyncIterable<Row>): AsyncGenerator<Row> {
  const iterator = rows[Symbol.asyncIterator]();
  for (;;) {
    const next = await plainly(path, () => iterator.next());
    if (next.done) return;
    yield next.value;
  }
}

/** What goes wrong while reading, by its code: the messages of csv-parse and zlib quote the file's content. */
const FAILURES: Record<string, string> = {
  Z_DATA_ERROR: 'is no gzip, or is damaged',
  Z_BUF_ERROR: 'ends in the middle of its gzip data',
  CSV_MAX_RECORD_SIZE: 'has a record of more than 64 KiB (a quote that is not closed?)',
  CSV_QUOTE_NOT_CLOSED: 'ends inside a quoted field',
  CSV_INVALID_CLOSING_QUOTE: 'has text after a closing quote (RFC 4180)',
  INVALID_OPENING_QUOTE: 'has a quote inside a field without quotes (RFC 4180)',
};

async function plainly<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof PlainFailure) throw error;
    const { code } = Object(error) as { code?: unknown };
    const known = typeof code === 'string' ? FAILURES[code] : undefined;
    throw new PlainFailure(`${path} ${known ?? 'cannot be read'}.`);
  }
}
