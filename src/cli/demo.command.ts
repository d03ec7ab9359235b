/** `npm run demo`: serves a test program with sample traffic, shows what came of it, and keeps serving. */
import type { Command } from 'commander';
import { loadSettings } from '../config/settings.js';
import { isStopped } from '../simulator/core/assessment.js';
import { DAY_MS } from '../simulator/core/transaction.js';
import { type ApiClient, createApiClient, type EmbeddedService, type EmbeddedServices } from './api-client.js';
import { readOverview } from './demo/overview.js';
import { samplePlan } from './demo/plan.js';
import { playOn, playSample } from './demo/play.js';
import { curlLines, exampleLines, liveText, outcomeLines, type Paint, paintFor } from './demo/screen.js';
import { endPlainly } from './plain-failure.js';
import { attackLines, botheredLine } from './simulate/report.js';
import type { Said } from './simulate/send.js';
import { startSimulationTally } from './simulate/tally.js';

export function register(program: Command, context: EmbeddedServices): void {
  program
    .command('demo')
    .description('serve a test program with sample traffic until Ctrl-C')
    .action(() => endPlainly(() => demo(context)));
}

async function demo(context: EmbeddedServices): Promise<void> {
  const { port } = loadSettings(process.env);
  const service = await context.serveEmbedded({ port, keepServing: true });
  const client = createApiClient(service);
  const end = new AbortController();
  const stop = () => end.abort();
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    await client.signIn();
    await perform(client, service, end.signal);
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
    client.close();
    await service.stop();
  }
}

async function perform(client: ApiClient, service: EmbeddedService, signal: AbortSignal): Promise<void> {
  const { stdout } = process;
  const paint = paintFor(stdout, process.env);
  const plan = samplePlan();
  const tally = startSimulationTally(plan);
  const progress = sampleProgress(stdout, plan.transactions.length);
  const onSaid = (said: Said) => {
    tally.add(said);
    progress(tally.sent);
  };
  const clock = await playSample(plan, { client, onSaid, signal });
  if (signal.aborted) return;
  const overview = await readOverview(client);
  const assessment = tally.assessment();
  const lines = [
    paint.bold(`${plan.horizonMs / DAY_MS} days of a simulated program, decided over the API`),
    ...outcomeLines(overview, paint),
    '',
    paint.bold('Attacks among them: points that they were after, and that got out'),
    ...attackLines(assessment),
    botheredLine(assessment),
    '',
    paint.bold('Why, for example'),
    ...exampleLines(overview, paint),
    '',
    paint.bold('Open'),
    ...(await openPages(client, service.url)).map(({ about, url }) => `${about.padEnd(11)} ${url}`),
    '',
    paint.bold('Try'),
    ...curlLines(service),
    '',
    paint.dim('The traffic goes on; Ctrl-C ends it.'),
  ];
  stdout.write(`\n${lines.join('\n')}\n`);
  await playOn(clock, { client, onSaid: liveLine(stdout, paint), signal });
}

function sampleProgress(stdout: NodeJS.WriteStream, of: number): (done: number) => void {
  if (!stdout.isTTY) return () => undefined;
  return (done) => {
    stdout.write(done < of ? `\rSample traffic … ${done} of ${of}` : '\r\u001b[2K');
  };
}

const PAGES = [
  { about: 'API docs', path: '/docs' },
  { about: 'OpenAPI', path: '/openapi.json' },
  { about: 'readiness', path: '/readyz' },
  { about: 'metrics', path: '/metrics' },
];

/** The pages that do answer here: with INTERNAL_PORT set, some are on another port. */
async function openPages(client: ApiClient, base: string): Promise<{ about: string; url: string }[]> {
  const answers = await Promise.all(PAGES.map(({ path }) => client.call('GET', path)));
  return PAGES.filter((_, at) => (answers[at]?.status ?? 500) < 400).map(({ about, path }) => ({
    about,
    url: base + path,
  }));
}

/** One line that counts the live decisions: rewritten on a terminal, else repeated every half a minute. */
const LINE_EVERY_MS = 30_000;

function liveLine(stdout: NodeJS.WriteStream, paint: Paint): (said: Said) => void {
  const counts = new Map<string, number>();
  let [askedPoints, refusedPoints] = [0, 0];
  let lastMs = performance.now();
  return ({ outcome, transaction: { truth } }) => {
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    askedPoints += truth.valuePoints;
    if (isStopped(outcome)) refusedPoints += truth.valuePoints;
    const text = liveText(counts, refusedPoints, askedPoints, paint);
    if (stdout.isTTY) stdout.write(`\r\u001b[2K${text}`);
    else if (performance.now() - lastMs >= LINE_EVERY_MS) {
      lastMs = performance.now();
      stdout.write(`${text}\n`);
    }
  };
}
