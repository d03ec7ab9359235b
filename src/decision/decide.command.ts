import { refuse, type Refusal } from '../kernel/errors.js';
import { timeOrderedUuid } from '../kernel/ids.js';
import type { Batch, LaneCommand } from '../platform/lane/lane.types.js';
import type { Outcome, Policy } from '../policy/core/policy.js';
import type { ActivePolicy } from '../policy/policy.slice.js';
import { enter, type LimitReading } from '../velocity/core/limits.js';
import { subjectSlice } from '../velocity/subject.slice.js';
import { type Actor, commitmentOf } from '../audit/core/chain.js';
import { auditSlice } from '../audit/audit.slice.js';
import { eventSlice } from '../events/event.slice.js';
import { applyEndIfDue } from './change.js';
import { decide, isUnavailable, type Verdict } from './core/decide.js';
import type { Decision, DecisionRequest, LimitStanding, Tombstone } from './core/decision.js';
import { reason } from './core/reasons.js';
import { renderDecision } from './core/render.js';
import { packReadings, standingOf, worthShowing } from './core/standings.js';
import { endDue, readAt } from './core/transitions.js';
import { decisionIdOf, isTombstone } from './decision.columns.js';
import { decisionSlice } from './decision.slice.js';
import { type DecisionSlices, Judge, type JudgementInput } from './judgement.js';

/** Clocks of ledgers run a little ahead; what lies further ahead is a mistake. */
const MOST_AHEAD_MS = 5 * 60_000;

export interface DecideInput extends JudgementInput {
  fingerprint: string;
  /** What is kept of the request; null for a dry run, which judges and leaves no trace. */
  evidence: RequestEvidence | null;
  actor: Actor;
  /** Whether the caller asked for every limit. */
  withLimits: boolean;
}

export interface RequestEvidence {
  /** JSON without personal fields. */
  request: string;
  /** JSON of the personal fields; empty where there are none. */
  personal: string;
  sealed: Buffer | null;
  salt: Buffer;
}

export interface DecideAnswer {
  /** False where the transaction was known. */
  isNew: boolean;
  decision: Decision;
  /** Every limit that applies, where they were asked for; unknown where the transaction was known. */
  limits?: LimitStanding[];
  /** JSON of the decision as its event carries it, where it was made now. */
  rendered?: string;
}

/** Steps 2 to 5 of docs/architecture.md "How a decision flows". */
export function decideCommand(slices: DecisionSlices, input: DecideInput): LaneCommand<DecideAnswer | Refusal> {
  const { request } = input;
  const judge = new Judge(slices, input);
  return {
    name: 'decide',
    priority: 'decision',
    needs(batch) {
      const decisions = batch.use(decisionSlice);
      decisions.wantTransaction(request.transactionId);
      judge.needs(batch);
      const known = decisions.transaction(request.transactionId);
      if (known && !isTombstone(known) && endDue(known, batch.nowMs)) batch.use(subjectSlice).want(known.keys);
    },
    step(batch) {
      const known = batch.use(decisionSlice).transaction(request.transactionId);
      if (known && !isTombstone(known)) return repeat(batch, known, input);
      const inForce = batch.use(slices.policies).active;
      if (!inForce) throw new Error(`program ${batch.programId} has no active policy`);
      const late = outOfTime(request, inForce.policy, batch.nowMs);
      if (late) return late;
      if (known) return buryLateOriginal(batch, known, input, inForce.version);
      return decideNow(batch, judge, input, inForce);
    },
  };
}

function decideNow(
  batch: Batch,
  judge: Judge,
  input: DecideInput,
  { policy, version }: ActivePolicy,
): DecideAnswer | Refusal {
  const { movement, enters, findings } = judge.judge(batch, policy);
  const { readings, onHoldEnd, degraded } = findings;
  if (isUnavailable(input.request, findings, policy)) {
    const detail = 'A signal that the policy insists on could not be read in time; repeat with the same id.';
    return refuse('decision.unavailable', detail, { retryAfterSeconds: 1 });
  }
  const verdict = decide(input.request, findings, policy);
  const standings = (some: readonly LimitReading[]) => some.map((reading) => standingOf(reading, verdict.counts));
  const shown = standings(readings.filter((reading) => reading.breached || worthShowing(reading, verdict.counts)));
  const found = { policy, version, verdict, limits: shown, onHoldEnd, degraded, keys: enters };
  const decision = decisionFrom(batch, input, found);
  const { evidence } = input;
  const limits = input.withLimits ? standings(readings) : [];
  if (!evidence) return { isNew: true, decision, limits };
  const seq = batch.nextSeq();
  if (verdict.counts) {
    const entry = { seq, atMs: batch.nowMs, points: input.request.points, marked: false };
    decision.entry = entry;
    const subjects = batch.use(subjectSlice);
    enter(enters, movement, subjects, entry);
    subjects.touch(enters);
  }
  // observing must find what enforcing would: who would not have been believed is not remembered either
  if ((verdict.wouldHaveBeen ?? verdict.outcome) === 'allow') judge.remember(batch, policy);
  return {
    isNew: true,
    decision,
    limits,
    rendered: record(batch, { ...input, evidence }, decision, packReadings(readings, verdict.counts), seq),
  };
}

function repeat(batch: Batch, known: Decision, { fingerprint, evidence }: DecideInput): DecideAnswer | Refusal {
  if (known.fingerprint !== fingerprint) {
    return refuse('idempotency.mismatch', 'This transactionId was used for another transaction.');
  }
  const ended = evidence ? applyEndIfDue(batch, known) : known;
  return { isNew: false, decision: readAt(ended, batch.nowMs) };
}

function outOfTime(request: DecisionRequest, policy: Policy, nowMs: number): Refusal | undefined {
  if (request.occurredAt === undefined) return undefined;
  const age = nowMs - Date.parse(request.occurredAt);
  if (age <= policy.maxLatenessMs && age >= -MOST_AHEAD_MS) return undefined;
  const message = age > 0 ? 'is too long ago: report what already happened as a transaction' : 'is in the future';
  return refuse('request.invalid', 'occurredAt is out of range.', { errors: [{ pointer: '/occurredAt', message }] });
}

interface Found {
  policy: Policy;
  version: number;
  verdict: Verdict;
  /** Those that the caller sees without asking. */
  limits: readonly LimitStanding[];
  onHoldEnd: 'commit' | 'release';
  degraded: readonly string[];
  keys: readonly string[];
}

function decisionFrom(batch: Batch, input: DecideInput, found: Found): Decision {
  const { policy, version, verdict, limits, onHoldEnd, degraded, keys } = found;
  const { status, hold } = beginning(verdict.outcome, policy, onHoldEnd, batch.nowMs);
  return {
    ...identityOf(batch, input),
    outcome: verdict.outcome,
    status,
    score: verdict.score,
    policyVersion: version,
    hold,
    keys: verdict.counts ? keys : [],
    reasons: verdict.reasons,
    limits,
    wouldHaveBeen: verdict.wouldHaveBeen,
    onHoldEnd,
    degraded,
    reviewed: verdict.outcome === 'review',
  };
}

/** What every new decision starts from. */
function identityOf(batch: Batch, { request, accountKey, fingerprint }: DecideInput) {
  return {
    decisionId: timeOrderedUuid(batch.nowMs),
    transactionId: request.transactionId,
    accountId: request.accountId,
    accountKey,
    type: request.type,
    direction: request.direction ?? null,
    points: request.points,
    fingerprint,
    evaluatedAtMs: batch.nowMs,
    statusChangedMs: batch.nowMs,
    version: 1,
    entry: null,
    pointsCommitted: null,
    pointsReversed: null,
    degraded: [],
    reversals: [],
    approvedBy: null,
    late: false,
    committedExplicitly: false,
  } satisfies Partial<Decision>;
}

/** Status and hold by outcome: all but a denied one hold the budget. */
function beginning(outcome: Outcome, policy: Policy, onHoldEnd: 'commit' | 'release', nowMs: number) {
  const hold = (ttlMs: number, then: 'commit' | 'release' | 'expire') => ({ endsAtMs: nowMs + ttlMs, then });
  const table = {
    allow: { status: 'held', hold: hold(policy.holdTtlMs, onHoldEnd) },
    challenge: { status: 'challenged', hold: hold(policy.holdTtlMs, 'expire') },
    review: { status: 'in_review', hold: hold(policy.reviewTtlMs, 'expire') },
    deny: { status: 'denied', hold: null },
  } as const;
  return table[outcome];
}

/** The original of a transaction that was cancelled before: it is told so, and counts nowhere. */
function buryLateOriginal(
  batch: Batch,
  { cancelledAtMs }: Tombstone,
  input: DecideInput,
  policyVersion: number,
): DecideAnswer {
  const decision: Decision = {
    ...identityOf(batch, input),
    outcome: 'deny',
    status: 'cancelled',
    score: 0,
    policyVersion,
    statusChangedMs: cancelledAtMs,
    hold: null,
    keys: [],
    reasons: [reason('transaction.cancelled', 100)],
    limits: [],
    wouldHaveBeen: null,
    onHoldEnd: 'release',
    reviewed: false,
  };
  const { evidence } = input;
  if (!evidence) return { isNew: true, decision, limits: [] };
  const rendered = record(batch, { ...input, evidence }, decision, '[]', batch.nextSeq());
  return { isNew: true, decision, limits: [], rendered };
}

/** Decision, evidence, event and audit row: one transaction, so that none is without the others. */
function record(
  batch: Batch,
  { evidence, actor }: DecideInput & { evidence: RequestEvidence },
  decision: Decision,
  readings: string,
  seq: number,
): string {
  const rendered = JSON.stringify(renderDecision(decision));
  const decisionId = decisionIdOf(decision);
  batch.began = true;
  const decisions = batch.use(decisionSlice);
  decisions.put(decision);
  decisions.addEvidence({
    decisionId: decision.decisionId,
    request: evidence.request,
    sealed: evidence.sealed,
    salt: evidence.salt,
    readings,
  });
  batch
    .use(eventSlice)
    .emit({ type: 'decision.made', aggregateId: decisionId, version: decision.version, data: rendered }, seq);
  batch.use(auditSlice).append({
    actor,
    action: 'decision.made',
    target: decisionId,
    commitment: commitmentOf(evidence.salt, `${evidence.request}\n${evidence.personal}\n${rendered}`),
  });
  return rendered;
}
