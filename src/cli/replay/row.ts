/** Column → value as read: text in CSV, any JSON in NDJSON. */
export type Cells = ReadonlyMap<string, unknown>;

/** One row: its number in the file from 1, a CSV header not counted, and its cells, or why it has none. */
export type Row = { number: number; cells: Cells } | { number: number; problem: string };
