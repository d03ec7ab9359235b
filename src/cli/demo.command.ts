/** `npm run demo`: serves a test program with sample traffic, shows what came of it, and keeps serving. */
import type { Command } from 'commander';
import { loadSettings } from '../config/settings.js';
import { type ApiClient, createApiClient, type EmbeddedService, type EmbeddedServices } from './api-client.js';
import { readOverview } from './demo/overview.js';
import { playOn, playPlan } from './demo/play.js';
import { curlLines, overviewLines, type Paint, paintFor } from './demo/screen.js';
import { endPlainly } from './plain-failure.js';

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
  const clock = await playPlan(client, planProgress(stdout), signal);
  if (signal.aborted) return;
  const lines = [
    ...overviewLines(await readOverview(client), paint),
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
  await playOn(client, clock, signal, liveLine(stdout, paint));
}

function planProgress(stdout: NodeJS.WriteStream): (done: number, of: number) => void {
  if (!stdout.isTTY) return () => undefined;
  return (done, of) => {
    stdout.write(done < of ? `\rTwo hours of sample traffic … ${done} of ${of}` : '\r\u001b[2K');
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

function liveLine(stdout: NodeJS.WriteStream, paint: Paint): (outcome: string) => void {
  const counts = new Map<string, number>();
  let lastMs = performance.now();
  return (outcome) => {
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    const text = `live  ${[...counts].map(([name, count]) => paint.outcome(name, `${name} ${count}`)).join(' · ')}`;
    if (stdout.isTTY) stdout.write(`\r\u001b[2K${text}`);
    else if (performance.now() - lastMs >= LINE_EVERY_MS) {
      lastMs = performance.now();
      stdout.write(`${text}\n`);
    }
  };
}
