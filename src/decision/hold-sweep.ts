import type { Lanes } from '../platform/lane/lane.types.js';
import type { Metrics } from '../platform/telemetry/metrics.js';
import { expireCommand } from './call.command.js';
import type { DecisionStore } from './decision.store.js';

const EVERY_MS = 1000;
const MOST_AT_ONCE = 200;
/** Nobody waits for a sweep's answer: what does not make it comes again a second later. */
const DEADLINE_MS = 10_000;

/** Gives back holds whose end is due, each as of its own end, by commands of the lane. */
export interface HoldSweep {
  start(): void;
  stop(): Promise<void>;
  /** Ends all that is due in one program, before it answers. */
  program(programId: number): Promise<void>;
}

export interface HoldSweepParts {
  store: Pick<DecisionStore, 'dueHolds'>;
  lanes: Lanes;
  metrics: Metrics;
  onError: (error: unknown, what: string) => void;
}

export function holdSweep({ store, lanes, metrics, onError }: HoldSweepParts): HoldSweep {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  let stopped = false;

  async function sweep(programId?: number): Promise<void> {
    let before: string | undefined;
    for (;;) {
      const due = await store.dueHolds(MOST_AT_ONCE, programId);
      // what any instance has ended does not come again: the same first one twice does not end at all
      const first = due[0]?.decisionId;
      if (first === undefined || first === before) return;
      before = first;
      await Promise.all(
        due.map(async (hold) => {
          const done = await lanes.submit(hold.programId, expireCommand(hold.decisionId), DEADLINE_MS);
          if (done) metrics.holdsEnded.inc({ program: String(hold.programId) });
        }),
      );
      if (due.length < MOST_AT_ONCE) return;
    }
  }

  function next(): void {
    timer = setTimeout(() => {
      running = sweep()
        .catch((error: unknown) => onError(error, 'sweep of holds'))
        .finally(() => {
          if (!stopped) next();
        });
    }, EVERY_MS);
  }

  return {
    start: next,
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
    program: sweep,
  };
}
