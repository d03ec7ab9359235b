/** The service under test, as an operator starts it from dist/, with nothing switched off. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BenchDatabase } from '../harness/postgres.js';
import { type Part, startProgram, temporaryDirectory } from '../harness/processes.js';
import type { Ready } from './ready.js';
import { policyOf } from './windows.js';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const CLIENT = { id: 'bench', secret: 'bench-secret-0123456789' };
export const PROGRAM = 'bench';
/** The bootstrapped one is the first after the system's. */
export const PROGRAM_ID = 1;
export const MASTER_KEY = Buffer.alloc(32, 7);

export interface OurselvesOptions {
  database: BenchDatabase;
  /** For the profiler. */
  nodeOptions?: string[];
  env?: Record<string, string>;
}

export async function startOurselves({ database, nodeOptions = [], env }: OurselvesOptions): Promise<Part<Ready>> {
  const directory = temporaryDirectory();
  const policyFile = join(directory, 'policy.json');
  // BENCH_POLICY: another policy than that of the gates, such as the default one
  const { BENCH_POLICY } = process.env;
  writeFileSync(policyFile, BENCH_POLICY ? readFileSync(BENCH_POLICY) : JSON.stringify(policyOf()));
  const args = [
    '--disable-warning=TimeoutNegativeWarning',
    '--disable-warning=ExperimentalWarning',
    ...nodeOptions,
    MAIN,
  ];
  const { child, pid, ready } = await startProgram(process.execPath, args, {
    env: {
      PATH: process.env.PATH,
      PORT: '0',
      DATABASE_URL: database.serviceUrl,
      MIGRATION_DATABASE_URL: database.ownerUrl,
      DATA_DIR: directory,
      MASTER_KEY: MASTER_KEY.toString('base64'),
      POLICY_FILE: policyFile,
      BOOTSTRAP_PROGRAM: PROGRAM,
      BOOTSTRAP_PROGRAM_MODE: 'live',
      BOOTSTRAP_CLIENT_ID: CLIENT.id,
      BOOTSTRAP_CLIENT_SECRET: CLIENT.secret,
      ...env,
    },
    ready: /Pointguard answers at (http:\S+) /,
    // the log, as it is by default: a line a request, to nowhere
    output: 'dropped',
  });
  const url = ready[1] ?? '';
  return { child, pid, ready: { port: Number(new URL(url).port), token: await tokenFrom(url) } };
}

async function tokenFrom(url: string): Promise<string> {
  const answer = await fetch(`${url}/oauth/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${CLIENT.id}:${CLIENT.secret}`).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  });
  if (!answer.ok) throw new Error(`no token: ${answer.status}`);
  return ((await answer.json()) as { access_token: string }).access_token;
}

/** What is written of each decision, to be counted. */
export async function recorded(database: BenchDatabase): Promise<Record<string, number>> {
  const [row = {}] = await database.query<Record<string, string>>(`select
    (select count(*) from pointguard.decision where program_id = ${PROGRAM_ID}) as decisions,
    (select count(*) from pointguard.decision_evidence where program_id = ${PROGRAM_ID}) as evidence,
    (select count(*) from pointguard.event where program_id = ${PROGRAM_ID} and type = 'decision.made') as events,
    (select count(*) from pointguard.audit where program_id = ${PROGRAM_ID} and action = 'decision.made') as audit`);
  return Object.fromEntries(Object.entries(row).map(([name, count]) => [name, Number(count)]));
}
