/** `pointguard simulate`: a seeded program with attacks in it, written to files or sent through a service and judged. */
import { type Command, Option } from 'commander';
import { simulate, type Simulation, type SimulationOptions } from '../simulator/core/simulation.js';
import { ATTACK_KINDS, DAY_MS } from '../simulator/core/transaction.js';
import type { ApiClient, EmbeddedServices } from './api-client.js';
import { endPlainly, PlainFailure } from './plain-failure.js';
import { rate } from './replay/summary.js';
import { paceOf, type SimulateOptions, simulationOptionsOf } from './simulate/options.js';
import { count, outcomesText, reportJson, reportLines } from './simulate/report.js';
import { send } from './simulate/send.js';
import { type SimulationTally, startSimulationTally } from './simulate/tally.js';
import { writeFiles } from './simulate/write.js';
import { addressOf, type ServiceOptions, withClient } from './with-client.js';

interface Options extends SimulateOptions, ServiceOptions {
  pace?: string;
  out?: string;
  report: 'text' | 'json';
}

const HELP = `
The same seed gives the same transactions, to the byte. With --out they are written to DIR/transactions.ndjson (bodies
of POST /v1/decisions) and the truth to DIR/truth.csv. Without it they go through the service of a test program, whose
clock follows, and the report says what the policy was worth: how much of what the attacks were after was stopped
(challenged, reviewed or denied), and how many good members it bothered.

The attacks are ${ATTACK_KINDS.join(', ')}.`;

export function register(program: Command, context: EmbeddedServices): void {
  program
    .command('simulate')
    .description('a seeded program with attacks in it: into files, or through a service and judged')
    .option('--seed <n>', 'what all chance comes from', '1')
    .option('--size <n>', 'good members', '300')
    .option('--days <n>', 'how long, in virtual days (30)')
    .option('--mimicry <share>', 'how much attackers blend in, from 0 to 1 (0.5)')
    .option('--mix <attack=share,…>', 'attacks for each 1,000 members, at least one of each that is named')
    .option('--out <dir>', 'write files there, and speak to no service')
    .option('--pace <n>', 'transactions a second at most')
    .addOption(new Option('--report <format>', 'how to report').choices(['text', 'json']).default('text'))
    .option('--url <url>', 'the service; without it an embedded one of its own, in DATA_DIR')
    .option('--client-id <id>', 'the client, with --url')
    .option('--client-secret <secret>', 'its secret, with --url')
    .addHelpText('after', HELP)
    .action((options: Options) => endPlainly(() => run(options, context)));
}

/** Everything that can be wrong with the command is found before anything is written or sent. */
async function run(options: Options, context: EmbeddedServices): Promise<void> {
  const parameters = simulationOptionsOf(options);
  const pace = paceOf(options.pace);
  const address = addressOf(options);
  const simulation = simulate(parameters);
  if (options.out !== undefined) return writeOut(options.out, simulation);
  await withClient(address, context, (client) =>
    sendAndReport(client, simulation, { parameters, pace, report: options.report }),
  );
}

async function writeOut(directory: string, simulation: Simulation): Promise<void> {
  const { transactions, truth } = await writeFiles(directory, simulation);
  console.log(`${count(simulation.transactions.length)} transactions in ${transactions}\nthe truth in ${truth}`);
}

interface Plan {
  parameters: Required<SimulationOptions>;
  pace: number | undefined;
  report: Options['report'];
}

async function sendAndReport(
  client: ApiClient,
  simulation: Simulation,
  { parameters, pace, report }: Plan,
): Promise<void> {
  const tally = startSimulationTally(simulation);
  const show = liveSummary(tally, simulation, process.stderr);
  const interrupt = new AbortController();
  const abort = () => interrupt.abort();
  process.once('SIGINT', abort).once('SIGTERM', abort);
  try {
    await send({
      client,
      simulation,
      pace,
      signal: interrupt.signal,
      onSaid: (said) => {
        tally.add(said);
        show();
      },
    });
  } finally {
    process.off('SIGINT', abort).off('SIGTERM', abort);
    if (process.stderr.isTTY) process.stderr.write('\r\u001b[2K');
  }
  console.log(report === 'json' ? reportJson(parameters, tally) : reportLines(parameters, tally).join('\n'));
  if (interrupt.signal.aborted)
    throw new PlainFailure('The simulation was interrupted: the report is of what was sent.');
}

/** One line, rewritten a few times a second on a terminal, else repeated now and then. */
const REWRITE_EVERY_MS = 200;
const LINE_EVERY_MS = 10_000;

function liveSummary(tally: SimulationTally, simulation: Simulation, stream: NodeJS.WriteStream): () => void {
  const startMs = performance.now();
  const days = Math.round(simulation.horizonMs / DAY_MS);
  const everyMs = stream.isTTY ? REWRITE_EVERY_MS : LINE_EVERY_MS;
  let lastMs = startMs;
  return () => {
    const nowMs = performance.now();
    if (nowMs - lastMs < everyMs) return;
    lastMs = nowMs;
    const day = `day ${Math.floor(tally.atMs / DAY_MS) + 1} of ${days}`;
    const text = `${day} · ${outcomesText(tally)} · ${rate(tally.sent, nowMs - startMs)}/s`;
    stream.write(stream.isTTY ? `\r\u001b[2K${text}` : `${text}\n`);
  };
}
