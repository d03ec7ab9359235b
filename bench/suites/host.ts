/** G6: what Nest costs around a handler. */
import { GATES, judgeRatio, throughput } from '../harness/gates.js';
import { end, startPart } from '../harness/processes.js';
import { httpContender, playRounds } from '../harness/rounds.js';
import type { Host } from '../targets/host.js';
import type { Ready } from '../targets/ready.js';
import type { Suite } from './suite.js';

const NAMES: Record<Host, string> = {
  fastify: 'bare Fastify',
  nest: 'Nest on Fastify',
  surface: 'Nest with our HTTP surface',
};
const POPULATION = { accounts: 20_000, stores: 200 };

export const hostSuite: Suite = {
  title: 'The same handler and schema, hosted (G6)',
  async run({ generator, plan }) {
    const parts = await Promise.all(
      (Object.keys(NAMES) as Host[]).map(async (host) => ({
        host,
        part: await startPart<Ready>('targets/host.js', { host }),
      })),
    );
    const contenders = parts.map(({ host, part }) =>
      httpContender(generator, {
        name: NAMES[host],
        processes: { node: [part.pid] },
        targets: [{ ...part.ready, path: '/v1/decisions', population: POPULATION }],
      }),
    );
    const slots = await playRounds(contenders, plan);
    for (const { part } of parts) await end(part.child);
    return {
      judgements: [judgeRatio(GATES.G6, slots, { ours: NAMES.nest, yardstick: NAMES.fastify }, throughput)],
      tables: [{ title: '64 connections, closed loop', slots }],
      notes: [
        'Our surface adds strict JSON, the token and its scope, headers, metrics and a log line; no gate is set on it.',
      ],
    };
  },
};
