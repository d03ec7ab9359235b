/** What a suite gets, and what it answers. */
import type { Judgement } from '../harness/gates.js';
import type { Generator } from '../harness/load.js';
import type { BenchPostgres } from '../harness/postgres.js';
import type { BenchRedis } from '../harness/redis.js';
import type { Plan, Slots } from '../harness/rounds.js';

export interface Bench {
  plan: Plan;
  postgres: BenchPostgres;
  /** Undefined where redis-server is not installed. */
  redis: BenchRedis | undefined;
  generator: Generator;
}

export interface SuiteResult {
  judgements: Judgement[];
  /** Medians of the contenders, with a title. */
  tables: { title: string; slots: Slots }[];
  /** Sentences that belong to the figures. */
  notes: string[];
}

export interface Suite {
  title: string;
  /** Where its tables are written, below the project; bench/README.md where nothing else is said. */
  document?: string;
  run(bench: Bench): Promise<SuiteResult>;
}

export const NO_REDIS = 'redis-server is not installed';
