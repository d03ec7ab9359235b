/**
 * The ceiling of one lane (docs/capacity.md): decisions a second of one program, by the time that a commit takes, with
 * one instance and with two (G11). PostgreSQL itself waits before it flushes (`commit_delay`), as a slower disk or a
 * synchronous standby would make it wait.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { GATES, judgeRatio, throughput } from '../harness/gates.js';
import type { BenchPostgres } from '../harness/postgres.js';
import { end } from '../harness/processes.js';
import { type Contender, httpContender, playRounds } from '../harness/rounds.js';
import { startOurselves } from '../targets/ourselves.js';
import type { Bench, Suite } from './suite.js';

const POPULATION = { accounts: 20_000, stores: 200 };
const COMMITS_MS = [0.3, 2, 5];
/** The commit latency of a local disk: the one that the gate is for. */
const JUDGED_MS = 0.3;
const CALLERS = [64, 256];
/** How long a reload takes to reach every back end. */
const RELOAD_MS = 500;

const nameOf = (ms: number, instances: number, callers: number): string =>
  `${ms} ms, ${instances === 1 ? 'one instance' : 'two instances'}, ${callers} callers`;

async function delayCommits({ admin }: BenchPostgres, ms: number): Promise<void> {
  await admin(`alter system set commit_delay = ${Math.round(ms * 1000)}`);
  // also where nothing else is being committed
  await admin('alter system set commit_siblings = 0');
  await admin('select pg_reload_conf()');
  await sleep(RELOAD_MS);
}

export const laneSuite: Suite = {
  title: 'The ceiling of one lane (G11)',
  document: 'docs/capacity.md',
  async run(bench) {
    const database = await bench.postgres.record();
    const parts = [await startOurselves({ database }), await startOurselves({ database })];
    const slots = await playRounds(contendersOf(bench, parts), bench.plan);
    await delayCommits(bench.postgres, 0);
    for (const { child } of parts) await end(child);
    const [callers = 64] = CALLERS;
    const names = { ours: nameOf(JUDGED_MS, 2, callers), yardstick: nameOf(JUDGED_MS, 1, callers) };
    return {
      judgements: [judgeRatio(GATES.G11, slots, names, throughput)],
      tables: [{ title: 'closed loop, one program, by the time added to each commit', slots }],
      notes: [],
    };
  },
};

function contendersOf(
  { generator, postgres }: Bench,
  parts: Awaited<ReturnType<typeof startOurselves>>[],
): Contender[] {
  const kinds = COMMITS_MS.flatMap((ms) =>
    CALLERS.flatMap((connections) => [1, 2].map((instances) => ({ ms, connections, of: parts.slice(0, instances) }))),
  );
  return kinds.map(({ ms, connections, of }) =>
    httpContender(generator, {
      name: nameOf(ms, of.length, connections),
      processes: { node: of.map(({ pid }) => pid), pg: [postgres.pid] },
      targets: of.map(({ ready }) => ({ ...ready, path: '/v1/decisions', population: POPULATION })),
      connections,
      prepare: () => delayCommits(postgres, ms),
    }),
  );
}
