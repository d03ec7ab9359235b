/** G1–G5: a full durable decision against what is faster, as durable, or usual. */
import { cpu, GATES, judgeRatio, notMeasured, p99, throughput } from '../harness/gates.js';
import { type Part, end, startPart } from '../harness/processes.js';
import { type Contender, httpContender, playRounds, type Plan } from '../harness/rounds.js';
import { recorded, startOurselves } from '../targets/ourselves.js';
import type { Ready } from '../targets/ready.js';
import { type Bench, NO_REDIS, type Suite } from './suite.js';

const POPULATION = { accounts: 20_000, stores: 200 };
const OPEN_LOOP_PER_SECOND = 300;
/** Six hundred answers a round have six beyond their p99: too few to say anything. */
const OPEN_LOOP_SECONDS = 3;

const [OURS, BASE, DURABLE, USUAL] = ['Pointguard', 'base', 'durable base', 'usual stack'];

interface Started {
  name: string;
  part: Part<Ready>;
  uses: ('redis' | 'pg')[];
  done?: (completed: number) => void;
}

export const decisionSuite: Suite = {
  title: 'A durable decision: five subjects × ten windows (G1–G5)',
  async run(bench) {
    const { postgres, redis, plan } = bench;
    const database = await postgres.record();
    const yardsticks = { databaseUrl: (await postgres.emptyDatabase()).ownerUrl, redisUrl: redis?.url };
    let acknowledged = 0;
    const count = (completed: number) => {
      acknowledged += completed;
    };
    const started: Started[] = [
      { name: OURS, part: await startOurselves({ database }), uses: ['pg'], done: count },
      { name: DURABLE, part: await startPart('targets/durable-base.js', yardsticks), uses: ['pg'] },
    ];
    if (redis) {
      started.push({ name: BASE, part: await startPart('targets/base.js', yardsticks), uses: ['redis'] });
      started.push({ name: USUAL, part: await startPart('targets/usual-stack.js', yardsticks), uses: ['redis', 'pg'] });
    }
    const closed = await playRounds(contendersOf(bench, started), plan);
    const openPlan: Plan = { ...plan, seconds: Math.max(plan.seconds, OPEN_LOOP_SECONDS) };
    const open = await playRounds(contendersOf(bench, started, OPEN_LOOP_PER_SECOND), openPlan);
    for (const { part } of started) await end(part.child);
    const ours = (yardstick: string) => ({ ours: OURS, yardstick });
    return {
      judgements: [
        redis ? judgeRatio(GATES.G1, closed, ours(BASE), throughput) : notMeasured(GATES.G1, NO_REDIS),
        redis ? judgeRatio(GATES.G2, closed, ours(USUAL), throughput) : notMeasured(GATES.G2, NO_REDIS),
        redis ? judgeRatio(GATES.G3, closed, ours(BASE), cpu) : notMeasured(GATES.G3, NO_REDIS),
        judgeRatio(GATES.G4, closed, ours(DURABLE), throughput),
        judgeRatio(GATES.G4cpu, closed, ours(DURABLE), cpu),
        judgeRatio(GATES.G5, open, ours(DURABLE), p99),
      ],
      tables: [
        { title: '64 connections, closed loop', slots: closed },
        { title: `open loop, ${OPEN_LOOP_PER_SECOND} a second`, slots: open },
      ],
      notes: [sentenceOf(acknowledged, await recorded(database))],
    };
  },
};

function contendersOf(
  { postgres, redis, generator }: Bench,
  started: readonly Started[],
  perSecond?: number,
): Contender[] {
  const pids = { redis: redis ? [redis.pid] : [], pg: [postgres.pid] };
  return started.map(({ name, part, uses, done }) =>
    httpContender(generator, {
      name,
      processes: { node: [part.pid], ...Object.fromEntries(uses.map((use) => [use, pids[use]])) },
      targets: [{ ...part.ready, path: '/v1/decisions', population: POPULATION }],
      perSecond,
      done,
    }),
  );
}

/** What was answered is in the record, whole: else the figures are those of something that loses decisions. */
function sentenceOf(acknowledged: number, counts: Record<string, number>): string {
  const [wrong] = Object.entries(counts).filter(([, count]) => count !== acknowledged);
  if (wrong)
    throw new Error(`${acknowledged} decisions were answered, but the record has ${wrong[1]} rows of ${wrong[0]}`);
  return `All ${acknowledged.toLocaleString('en-US')} answered decisions are in the record, each with its ${Object.keys(counts).slice(1).join(', ')}.`;
}
