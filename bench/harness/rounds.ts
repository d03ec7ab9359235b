/**
 * How everything here is measured: all contenders are up, one is loaded at a time, the order rotates from round to
 * round. What the machine does meanwhile hits all of them alike, and medians of ratios within a round leave it out.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuMicrosOf } from './cpu.js';
import type { Generator, Target } from './load.js';

export type Part = 'node' | 'redis' | 'pg';

/** What a contender did in one slot. */
export interface Work {
  completed: number;
  seconds: number;
  p50Ms?: number;
  p99Ms?: number;
}

export interface Contender {
  name: string;
  /** Roots of the process trees that work for it. */
  processes: Partial<Record<Part, readonly number[]>>;
  work(seconds: number): Promise<Work>;
  /** Before each slot, unmeasured. */
  prepare?: () => Promise<unknown>;
}

/** One slot, in figures that can be compared. */
export interface Slot {
  perSecond: number;
  /** CPU of one request, µs, by process and in all. */
  micros: Partial<Record<Part, number>>;
  totalMicros: number;
  p50Ms: number;
  p99Ms: number;
}

export interface Plan {
  rounds: number;
  /** Of one slot. */
  seconds: number;
}

export type Slots = ReadonlyMap<string, readonly Slot[]>;

/** What flushing, vacuum and the like have left over goes on for a moment, and is nobody's. */
const PAUSE_MS = 200;

export async function playRounds(contenders: readonly Contender[], { rounds, seconds }: Plan): Promise<Slots> {
  const slots = new Map<string, Slot[]>(contenders.map(({ name }) => [name, []]));
  // code is compiled, caches are filled, plans are made
  for (const contender of contenders) await slotOf(contender, seconds);
  for (let round = 0; round < rounds; round++) {
    const first = round % contenders.length;
    for (const contender of [...contenders.slice(first), ...contenders.slice(0, first)]) {
      slots.get(contender.name)?.push(await slotOf(contender, seconds));
    }
    process.stderr.write('.');
  }
  process.stderr.write('\n');
  return slots;
}

async function slotOf(contender: Contender, seconds: number): Promise<Slot> {
  await contender.prepare?.();
  await sleep(PAUSE_MS);
  const parts = Object.entries(contender.processes) as [Part, readonly number[]][];
  const before = parts.map(([, roots]) => cpuMicrosOf(roots));
  const work = await contender.work(seconds);
  const micros: Partial<Record<Part, number>> = {};
  for (const [index, [part, roots]] of parts.entries()) {
    micros[part] = (cpuMicrosOf(roots) - (before[index] ?? 0)) / work.completed;
  }
  return {
    perSecond: work.completed / work.seconds,
    micros,
    totalMicros: Object.values(micros).reduce((sum, value) => sum + value, 0),
    p50Ms: work.p50Ms ?? Number.NaN,
    p99Ms: work.p99Ms ?? Number.NaN,
  };
}

export const CONNECTIONS = 64;

export interface HttpLoad {
  targets: readonly Target[];
  connections?: number;
  perSecond?: number;
  /** Told how many requests were answered in a slot. */
  done?: (completed: number) => void;
}

/**
 * A contender that is spoken to over HTTP, in one instance or several: with so many connections that wait for nothing
 * but their answers, or with so many requests a second.
 */
export function httpContender(
  generator: Generator,
  { name, processes, prepare, connections = CONNECTIONS, done, ...load }: Omit<Contender, 'work'> & HttpLoad,
): Contender {
  const work = async (seconds: number) => {
    const performed = await generator.perform({ ...load, connections, seconds });
    done?.(performed.completed);
    return performed;
  };
  return { name, processes, prepare, work };
}
