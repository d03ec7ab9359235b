/** The end of a replay, for people and for scripts: one figure a line, its name first. */
import { OUTCOMES, type Tally } from './tally.js';

const SHOWN_REASONS = 8;
const NAME_WIDTH = 10;

/** The lines of the summary; `tookMs` is the time of the whole replay. */
export function summaryLines(tally: Tally, tookMs: number): string[] {
  const answered = tally.rows - tally.errors;
  const latency = [50, 95, 99].map((percent) => `p${percent} ${tally.latency.percentile(percent / 100).toFixed(1)} ms`);
  return [
    line('rows', tally.rows),
    line('errors', tally.errors),
    ...tally.errorSamples.map((sample) => line('', sample)),
    line(
      'outcomes',
      outcomesOf(tally)
        .map(({ name, count }) => `${name} ${count} (${share(count, answered)})`)
        .join(' · '),
    ),
    ...topReasons(tally).map((text, at) => line(at === 0 ? 'reasons' : '', text)),
    line('latency', latency.join(' · ')),
    line('rate', `${rate(tally.rows, tookMs)} rows/s over ${(tookMs / 1000).toFixed(1)} s`),
  ];
}

const line = (name: string, value: string | number): string => `${name.padEnd(NAME_WIDTH)} ${value}`;

const share = (count: number, of: number): string => `${of === 0 ? '0.0' : ((count / of) * 100).toFixed(1)} %`;

/** Rows a second, as text. */
export const rate = (rows: number, tookMs: number): string => (tookMs > 0 ? ((rows / tookMs) * 1000).toFixed(0) : '0');

/** The four outcomes in their order, then what else the service may have said. */
function outcomesOf(tally: Tally): { name: string; count: number }[] {
  const others = [...tally.outcomes.keys()].filter((name) => !(OUTCOMES as readonly string[]).includes(name));
  return [...OUTCOMES, ...others].map((name) => ({ name, count: tally.outcomes.get(name) ?? 0 }));
}

function topReasons(tally: Tally): string[] {
  const ranked = [...tally.reasons].sort(([, a], [, b]) => b.count - a.count).slice(0, SHOWN_REASONS);
  return ranked.map(([code, { count, message }]) => `${code} ${count}${message ? `  ${message}` : ''}`);
}
