/** Writes a simulation into a directory: what a service is asked, and the truth beside it. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TRANSACTIONS_FILE, transactionLines, TRUTH_FILE, truthLines } from '../../simulator/core/files.js';
import type { Simulation } from '../../simulator/core/simulation.js';
import { isRecord } from '../api-client.js';
import { PlainFailure } from '../plain-failure.js';

/** Written at once: a call of the system for each line costs more than the simulation. */
const LINES_AT_ONCE = 1000;

/** Makes the directory where it is missing, and replaces files of an earlier run. Throws a `PlainFailure`. */
export async function writeFiles(
  directory: string,
  { transactions }: Simulation,
): Promise<{ transactions: string; truth: string }> {
  const paths = { transactions: join(directory, TRANSACTIONS_FILE), truth: join(directory, TRUTH_FILE) };
  try {
    await mkdir(directory, { recursive: true });
    await writeFile(paths.transactions, blocks(transactionLines(transactions)));
    await writeFile(paths.truth, blocks(truthLines(transactions)));
  } catch (error) {
    const why = isRecord(error) && typeof error['code'] === 'string' ? ` (${error['code']})` : '';
    throw new PlainFailure(`The files cannot be written into ${directory}${why}.`);
  }
  return paths;
}

function* blocks(lines: Iterable<string>): Generator<string> {
  let block: string[] = [];
  for (const line of lines) {
    block.push(`${line}\n`);
    if (block.length < LINES_AT_ONCE) continue;
    yield block.join('');
    block = [];
  }
  yield block.join('');
}
