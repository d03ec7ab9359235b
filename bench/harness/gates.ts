/** The gates: what must hold, and how a figure becomes a verdict. */
import type { Slot, Slots } from './rounds.js';

export interface Gate {
  id: string;
  what: string;
  /** The ratio must be at least, or at most, so much. */
  must: 'at least' | 'at most';
  gate: number;
  goal: number;
}

export const GATES = {
  G1: { id: 'G1', what: 'Throughput of a durable decision against base', must: 'at least', gate: 0.3, goal: 0.5 },
  G2: {
    id: 'G2',
    what: 'Throughput of a durable decision against the usual stack',
    must: 'at least',
    gate: 3,
    goal: 4.5,
  },
  G3: { id: 'G3', what: 'CPU of a decision (all processes) against base', must: 'at most', gate: 3.2, goal: 2.2 },
  G4: { id: 'G4', what: 'Throughput against the durable base', must: 'at least', gate: 0.5, goal: 0.65 },
  G4cpu: { id: 'G4', what: 'CPU against the durable base', must: 'at most', gate: 2, goal: 1.6 },
  G5: { id: 'G5', what: 'p99 at 300 requests a second against the durable base', must: 'at most', gate: 2, goal: 1.4 },
  G6: { id: 'G6', what: 'Route hosted by Nest against a bare Fastify route', must: 'at least', gate: 0.85, goal: 0.95 },
  G7: {
    id: 'G7',
    what: 'CPU of ten windows judged against ten limits of rate-limiter-flexible',
    must: 'at most',
    gate: 1 / 6,
    goal: 1 / 9,
  },
  G8: { id: 'G8', what: 'Bytes in the record an active account', must: 'at most', gate: 400, goal: 300 },
  G9: {
    id: 'G9',
    what: 'CPU of a decision at a million accounts against a thousand',
    must: 'at most',
    gate: 1.25,
    goal: 1.1,
  },
  G10: { id: 'G10', what: 'Throughput with one hot store against spread ones', must: 'at least', gate: 0.9, goal: 1 },
  G11: {
    id: 'G11',
    what: 'Throughput of two instances on one program against one',
    must: 'at least',
    gate: 0.9,
    goal: 1.2,
  },
} as const satisfies Record<string, Gate>;

export type Verdict = 'goal' | 'gate' | 'MISSED' | 'not judged' | 'not measured';

export interface Judgement {
  gate: Gate;
  /** The median; undefined where it was not measured. */
  measured?: number;
  /** Least and largest of the rounds. */
  range?: [number, number];
  verdict: Verdict;
  /** Why it was not judged or not measured. */
  because?: string;
}

export type Measure = (slot: Slot) => number;
export const throughput: Measure = (slot) => slot.perSecond;
export const cpu: Measure = (slot) => slot.totalMicros;
export const p99: Measure = (slot) => slot.p99Ms;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >>> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** A yardstick that varies more than this says something about the machine, and nothing about us. */
const LARGEST_SPREAD = 3;

function verdictOf({ must, gate, goal }: Gate, measured: number): Verdict {
  const holds = (bound: number) => (must === 'at least' ? measured >= bound : measured <= bound);
  if (holds(goal)) return 'goal';
  return holds(gate) ? 'gate' : 'MISSED';
}

/** The median over the rounds of ours divided by the yardstick's. */
export function judgeRatio(
  gate: Gate,
  slots: Slots,
  names: { ours: string; yardstick: string },
  measure: Measure,
): Judgement {
  const ours = slots.get(names.ours)?.map(measure) ?? [];
  const yardstick = slots.get(names.yardstick)?.map(measure) ?? [];
  const ratios = ours.map((value, round) => value / (yardstick[round] ?? Number.NaN));
  const measured = median(ratios);
  const range: [number, number] = [Math.min(...ratios), Math.max(...ratios)];
  const spread = Math.max(...yardstick) / Math.min(...yardstick);
  if (spread > LARGEST_SPREAD || Number.isNaN(spread)) {
    return {
      gate,
      measured,
      range,
      verdict: 'not judged',
      because: `the yardstick itself varied ${spread.toFixed(1)}-fold`,
    };
  }
  return { gate, measured, range, verdict: verdictOf(gate, measured) };
}

export const judgeValue = (gate: Gate, measured: number): Judgement => ({
  gate,
  measured,
  verdict: verdictOf(gate, measured),
});

export const notMeasured = (gate: Gate, because: string): Judgement => ({ gate, verdict: 'not measured', because });
