/** G7: ten windows judged in our process against ten limits of what people use. */
import type { ChildProcess } from 'node:child_process';
import { cpu, GATES, judgeRatio, notMeasured } from '../harness/gates.js';
import { ask, end, startPart } from '../harness/processes.js';
import { type Contender, playRounds, type Work } from '../harness/rounds.js';
import { NO_REDIS, type Suite } from './suite.js';

const [OURS, FLEXIBLE] = ['ten windows, ours', 'ten limits of rate-limiter-flexible'];

const loopContender = (name: string, child: ChildProcess, processes: Contender['processes']): Contender => ({
  name,
  processes,
  work: (seconds) => ask<Work>(child, { seconds }),
});

export const windowsSuite: Suite = {
  title: 'Ten windows of one subject (G7)',
  async run({ redis, plan }) {
    if (!redis) return { judgements: [notMeasured(GATES.G7, NO_REDIS)], tables: [], notes: [] };
    const ours = await startPart('targets/judging.js');
    const flexible = await startPart('targets/flexible.js', { redisUrl: redis.url });
    const slots = await playRounds(
      [
        loopContender(OURS, ours.child, { node: [ours.pid] }),
        loopContender(FLEXIBLE, flexible.child, { node: [flexible.pid], redis: [redis.pid] }),
      ],
      plan,
    );
    await Promise.all([end(ours.child), end(flexible.child)]);
    return {
      judgements: [judgeRatio(GATES.G7, slots, { ours: OURS, yardstick: FLEXIBLE }, cpu)],
      tables: [{ title: 'no HTTP', slots }],
      notes: [
        'Ours in the process alone: the row is unpacked, judged, entered in and packed; its load and write are part of a decision (G1–G4). The limits of rate-limiter-flexible are fixed windows, and not atomic over one another.',
      ],
    };
  },
};
