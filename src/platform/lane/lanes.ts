import { randomUUID } from 'node:crypto';
import { ServiceError } from '../../kernel/errors.js';
import type { Lanes } from './lane.types.js';
import { type LaneOptions, ProgramLane } from './program-lane.js';

/** The lanes of all programs, as this instance sees them. `drain` ends them: nothing new is taken, what waits is done. */
export interface RunningLanes extends Lanes {
  drain(): Promise<void>;
}

/** Lanes are made when a program is first heard of and forgotten when nothing waits for it. */
export function openLanes(options: LaneOptions): RunningLanes {
  const instance = randomUUID();
  const lanes = new Map<number, ProgramLane>();
  let draining = false;
  return {
    async submit(programId, command, deadlineMs = options.deadlineMs) {
      if (draining) throw new ServiceError('service.overloaded', 'The service is stopping.', { retryAfterSeconds: 1 });
      let lane = lanes.get(programId);
      if (!lane) {
        lane = new ProgramLane(programId, instance, options, () => lanes.delete(programId));
        lanes.set(programId, lane);
      }
      return await lane.submit(command, deadlineMs);
    },
    async drain() {
      draining = true;
      await Promise.all([...lanes.values()].map((lane) => lane.idle));
    },
  };
}
