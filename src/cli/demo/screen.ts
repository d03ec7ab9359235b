/** What the demo shows: pure text from figures, with colours where the terminal has them. */
import { styleText } from 'node:util';
import type { ServiceAddress } from '../api-client.js';
import { OUTCOMES } from '../replay/tally.js';
import { count, percent } from '../simulate/report.js';
import type { Example, Overview } from './overview.js';

export interface Paint {
  bold(text: string): string;
  dim(text: string): string;
  outcome(outcome: string, text: string): string;
}

const OUTCOME_COLOURS = { allow: 'green', challenge: 'cyan', review: 'yellow', deny: 'red' } as const;

const colourOf = (outcome: string): 'green' | 'cyan' | 'yellow' | 'red' | 'reset' =>
  Object.hasOwn(OUTCOME_COLOURS, outcome) ? OUTCOME_COLOURS[outcome as keyof typeof OUTCOME_COLOURS] : 'reset';

const PLAIN: Paint = { bold: (text) => text, dim: (text) => text, outcome: (_, text) => text };

const COLOURED: Paint = {
  bold: (text) => styleText('bold', text, { validateStream: false }),
  dim: (text) => styleText('dim', text, { validateStream: false }),
  outcome: (outcome, text) => styleText(colourOf(outcome), text, { validateStream: false }),
};

/** Colours on a terminal that wants them (https://no-color.org), none in a file or a pipe. */
export const paintFor = (stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv): Paint =>
  stream.isTTY && !env['NO_COLOR'] ? COLOURED : PLAIN;

/** What a terminal shows without wrapping. */
const COLUMNS = 80;
const BAR_WIDTH = 12;
const STATUS_COLUMNS = COLUMNS - 20 - BAR_WIDTH;
const EXAMPLES_SHOWN = 8;

/** The table of outcomes with their statuses. */
export function outcomeLines({ decisions, counts }: Overview, paint: Paint): string[] {
  return OUTCOMES.map((outcome) => {
    const row = [...(counts.get(outcome) ?? [])].sort(([, a], [, b]) => b - a);
    const sum = row.reduce((total, [, one]) => total + one, 0);
    const bar = '█'.repeat(sum === 0 ? 0 : Math.max(1, Math.round((sum / decisions) * BAR_WIDTH)));
    const head = `${paint.outcome(outcome, outcome.padEnd(9))} ${count(sum).padStart(6)}  ${paint.outcome(outcome, bar.padEnd(BAR_WIDTH))}`;
    return `${head}  ${asManyAsFit(row.map(([status, one]) => `${status} ${count(one)}`))}`.trimEnd();
  });
}

function asManyAsFit(texts: readonly string[]): string {
  const shown = texts.filter((_, at) => texts.slice(0, at + 1).join(' · ').length <= STATUS_COLUMNS - 2);
  return shown.join(' · ') + (shown.length < texts.length ? ' …' : '');
}

/** One decision for each reason, the stopped ones first. */
export const exampleLines = ({ examples }: Overview, paint: Paint): string[] =>
  examples
    .toSorted((a, b) => weightOf(b.outcome) - weightOf(a.outcome))
    .slice(0, EXAMPLES_SHOWN)
    .map((example) => exampleLine(example, paint));

const weightOf = (outcome: string): number => (OUTCOMES as readonly string[]).indexOf(outcome);

function exampleLine({ outcome, type, points, message }: Example, paint: Paint): string {
  const what = `${type.padEnd(8)} ${count(points).padStart(7)} points  `;
  const room = COLUMNS - 10 - what.length;
  const why = message.length <= room ? message : `${message.slice(0, room - 1)}…`;
  return `${paint.outcome(outcome, outcome.padEnd(10))}${what}${why}`;
}

/** The line that counts the live traffic: outcomes, and the share of the points that attacks asked for which was stopped. */
export function liveText(
  counts: ReadonlyMap<string, number>,
  refusedPoints: number,
  askedPoints: number,
  paint: Paint,
): string {
  const outcomes = OUTCOMES.filter((outcome) => counts.has(outcome)).map((outcome) =>
    paint.outcome(outcome, `${outcome} ${count(counts.get(outcome) ?? 0)}`),
  );
  const attacks = askedPoints === 0 ? [] : [`attacks: ${percent(refusedPoints / askedPoints, 0)} stopped`];
  return `live  ${[...outcomes, ...attacks].join(' · ')}`;
}

/**
 * Lines to paste into a shell, in their order: they need curl and sed, and can be pasted twice. Long ones go on after a
 * backslash.
 */
export function curlLines({ url, clientId, clientSecret }: ServiceAddress): string[] {
  const bearer = `-H "Authorization: Bearer $TOKEN"`;
  const json = `-H 'Content-Type: application/json'`;
  const transaction = JSON.stringify({ transactionId: 'try-1', accountId: 'm-try', type: 'burn', points: 500 });
  const credentials = [`client_id=${clientId}`, `client_secret=${clientSecret}`].map(
    (pair) => `--data-urlencode ${quoted(pair)}`,
  );
  return [
    continued(
      `TOKEN=$(curl -s -d grant_type=client_credentials`,
      ...credentials,
      `${url}/oauth/token | ${pluck('access_token')})`,
    ),
    continued(
      `DECISION=$(curl -s ${bearer}`,
      json,
      `-d '${transaction}'`,
      `${url}/v1/decisions | ${pluck('decisionId')})`,
    ),
    continued(`curl -s -w '\\n' ${bearer}`, `${url}/v1/decisions/$DECISION`),
    continued(`curl -s -w '\\n' ${bearer}`, `${json} -d '{}'`, `${url}/v1/decisions/$DECISION/commit`),
    continued(`curl -s -w '\\n' ${bearer}`, `'${url}/v1/decisions?outcome=deny&limit=3'`),
  ];
}

const continued = (...parts: string[]): string => parts.join(' \\\n  ');

const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** The text of a JSON member, without jq, which not every machine has. */
const pluck = (name: string): string => String.raw`sed 's/.*"${name}":"\([^"]*\)".*/\1/'`;
