/** Where the CPU of our process goes under load: self times of a sampled profile, by function and by what it is for. */
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { end } from '../harness/processes.js';
import { printTable } from '../harness/report.js';
import { CONNECTIONS } from '../harness/rounds.js';
import { startOurselves } from '../targets/ourselves.js';
import type { Bench } from './suite.js';

interface Node {
  id: number;
  callFrame: { functionName: string; url: string; lineNumber: number };
  children?: number[];
}

interface CpuProfile {
  nodes: Node[];
  samples: number[];
  timeDeltas: number[];
}

const POPULATION = { accounts: 20_000, stores: 200 };
const WARM_UP_SECONDS = 4;
const SECONDS = 8;
const PROFILER = fileURLToPath(new URL('../targets/profiler.ts', import.meta.url));
const MOST_ROWS = 40;

/** First match wins, over `function url`. */
const KINDS: readonly [RegExp, string][] = [
  [/^\(idle\)/, 'idle'],
  [/^\(garbage collector\)/, 'garbage collector'],
  [/\/dist\/velocity\//, 'our code: velocity'],
  [/\/dist\/decision\//, 'our code: decision'],
  [/\/dist\/platform\/lane\//, 'our code: lane'],
  [/\/dist\/platform\/postgres\//, 'our code: binary arrays'],
  [/\/dist\/platform\/http\//, 'our code: http'],
  [/\/dist\/platform\/keys\//, 'our code: keys'],
  [/\/dist\//, 'our code: the rest'],
  [/node_modules\/(pg|pg-protocol|pg-types|pg-pool)\//, 'pg'],
  [/node_modules\/(fastify|find-my-way|light-my-request|@fastify|avvio)\//, 'fastify'],
  [/node_modules\/(@nestjs|rxjs)\//, 'nest'],
  [/node_modules\/(pino|sonic-boom|quick-format-unescaped|thread-stream)/, 'pino'],
  [/node_modules\/prom-client\//, 'prom-client'],
  [/node_modules\/(zod|ajv)\//, 'zod and ajv'],
  [/node:internal\/crypto|^(Hmac|Hash|update|digest|final)\b|[cC]ipher/, 'crypto'],
  [/^(parse|stringify) *$/, 'JSON'],
  [/^(writev|writeUtf8String|writeLatin1String|writeBuffer|writeAsciiString|read|shutdown)\b/, 'socket writes'],
  [/node:(_http|internal\/http)/, 'node: http'],
  [/node:(net|internal\/(stream|streams))/, 'node: sockets and streams'],
  [/node:/, 'node: the rest'],
  [/node_modules\/([^/]+)/, 'other packages'],
];

const kindOf = (frame: string): string => KINDS.find(([pattern]) => pattern.test(frame))?.[1] ?? 'engine and native';

/** Self time by key, ms, of all that was sampled. */
function selfTimes({ nodes, samples, timeDeltas }: CpuProfile, keyOf: (node: Node) => string): Map<string, number> {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const times = new Map<string, number>();
  for (const [index, id] of samples.entries()) {
    const node = byId.get(id);
    if (!node) continue;
    const key = keyOf(node);
    times.set(key, (times.get(key) ?? 0) + (timeDeltas[index] ?? 0) / 1000);
  }
  return times;
}

/**
 * Time by the nearest function of ours in the stack, ms: with what it calls in packages, in Node and in the engine, but
 * not with what it calls of ours. What none of ours has called goes by its outermost function.
 */
function ownTimes({ nodes, samples, timeDeltas }: CpuProfile): Map<string, number> {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node.id] as const)));
  const keyOf = (sample: number): string => {
    let key = '';
    for (let node = byId.get(sample); node && node.callFrame.functionName !== '(root)'; ) {
      key = place(node);
      if (OURS.test(node.callFrame.url)) return key;
      node = byId.get(parents.get(node.id) ?? 0);
    }
    return key;
  };
  const keys = new Map(nodes.map(({ id }) => [id, keyOf(id)]));
  const times = new Map<string, number>();
  for (const [index, sample] of samples.entries()) {
    const key = keys.get(sample) ?? '';
    times.set(key, (times.get(key) ?? 0) + (timeDeltas[index] ?? 0) / 1000);
  }
  return times;
}

/** The service's own files; packages have a dist/ of their own. */
const OURS = new RegExp(`^${new URL('../../dist/', import.meta.url).href}`);

const place = ({ callFrame: { functionName, url, lineNumber } }: Node): string => {
  const file = url.replace(/^.*\/(dist|node_modules)\//, '$1/').replace(/^file:\/\//, '');
  return `${functionName || '(anonymous)'}  ${file}${file ? `:${lineNumber + 1}` : ''}`;
};

export async function profile({ postgres, generator }: Bench): Promise<void> {
  const file = join(mkdtempSync(join(tmpdir(), 'pointguard-profile-')), 'service.cpuprofile');
  const database = await postgres.record();
  const { child, ready } = await startOurselves({
    database,
    nodeOptions: ['--import', PROFILER],
    env: { PROFILE_FILE: file },
  });
  const targets = [{ ...ready, path: '/v1/decisions', population: POPULATION }];
  const load = (seconds: number) => generator.perform({ targets, seconds, connections: CONNECTIONS });
  await load(WARM_UP_SECONDS);
  child.kill('SIGUSR2');
  const { completed } = await load(SECONDS);
  child.kill('SIGUSR2');
  await end(child);
  const sampled = JSON.parse(readFileSync(file, 'utf8')) as CpuProfile;
  const busyMs = [...selfTimes(sampled, place)].reduce((sum, [key, ms]) => sum + (isIdle(key) ? 0 : ms), 0);
  const rows = (times: Map<string, number>) =>
    [...times]
      .filter(([key]) => !isIdle(key) && !key.startsWith('(root)'))
      .sort((a, b) => b[1] - a[1])
      .slice(0, MOST_ROWS)
      .map(([key, ms]) => [key, `${((100 * ms) / busyMs).toFixed(1)} %`, ((ms * 1000) / completed).toFixed(1)]);
  console.log(`${completed} decisions in ${SECONDS} s, of which ${(busyMs / 1000).toFixed(1)} s busy: ${file}\n`);
  const kind = (node: Node) => kindOf(`${node.callFrame.functionName} ${node.callFrame.url}`);
  printTable([['what for', 'self', 'µs a decision'], ...rows(selfTimes(sampled, kind))]);
  printTable([['function', 'self', 'µs a decision'], ...rows(selfTimes(sampled, place))]);
  printTable([['ours, with what it calls elsewhere', 'of all', 'µs a decision'], ...rows(ownTimes(sampled))]);
}

const isIdle = (key: string): boolean => key.startsWith('(idle)') || key === 'idle';
