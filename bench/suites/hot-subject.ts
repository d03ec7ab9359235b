/** G10: every decision counts for one store, against stores of their own. */
import { GATES, judgeRatio, throughput } from '../harness/gates.js';
import { end } from '../harness/processes.js';
import { httpContender, playRounds } from '../harness/rounds.js';
import { startOurselves } from '../targets/ourselves.js';
import type { Suite } from './suite.js';

const ACCOUNTS = 20_000;
const MIXES = [
  { name: 'one store', stores: 1 },
  { name: 'spread stores', stores: 20_000 },
] as const;

export const hotSubjectSuite: Suite = {
  title: 'One hot subject (G10)',
  async run({ postgres, generator, plan }) {
    const database = await postgres.record();
    const part = await startOurselves({ database });
    const contenders = MIXES.map(({ name, stores }) =>
      httpContender(generator, {
        name,
        processes: { node: [part.pid], pg: [postgres.pid] },
        targets: [{ ...part.ready, path: '/v1/decisions', population: { accounts: ACCOUNTS, stores } }],
      }),
    );
    const slots = await playRounds(contenders, plan);
    await end(part.child);
    const [hot, spread] = MIXES;
    return {
      judgements: [judgeRatio(GATES.G10, slots, { ours: hot.name, yardstick: spread.name }, throughput)],
      tables: [{ title: '64 connections, closed loop, one service', slots }],
      notes: [],
    };
  },
};
