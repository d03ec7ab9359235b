/** Tables for the terminal, and the same ones as Markdown between markers of a document. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Judgement } from './gates.js';
import { median } from './gates.js';
import type { Part, Slots } from './rounds.js';

type Table = readonly (readonly string[])[];

const digits = (value: number): string => {
  if (!Number.isFinite(value)) return '—';
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US');
  if (Math.abs(value) >= 100) return value.toFixed(0);
  return Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2);
};

/** The medians of every contender. */
export function contenderTable(slots: Slots): Table {
  const parts: Part[] = ['node', 'redis', 'pg'];
  const header = ['', 'a second', 'p50 ms', 'p99 ms', ...parts.map((part) => `CPU µs ${part}`), 'in all'];
  const rows = [...slots].map(([name, of]) => [
    name,
    digits(median(of.map((slot) => slot.perSecond))),
    digits(median(of.map((slot) => slot.p50Ms))),
    digits(median(of.map((slot) => slot.p99Ms))),
    ...parts.map((part) => digits(median(of.map((slot) => slot.micros[part] ?? Number.NaN)))),
    digits(median(of.map((slot) => slot.totalMicros))),
  ]);
  return [header, ...rows];
}

export function gateTable(judgements: readonly Judgement[]): Table {
  const header = ['', 'what', 'gate', 'goal', 'measured', 'rounds', 'verdict'];
  const sign = { 'at least': '≥', 'at most': '≤' };
  const rows = judgements.map(({ gate, measured, range, verdict, because }) => [
    gate.id,
    gate.what,
    `${sign[gate.must]} ${digits(gate.gate)}`,
    `${sign[gate.must]} ${digits(gate.goal)}`,
    measured === undefined ? '—' : digits(measured),
    range ? `${digits(range[0])} … ${digits(range[1])}` : '—',
    because ? `${verdict}: ${because}` : verdict,
  ]);
  return [header, ...rows];
}

export function printTable(table: Table): void {
  const widths = (table[0] ?? []).map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  for (const row of table)
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    );
  console.log('');
}

export function markdownOf(table: Table): string {
  const [header = [], ...rows] = table;
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Puts text between `<!-- name -->` and `<!-- /name -->`. */
export function writeBetween(file: URL, name: string, text: string): void {
  const [start, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const document = readFileSync(file, 'utf8');
  const [from, to] = [document.indexOf(start), document.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${file.pathname} has no place for ${name}`);
  writeFileSync(file, `${document.slice(0, from + start.length)}\n${text}\n${document.slice(to)}`);
}
