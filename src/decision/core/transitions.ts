/**
 * The state machine of a decision: one table of status × call. Every function is pure: it answers the changed decision
 * with what must happen to its budget and be said of it, or a refusal. Idempotent: a call that was made answers what is.
 *
 * Time is a call too: a hold whose end is due has ended, as of its end, before any other call is looked at.
 */
import { type Refusal, refuse } from '../../kernel/errors.js';
import type { Approval, Decision, DecisionStatus, Reversal } from './decision.js';
import { reason } from './reasons.js';

/** What a call does to the decision's entry in the windows. */
export type Budget =
  | { do: 'keep' }
  | { do: 'release' }
  | { do: 'amend'; points: number; marked: boolean }
  /** Entered anew at the time of the call: a late commit, even above a cap. */
  | { do: 'enter'; points: number };

export interface Change {
  decision: Decision;
  budget: Budget;
  /** Event types to be said, in order; none where nothing changed. */
  events: readonly string[];
  /** Why, for the audit. */
  reason?: string;
}

export interface Calls {
  commit: { points?: number };
  cancel: Record<string, never>;
  reverse: { reversalId: string; points?: number; reason: string };
  approve: { by: Approval; holdTtlMs: number };
  refuse: { by: string };
}
export type CallName = keyof Calls;

type Step<C extends CallName> = (decision: Decision, call: Calls[C], nowMs: number) => Change | Refusal;

const unchanged = (decision: Decision): Change => ({ decision, budget: { do: 'keep' }, events: [] });

/** A status that the call does not know: 409 with the status. */
const notAllowed = (decision: Decision): Refusal =>
  refuse('decision.state', `The decision is ${decision.status.replace('_', ' ')}.`, {
    decisionStatus: decision.status,
  });

/**
 * Reversals are kept with their decision, which is read and written whole: 10,000 of them were 1.6 MB, and each one more
 * took 26 ms. The last one takes all that is left, so that nobody is stuck.
 */
export const MOST_REVERSALS = 1000;

const tooMany = (): Refusal => refuse('decision.points', 'More points than the decision has left.');

const to = (decision: Decision, status: DecisionStatus, atMs: number, change: Partial<Decision> = {}): Decision => ({
  ...decision,
  ...change,
  status,
  statusChangedMs: status === decision.status ? decision.statusChangedMs : atMs,
  version: decision.version + 1,
});

const holdIsOver = ({ hold }: Decision, nowMs: number): boolean => hold !== null && hold.endsAtMs <= nowMs;

/** The decision as it reads at `nowMs`: past its end a hold has been committed or given back, whether written or not. */
export function readAt(decision: Decision, nowMs: number): Decision {
  if (!decision.hold || !holdIsOver(decision, nowMs)) return decision;
  const { then, endsAtMs } = decision.hold;
  const ended = { ...decision, hold: null, statusChangedMs: endsAtMs };
  return then === 'commit'
    ? { ...ended, status: 'committed', pointsCommitted: decision.points }
    : { ...ended, status: 'expired' };
}

/** The end of a hold that time gives back, if it is due; undefined where there is nothing to write. */
export function endDue(decision: Decision, nowMs: number): Change | undefined {
  if (!decision.hold || decision.hold.then === 'commit' || !holdIsOver(decision, nowMs)) return undefined;
  const ended = to(decision, 'expired', decision.hold.endsAtMs, { hold: null });
  return { decision: ended, budget: { do: 'release' }, events: ['decision.expired'], reason: 'the hold ended' };
}

const commitHeld: Step<'commit'> = (decision, { points = decision.points }, nowMs) => {
  if (points > decision.points) return tooMany();
  const committed = to(decision, 'committed', nowMs, {
    hold: null,
    pointsCommitted: points,
    committedExplicitly: true,
  });
  return { decision: committed, budget: amendTo(decision, points), events: ['decision.committed'] };
};

/** Explicit after time, or repeated. The first explicit commit after time sets the points; a repeat must say the same. */
const commitAgain: Step<'commit'> = (decision, { points }, nowMs) => {
  const committed = decision.pointsCommitted ?? 0;
  if (decision.committedExplicitly || decision.status === 'reversed') {
    return points === undefined || points === committed ? unchanged(decision) : notAllowed(decision);
  }
  const reversed = decision.pointsReversed ?? 0;
  const set = points ?? committed;
  if (set > decision.points || set < reversed) return tooMany();
  const status = reversed > 0 && set === reversed ? 'reversed' : 'committed';
  const explicit = to(decision, status, nowMs, { pointsCommitted: set, committedExplicitly: true });
  return { decision: explicit, budget: amendTo(decision, set - reversed, status), events: ['decision.committed'] };
};

/** A late commit is a fact: it counts as of now, even above a cap, and is flagged. */
const commitLate: Step<'commit'> = (decision, { points = decision.points }, nowMs) => {
  if (points > decision.points) return tooMany();
  const late = to(decision, 'committed', nowMs, {
    pointsCommitted: points,
    committedExplicitly: true,
    late: true,
    reasons: [...decision.reasons, reason('ledger.late_commit', 0)],
  });
  // what observe mode would have denied counts nowhere, late or not
  const budget: Budget = decision.wouldHaveBeen === 'deny' ? { do: 'keep' } : { do: 'enter', points };
  return { decision: late, budget, events: ['decision.late_commit'] };
};

const cancelHeld: Step<'cancel'> = (decision, _call, nowMs) => ({
  decision: to(decision, 'cancelled', nowMs, { hold: null }),
  budget: { do: 'release' },
  events: ['decision.cancelled'],
});

const reverseCommitted: Step<'reverse'> = (decision, { reversalId, points, reason: why }, nowMs) => {
  const repeated = repeatedReversal(decision, reversalId, points);
  if (repeated) return repeated;
  if (decision.status === 'reversed') return notAllowed(decision);
  const left = (decision.pointsCommitted ?? 0) - (decision.pointsReversed ?? 0);
  const given = points ?? left;
  if (given > left) return tooMany();
  if (given < left && decision.reversals.length >= MOST_REVERSALS - 1) {
    return refuse('decision.points', `After ${MOST_REVERSALS - 1} reversals only all that is left can be reversed.`);
  }
  const status = given === left ? 'reversed' : 'committed';
  const reversal: Reversal = { reversalId, asked: points ?? null, points: given };
  const reversed = to(decision, status, nowMs, {
    pointsReversed: (decision.pointsReversed ?? 0) + given,
    reversals: [...decision.reversals, reversal],
  });
  return {
    decision: reversed,
    budget: amendTo(decision, left - given, status),
    events: ['decision.reversed'],
    reason: why,
  };
};

function repeatedReversal(decision: Decision, reversalId: string, points?: number): Change | Refusal | undefined {
  const known = decision.reversals.find((reversal) => reversal.reversalId === reversalId);
  if (!known) return undefined;
  if ((points ?? null) === known.asked || points === known.points) return unchanged(decision);
  return refuse('idempotency.mismatch', 'This reversalId was used with other points.');
}

/** Approved while its hold stands: the same entry goes on. Approved after it: the caller must hold anew. */
const approve: Step<'approve'> = (decision, { by, holdTtlMs }, nowMs) => ({
  decision: to(decision, 'held', nowMs, {
    hold: { endsAtMs: nowMs + holdTtlMs, then: decision.onHoldEnd },
    approvedBy: by,
  }),
  budget: decision.status === 'in_review' ? { do: 'keep' } : { do: 'enter', points: decision.points },
  events: ['decision.approved'],
});

const approveExpired: Step<'approve'> = (decision, call, nowMs) =>
  decision.reviewed ? approve(decision, call, nowMs) : notAllowed(decision);

/** An approval repeated answers what is; where nobody had to approve there is nothing to approve. */
const approveAgain: Step<'approve'> = (decision) => (decision.approvedBy ? unchanged(decision) : notAllowed(decision));

const refuseReview: Step<'refuse'> = (decision, _call, nowMs) => ({
  decision: to(decision, 'denied', nowMs, { hold: null }),
  budget: { do: 'release' },
  events: ['decision.denied'],
});

const answer: Step<CallName> = (decision) => unchanged(decision);

function amendTo(decision: Decision, points: number, status: DecisionStatus = 'committed'): Budget {
  const marked = status === 'reversed';
  if (decision.entry && decision.entry.points === points && decision.entry.marked === marked) return { do: 'keep' };
  return { do: 'amend', points, marked };
}

/** Status × call. What is not in the table is 409. Statuses are as they read: a hold past its end is not held. */
export const TRANSITIONS: { [S in DecisionStatus]: { [C in CallName]?: Step<C> } } = {
  held: { commit: commitHeld, cancel: cancelHeld, approve: approveAgain },
  challenged: { cancel: cancelHeld },
  in_review: { cancel: cancelHeld, approve, refuse: refuseReview },
  denied: { approve, refuse: answer },
  cancelled: { cancel: answer },
  expired: { commit: commitLate, approve: approveExpired },
  committed: { commit: commitAgain, reverse: reverseCommitted, approve: approveAgain },
  reversed: { commit: commitAgain, reverse: reverseCommitted, approve: approveAgain },
};

/** Applies a call to a decision as it reads at `nowMs`. */
export function transition<C extends CallName>(
  name: C,
  decision: Decision,
  call: Calls[C],
  nowMs: number,
): Change | Refusal {
  const now = readAt(decision, nowMs);
  const step = TRANSITIONS[now.status][name];
  return step ? step(now, call, nowMs) : notAllowed(now);
}
