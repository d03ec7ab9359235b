/** How a transaction stands to the limits of its policy: as callers see it, and as it is kept in the evidence. */
import type { Limit } from '../../policy/core/policy.js';
import type { LimitReading } from '../../velocity/core/limits.js';
import { isoTime, type LimitStanding } from './decision.js';

/** What a caller sees of a limit without asking: breached, or used to 80 % and more. */
const NEARLY = 0.8;

type Reading = Pick<LimitReading, 'limit' | 'used' | 'add' | 'exact' | 'resetsAtMs'>;

/** What the limit holds with this transaction, where it counts. */
const usedNow = ({ used, add }: Reading, counts: boolean): number => (counts ? used + add : used);

export const worthShowing = (reading: LimitReading, counts: boolean): boolean =>
  usedNow(reading, counts) >= reading.limit.cap * NEARLY;

export function standingOf(reading: Reading, counts: boolean): LimitStanding {
  const { limit, exact, resetsAtMs } = reading;
  const used = usedNow(reading, counts);
  return {
    id: limit.id,
    subject: limit.subject,
    metric: limit.metric,
    window: limit.window,
    used,
    cap: limit.cap,
    remaining: Math.max(0, limit.cap - used),
    exact,
    resetsAt: isoTime(resetsAtMs),
  };
}

/** Id of the limit, what it holds, whether exactly (1) or not (0), when it resets in ms: the rest is in the policy's version. */
type PackedReading = [id: string, used: number, exact: 0 | 1, resetsAtMs: number];

/** Every reading, for the evidence: a policy has dozens of limits, and most of a standing says what the policy says. */
export function packReadings(readings: readonly LimitReading[], counts: boolean): string {
  const packed = readings.map((reading): PackedReading => {
    const { limit, exact, resetsAtMs } = reading;
    return [limit.id, usedNow(reading, counts), exact ? 1 : 0, resetsAtMs];
  });
  return JSON.stringify(packed);
}

/** The standings again, by the limits of the policy that judged. */
export function unpackStandings(text: string, limits: readonly Limit[]): LimitStanding[] {
  const byId = new Map(limits.map((limit) => [limit.id, limit]));
  return (JSON.parse(text) as PackedReading[]).flatMap(([id, used, exact, resetsAtMs]) => {
    const limit = byId.get(id);
    return limit ? [standingOf({ limit, used, add: 0, exact: exact === 1, resetsAtMs }, true)] : [];
  });
}
