/** What other sources found of a request: a bot score, an address check, a device that is known elsewhere. */
import type { DecisionRequest } from '../../decision/core/decision.js';

/** Which signals are asked for; without any field, all. */
export interface ExternalFilter {
  source?: string;
  code?: string;
}

/** The highest score (0 … 100) among the signals that fit; 0 where there is none, or none came with a score. */
export function externalScore(signals: DecisionRequest['externalSignals'], { source, code }: ExternalFilter): number {
  const fits = (signals ?? []).filter(
    (one) => (source === undefined || one.source === source) && (code === undefined || one.code === code),
  );
  return Math.max(0, ...fits.map(({ score }) => score ?? 0));
}
