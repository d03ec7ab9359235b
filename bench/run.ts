/** `npm run bench`: runs the suites, prints what they found, and writes it into the documents. */
import { parseArgs } from 'node:util';
import { startGenerator } from './harness/load.js';
import { machineFacts } from './harness/machine.js';
import { startPostgres } from './harness/postgres.js';
import { end } from './harness/processes.js';
import { startRedis } from './harness/redis.js';
import { contenderTable, gateTable, markdownOf, printTable, writeBetween } from './harness/report.js';
import { decisionSuite } from './suites/decision.js';
import { growthSuite } from './suites/growth.js';
import { hostSuite } from './suites/host.js';
import { hotSubjectSuite } from './suites/hot-subject.js';
import { laneSuite } from './suites/lane.js';
import { profile } from './suites/profile.js';
import type { Suite, SuiteResult } from './suites/suite.js';
import { windowsSuite } from './suites/windows.js';

const SUITES: Record<string, Suite> = {
  decision: decisionSuite,
  host: hostSuite,
  windows: windowsSuite,
  growth: growthSuite,
  'hot-subject': hotSubjectSuite,
  lane: laneSuite,
};

const USAGE = `npm run bench [-- [--rounds N] [--seconds N] [SUITE …]]     suites: ${Object.keys(SUITES).join(', ')} (all)
npm run bench -- profile                                    where the CPU of our process goes
With at least seven rounds the tables of bench/README.md are written anew.`;

/** Fewer say too little to be kept. */
const ROUNDS_WORTH_KEEPING = 7;
const ROOT = new URL('../', import.meta.url);

const { values, positionals } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '2' },
    help: { type: 'boolean' },
  },
  allowPositionals: true,
});
const plan = { rounds: Number(values.rounds), seconds: Number(values.seconds) };
const names = positionals.length > 0 ? positionals : Object.keys(SUITES);
const wrong =
  names.some((name) => name !== 'profile' && !(name in SUITES)) || !(plan.rounds >= 1) || !(plan.seconds > 0);
if (values.help || wrong) {
  console.error(USAGE);
  process.exit(wrong ? 2 : 0);
}

function print({ judgements, tables, notes }: SuiteResult): void {
  for (const { title, slots } of tables) {
    console.log(title);
    printTable(contenderTable(slots));
  }
  printTable(gateTable(judgements));
  for (const note of notes) console.log(`${note}\n`);
}

function markdown({ judgements, tables, notes }: SuiteResult, facts: string): string {
  const contenders = tables.flatMap(({ title, slots }) => [
    '',
    `Medians, ${title}:`,
    '',
    markdownOf(contenderTable(slots)),
  ]);
  return [
    '',
    markdownOf(gateTable(judgements)),
    ...contenders,
    '',
    ...notes.flatMap((note) => [note, '']),
    facts,
    '',
  ].join('\n');
}

const postgres = await startPostgres();
const redis = await startRedis();
const generator = await startGenerator();
const setting = `PostgreSQL ${postgres.version} (${postgres.settings}), ${plan.rounds} rounds of ${plan.seconds} s`;
let missed = 0;
try {
  for (const name of names) {
    if (name === 'profile') {
      await profile({ plan, postgres, redis, generator });
      continue;
    }
    const suite = SUITES[name] as Suite;
    const facts = `*${new Date().toISOString().slice(0, 10)}: ${machineFacts()}; ${setting}.*`;
    console.log(`${suite.title}\n`);
    const result = await suite.run({ plan, postgres, redis, generator });
    print(result);
    if (plan.rounds >= ROUNDS_WORTH_KEEPING) {
      writeBetween(new URL(suite.document ?? 'bench/README.md', ROOT), name, markdown(result, facts));
    }
    missed += result.judgements.filter(({ verdict }) => verdict === 'MISSED').length;
  }
} finally {
  await generator.stop();
  if (redis) await end(redis.child);
  await postgres.stop();
}
process.exit(missed > 0 ? 1 : 0);
