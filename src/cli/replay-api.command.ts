/** `pointguard replay-api`: sends a file of transactions through a test program, whose clock follows the file. */
import type { Command } from 'commander';
import type { ApiClient, EmbeddedServices } from './api-client.js';
import { endPlainly, PlainFailure } from './plain-failure.js';
import { checkFields, compileMapping, type Definitions, parseMapOptions, readMapFile } from './replay/mapping.js';
import { play } from './replay/player.js';
import { startProgress } from './replay/progress.js';
import { openRows, type RowFile } from './replay/rows.js';
import { summaryLines } from './replay/summary.js';
import { startTally } from './replay/tally.js';
import { addressOf, withClient } from './with-client.js';

interface ReplayOptions {
  map: string[];
  mapFile?: string;
  limit?: string;
  url?: string;
  clientId?: string;
  clientSecret?: string;
}

const HELP = `
Expressions are CEL over the columns; a bare column is its text. For example:
  --map transactionId=TRANSACTION_ID --map accountId=CUSTOMER_ID --map "type='burn'"
  --map 'points=max(1, round(TX_AMOUNT * 100))' --map occurredAt=TX_DATETIME
The status is 0 only where every row was answered by a decision.`;

export function register(program: Command, context: EmbeddedServices): void {
  program
    .command('replay-api')
    .description('send a file of transactions through POST /v1/decisions of a test program')
    .argument('<file>', 'a .csv or .ndjson file, plain or .gz')
    .option('--map <field=expression>', 'fill a field of the decision request (repeatable)', collect, [])
    .option('--map-file <file>', 'a YAML file of field: expression; --map goes before it')
    .option('--limit <n>', 'send the first n rows only')
    .option('--url <url>', 'the service; without it an embedded one of its own, in DATA_DIR')
    .option('--client-id <id>', 'the client, with --url')
    .option('--client-secret <secret>', 'its secret, with --url')
    .addHelpText('after', HELP)
    .action((file: string, options: ReplayOptions) => endPlainly(() => replay(file, options, context)));
}

const collect = (option: string, before: string[]): string[] => [...before, option];

/** Everything that can be wrong with the command is found before a service is spoken to. */
async function replay(path: string, options: ReplayOptions, context: EmbeddedServices): Promise<void> {
  const address = addressOf(options);
  const limit = limitOf(options.limit);
  const definitions = await definitionsOf(options);
  checkFields(definitions);
  const file = await openRows(path);
  try {
    const mapping = compileMapping(definitions, file.columns);
    await withClient(address, context, (client) => playFile(client, file, mapping, limit));
  } finally {
    file.close();
  }
}

function limitOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const limit = /^\d{1,12}$/.test(text) ? Number(text) : 0;
  if (limit < 1) throw new PlainFailure('--limit takes a whole number of rows, at least 1.');
  return limit;
}

async function definitionsOf(options: ReplayOptions): Promise<Definitions> {
  const fromFile = options.mapFile === undefined ? [] : await readMapFile(options.mapFile);
  return new Map([...fromFile, ...parseMapOptions(options.map)]);
}

async function playFile(
  client: ApiClient,
  file: RowFile,
  mapping: ReturnType<typeof compileMapping>,
  limit: number | undefined,
): Promise<void> {
  const counter = startTally();
  const progress = startProgress(counter, file, process.stderr);
  const interrupt = new AbortController();
  const abort = () => interrupt.abort();
  process.once('SIGINT', abort).once('SIGTERM', abort);
  const startMs = performance.now();
  try {
    await play({ client, rows: file.rows, mapping, counter, limit, onRow: progress.update, signal: interrupt.signal });
  } finally {
    process.off('SIGINT', abort).off('SIGTERM', abort);
    progress.stop();
    // Also where the replay broke off: what was sent is in the record.
    if (counter.rows > 0) console.log(summaryLines(counter, performance.now() - startMs).join('\n'));
  }
  if (interrupt.signal.aborted)
    throw new PlainFailure('The replay was interrupted; the same command goes on where it stopped.');
  if (counter.errors > 0) process.exitCode = 1;
}
