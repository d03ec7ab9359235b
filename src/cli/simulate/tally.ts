/** What came of a simulation while it is sent, and what the truth says to it at the end. */
import type { Outcome } from '../../policy/core/policy.js';
import { assess, type Assessment } from '../../simulator/core/assessment.js';
import type { Simulation } from '../../simulator/core/simulation.js';
import { OUTCOMES } from '../replay/tally.js';
import type { Said } from './send.js';

export interface SimulationTally {
  sent: number;
  outcomes: Readonly<Record<Outcome, number>>;
  /** Class of the truth (`member` or the attack) → code → how many transactions that were stopped bear it first. */
  reasons: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** When the newest was, in the simulation's time. */
  atMs: number;
  add(said: Said): void;
  assessment(): Assessment;
}

export function startSimulationTally(simulation: Simulation): SimulationTally {
  const outcomeOf = new Map<string, Outcome>();
  const outcomes = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, 0])) as Record<Outcome, number>;
  const reasons = new Map<string, Map<string, number>>();
  const tally: SimulationTally = {
    sent: 0,
    outcomes,
    reasons,
    atMs: 0,
    add({ transaction: { draft, truth }, outcome, reasonCodes }) {
      tally.sent++;
      tally.atMs = draft.atMs;
      outcomes[outcome]++;
      outcomeOf.set(draft.transactionId, outcome);
      if (outcome !== 'allow') countReason(reasons, truth.class, firstCause(reasonCodes));
    },
    assessment: () => assess(simulation, outcomeOf),
  };
  return tally;
}

/** Codes of what was done about a reason, not of the reason itself. */
export const CONSEQUENCES: readonly string[] = ['step_up.unavailable', 'review.not_accepted'];

const firstCause = (codes: readonly string[]): string =>
  codes.find((code) => !CONSEQUENCES.includes(code)) ?? codes[0] ?? 'none';

function countReason(reasons: Map<string, Map<string, number>>, name: string, code: string): void {
  const counts = reasons.get(name) ?? new Map<string, number>();
  reasons.set(name, counts.set(code, (counts.get(code) ?? 0) + 1));
}
