import { type Refusal, refuse } from '../kernel/errors.js';
import type { Actor } from '../audit/core/chain.js';
import { auditSlice } from '../audit/audit.slice.js';
import type { LaneCommand } from '../platform/lane/lane.types.js';

/** Dates have four digits a year (RFC 3339): the last of them is left to the ends of holds and windows. */
const LAST_MS = Date.UTC(9999, 0, 1);

export type ClockMove = { nowMs: number } | { advanceMs: number };

/** Puts a test program's clock somewhere, where it then stands. After the first transaction it only goes forward. */
export function moveClockCommand(move: ClockMove, actor: Actor): LaneCommand<number | Refusal> {
  return {
    name: 'move_clock',
    priority: 'decision',
    needs: () => {},
    step(batch) {
      const target = 'nowMs' in move ? move.nowMs : batch.nowMs + move.advanceMs;
      if (target < 0 || target > LAST_MS) {
        const errors = [
          { pointer: 'nowMs' in move ? '/now' : '/advance', message: 'must lead to a time from 1970 to 9998' },
        ];
        return refuse('request.invalid', 'The time is out of range.', { errors });
      }
      if (batch.began && target < batch.nowMs) {
        return refuse('test.clock_backwards', 'After its first transaction the clock only goes forward.');
      }
      batch.clockMs = target;
      batch.use(auditSlice).append({ actor, action: 'clock.moved', target: 'clock' });
      return target;
    },
  };
}
