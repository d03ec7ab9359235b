/** The load generator, as the benchmarks see it. */
import type { Job, Load } from './generator.js';
import { ask, end, startPart } from './processes.js';

export type { Job, Load, Target } from './generator.js';

export interface Generator {
  /** Performs a job; throws where an answer was none of the expected ones. */
  perform(job: Job): Promise<Load>;
  stop(): Promise<void>;
}

/** Decided now; nothing else is what a benchmark measures. */
const EXPECTED = '201';

export async function startGenerator(): Promise<Generator> {
  const { child } = await startPart<string>('harness/generator.js');
  return {
    async perform(job) {
      const load = await ask<Load>(child, job);
      const others = Object.entries(load.statuses).filter(([status]) => status !== EXPECTED);
      if (others.length > 0) throw new Error(`answers other than ${EXPECTED}: ${JSON.stringify(others)}`);
      return load;
    },
    stop: () => end(child),
  };
}
