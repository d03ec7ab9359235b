/** What the demo shows: pure text from figures, with colours where the terminal has them. */
import { styleText } from 'node:util';
import type { ServiceAddress } from '../api-client.js';
import { OUTCOMES } from '../replay/tally.js';
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

const STATUSES = ['held', 'committed', 'cancelled', 'reversed', 'expired', 'challenged', 'in_review', 'denied'];
const BAR_WIDTH = 20;
const EXAMPLES_SHOWN = 9;

/** The table of outcomes by status, and examples with their reasons. */
export function overviewLines({ decisions, counts, examples }: Overview, paint: Paint): string[] {
  const statuses = STATUSES.filter((status) => [...counts.values()].some((row) => row.has(status)));
  const heading = ['outcome'.padEnd(11), 'count'.padStart(6), ' '.repeat(BAR_WIDTH + 1), ...statuses.map(cell)].join(
    ' ',
  );
  const rows = OUTCOMES.map((outcome) => {
    const row = counts.get(outcome) ?? new Map<string, number>();
    const count = [...row.values()].reduce((sum, one) => sum + one, 0);
    const bar = '█'.repeat(count === 0 ? 0 : Math.max(1, Math.round((count / decisions) * BAR_WIDTH)));
    const cells = statuses.map((status) => cell(row.get(status) ?? '·'));
    const name = paint.outcome(outcome, outcome.padEnd(11));
    return [name, String(count).padStart(6), ` ${paint.outcome(outcome, bar.padEnd(BAR_WIDTH))}`, ...cells].join(' ');
  });
  return [
    paint.dim(heading.trimEnd()),
    ...rows.map((row) => row.trimEnd()),
    '',
    paint.bold('Why, for example'),
    ...examples.slice(0, EXAMPLES_SHOWN).map((example) => exampleLine(example, paint)),
  ];
}

const cell = (value: string | number): string => String(value).padStart(10);

function exampleLine({ outcome, type, points, accountId, message }: Example, paint: Paint): string {
  const what = `${type.padEnd(9)}${points.toLocaleString('en-US').padStart(7)} pts  ${accountId.padEnd(8)}`;
  return `${paint.outcome(outcome, outcome.padEnd(8))}${what} ${message}`;
}

/** Lines to paste into a shell, in their order: they need curl and sed, and can be pasted twice. */
export function curlLines({ url, clientId, clientSecret }: ServiceAddress): string[] {
  const bearer = `-H "Authorization: Bearer $TOKEN"`;
  const json = `-H 'Content-Type: application/json'`;
  const transaction = JSON.stringify({ transactionId: 'try-1', accountId: 'm-try', type: 'burn', points: 500 });
  const credentials = [`client_id=${clientId}`, `client_secret=${clientSecret}`].map(
    (pair) => `--data-urlencode ${quoted(pair)}`,
  );
  return [
    `TOKEN=$(curl -s -d grant_type=client_credentials ${credentials.join(' ')} ${url}/oauth/token | ${pluck('access_token')})`,
    `DECISION=$(curl -s ${bearer} ${json} -d '${transaction}' ${url}/v1/decisions | ${pluck('decisionId')})`,
    `curl -s -w '\\n' ${bearer} ${url}/v1/decisions/$DECISION`,
    `curl -s -w '\\n' ${bearer} ${json} -d '{}' ${url}/v1/decisions/$DECISION/commit`,
    `curl -s -w '\\n' ${bearer} '${url}/v1/decisions?outcome=deny&limit=3'`,
  ];
}

const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** The text of a JSON member, without jq, which not every machine has. */
const pluck = (name: string): string => String.raw`sed 's/.*"${name}":"\([^"]*\)".*/\1/'`;
