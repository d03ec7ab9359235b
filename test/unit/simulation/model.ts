/**
 * What the machine must answer, the naive way, written from the contract: every decision is kept in one list, time ends
 * holds before anything else is looked at, and every limit is counted anew over all of them.
 */
import type { DecisionRequest, DecisionStatus } from '../../../src/decision/core/decision.js';
import type { Limit, Outcome, Policy, SubjectKind } from '../../../src/policy/core/policy.js';

interface Counted {
  atMs: number;
  points: number;
  marked: boolean;
}

export interface Known {
  request: DecisionRequest;
  outcome: Outcome;
  wouldHaveBeen: Outcome | undefined;
  status: DecisionStatus;
  statusChangedMs: number;
  hold: { endsAtMs: number; then: 'commit' | 'release' | 'expire' } | undefined;
  counted: Counted | undefined;
  committed: number | undefined;
  reversed: number | undefined;
  reversals: Map<string, { asked: number | undefined; points: number }>;
  explicit: boolean;
  late: boolean;
  approved: boolean;
  reviewed: boolean;
  onHoldEnd: 'commit' | 'release';
  /** In observe mode, what would be denied: it counts nowhere, whatever happens to it. */
  neverCounts: boolean;
  /** Events said of it. */
  version: number;
}

/** A limit as the machine says it found it. */
export interface Found {
  id: string;
  used: number;
  exact: boolean;
}

/** A refusal is its code. */
export type Predicted<T> = T | string;

export interface DecideOptions {
  forced?: Outcome;
  dryRun?: boolean;
}

const MAYBE: Record<Outcome, number> = { allow: 0, challenge: 1, review: 2, deny: 3 };
const strongest = (outcomes: Outcome[]): Outcome => outcomes.reduce((a, b) => (MAYBE[b] > MAYBE[a] ? b : a), 'allow');

const valueOf = (kind: SubjectKind, request: DecisionRequest): string | undefined =>
  ({
    account: request.accountId,
    device: request.device?.id,
    store: request.storeId,
    counterparty: request.counterpartyAccountId,
    ip: request.ip,
    program: 'all',
  })[kind as string];

const SAME = ['accountId', 'type', 'direction', 'points', 'counterpartyAccountId', 'partnerId'] as const;

export class Model {
  readonly known = new Map<string, Known>();
  readonly cancelledUnseen = new Map<string, number>();
  constructor(
    readonly policy: Policy,
    public nowMs: number,
  ) {}

  moveTo(nowMs: number): void {
    this.nowMs = nowMs;
    for (const one of this.known.values()) {
      if (!one.hold || one.hold.endsAtMs > nowMs) continue;
      one.statusChangedMs = one.hold.endsAtMs;
      if (one.hold.then === 'commit') {
        one.status = 'committed';
        one.committed = one.request.points;
      } else {
        one.status = 'expired';
        one.counted = undefined;
        one.version++;
      }
      one.hold = undefined;
    }
  }

  private applies(limit: Limit, request: DecisionRequest): boolean {
    const kinds = limit.distinctOf ? [limit.subject, limit.distinctOf] : [limit.subject];
    return limit.types.includes(request.type) && kinds.every((kind) => valueOf(kind, request) !== undefined);
  }

  /** What a limit counts for the subject of a request, now. */
  used(
    limit: Limit,
    request: DecisionRequest,
    among = [...this.known.values()],
  ): { used: number; members: Set<string> } {
    const members = new Set<string>();
    let used = 0;
    for (const { request: other, counted } of among) {
      if (!counted || counted.atMs <= this.nowMs - limit.windowMs || !this.applies(limit, other)) continue;
      if (valueOf(limit.subject, other) !== valueOf(limit.subject, request)) continue;
      if (limit.distinctOf) members.add(valueOf(limit.distinctOf, other) ?? '');
      else if (limit.metric === 'points') used += counted.points;
      else used += limit.refundable && counted.marked ? 0 : 1;
    }
    return { used: limit.distinctOf ? members.size : used, members };
  }

  /**
   * Every hard limit at every subject that it counts for, now. Late commits are facts that may pass a cap: they are left
   * out, and with them limits on members, whom a late one may have brought in.
   */
  hardLimits(): { id: string; cap: number; used: number }[] {
    const inTime = [...this.known.values()].filter(({ late }) => !late);
    const hard = this.policy.limits.filter(
      ({ kind, distinctOf }) => kind === 'hard' && (!distinctOf || inTime.length === this.known.size),
    );
    return inTime.flatMap(({ request }) =>
      hard
        .filter((limit) => this.applies(limit, request))
        .map((limit) => ({ id: limit.id, cap: limit.cap, used: this.used(limit, request, inTime).used })),
    );
  }

  /** Every limit that applies. What the machine judged by sub-windows (`found`) may count too much, never too little. */
  readings(request: DecisionRequest, found: readonly Found[] = []) {
    return this.policy.limits
      .filter((limit) => this.applies(limit, request))
      .map((limit) => {
        const { used: truly, members } = this.used(limit, request);
        const isMember = limit.distinctOf !== undefined && members.has(valueOf(limit.distinctOf, request) ?? '');
        const add = limit.metric === 'points' ? request.points : Number(!isMember);
        const said = found.find(({ id }) => id === limit.id);
        const used = said && !said.exact ? Math.max(truly, said.used) : truly;
        return { limit, truly, used, add, breached: add > 0 && used + add > limit.cap };
      });
  }

  openHolds(accountId: string): number {
    return [...this.known.values()].filter(
      ({ request, hold, counted }) => request.accountId === accountId && hold && hold.then !== 'commit' && counted,
    ).length;
  }

  private verdict(request: DecisionRequest, forced: Outcome | undefined, found: readonly Found[]): Outcome {
    const breached = this.readings(request, found).filter((reading) => reading.breached);
    const isHard = breached.some(({ limit }) => limit.kind === 'hard');
    const score = breached.reduce((sum, { limit }) => sum + (limit.weight ?? 0), 0);
    const { scoreBands, challengeImpossible, maxOpenHolds } = this.policy;
    const asked = breached.flatMap(({ limit: { onBreach } }) => (onBreach && onBreach !== 'score' ? [onBreach] : []));
    const band = (['deny', 'review', 'challenge'] as const).find((name) => score >= scoreBands[name]) ?? 'allow';
    let outcome = isHard ? 'deny' : (forced ?? strongest([...asked, band]));
    if (outcome === 'challenge') outcome = challengeImpossible;
    if (outcome === 'review' && request.accepts && !request.accepts.includes('review')) outcome = 'deny';
    const goesBack = outcome === 'review' || (outcome === 'allow' && this.onHoldEnd(request) === 'release');
    return goesBack && this.openHolds(request.accountId) >= maxOpenHolds ? 'deny' : outcome;
  }

  private onHoldEnd = (request: DecisionRequest) => request.onHoldEnd ?? this.policy.onHoldEnd;

  decide(request: DecisionRequest, options: DecideOptions, found: readonly Found[]): Predicted<Known> {
    const before = this.known.get(request.transactionId);
    if (before)
      return SAME.every((field) => before.request[field] === request[field]) ? before : 'idempotency.mismatch';
    const cancelledMs = this.cancelledUnseen.get(request.transactionId);
    const verdict = cancelledMs === undefined ? this.verdict(request, options.forced, found) : 'deny';
    const observes = this.policy.mode === 'observe' && cancelledMs === undefined;
    const outcome = observes ? 'allow' : verdict;
    const onHoldEnd = this.onHoldEnd(request);
    const holds = {
      allow: { ttlMs: this.policy.holdTtlMs, then: onHoldEnd, status: 'held' },
      review: { ttlMs: this.policy.reviewTtlMs, then: 'expire', status: 'in_review' },
    } as const;
    const hold = outcome === 'allow' || outcome === 'review' ? holds[outcome] : undefined;
    const made: Known = {
      request,
      outcome,
      wouldHaveBeen: observes ? verdict : undefined,
      status: hold?.status ?? (cancelledMs === undefined ? 'denied' : 'cancelled'),
      statusChangedMs: cancelledMs ?? this.nowMs,
      hold: hold && { endsAtMs: this.nowMs + hold.ttlMs, then: hold.then },
      counted: verdict === 'deny' ? undefined : { atMs: this.nowMs, points: request.points, marked: false },
      committed: undefined,
      reversed: undefined,
      reversals: new Map(),
      explicit: false,
      late: false,
      approved: false,
      reviewed: outcome === 'review',
      onHoldEnd,
      neverCounts: observes && verdict === 'deny',
      version: 1,
    };
    if (!options.dryRun) this.known.set(request.transactionId, made);
    return made;
  }

  private change(one: Known, status: DecisionStatus, changes: Partial<Known> = {}): Known {
    if (one.status !== status) one.statusChangedMs = this.nowMs;
    Object.assign(one, { hold: undefined, ...changes, status, version: one.version + 1 });
    return one;
  }

  private count(one: Known, points: number, atMs = one.counted?.atMs ?? this.nowMs): void {
    if (!one.neverCounts) one.counted = { atMs, points, marked: one.status === 'reversed' };
  }

  commit(one: Known, points: number | undefined): Predicted<Known> {
    const { status, request } = one;
    if (status === 'held' || status === 'expired') {
      const set = points ?? request.points;
      if (set > request.points) return 'decision.points';
      this.change(one, 'committed', { committed: set, explicit: true, late: status === 'expired' });
      this.count(one, set);
      return one;
    }
    if (status !== 'committed' && status !== 'reversed') return 'decision.state';
    const { committed = 0, reversed = 0 } = one;
    if (one.explicit || status === 'reversed') {
      return points === undefined || points === committed ? one : 'decision.state';
    }
    const set = points ?? committed;
    if (set > request.points || set < reversed) return 'decision.points';
    this.change(one, reversed > 0 && set === reversed ? 'reversed' : 'committed', { committed: set, explicit: true });
    this.count(one, set - reversed);
    return one;
  }

  cancel(one: Known): Predicted<Known> {
    if (one.status === 'cancelled') return one;
    if (one.status !== 'held' && one.status !== 'in_review') return 'decision.state';
    return this.change(one, 'cancelled', { counted: undefined });
  }

  cancelTransaction(transactionId: string): Predicted<Known | { transactionId: string; status: 'cancelled' }> {
    const one = this.known.get(transactionId);
    if (one) return this.cancel(one);
    if (!this.cancelledUnseen.has(transactionId)) this.cancelledUnseen.set(transactionId, this.nowMs);
    return { transactionId, status: 'cancelled' };
  }

  reverse(one: Known, reversalId: string, points: number | undefined): Predicted<Known> {
    if (one.status !== 'committed' && one.status !== 'reversed') return 'decision.state';
    const before = one.reversals.get(reversalId);
    if (before) return points === before.asked || points === before.points ? one : 'idempotency.mismatch';
    if (one.status === 'reversed') return 'decision.state';
    const left = (one.committed ?? 0) - (one.reversed ?? 0);
    const given = points ?? left;
    if (given > left) return 'decision.points';
    one.reversals.set(reversalId, { asked: points, points: given });
    this.change(one, given === left ? 'reversed' : 'committed', { reversed: (one.reversed ?? 0) + given });
    this.count(one, left - given);
    return one;
  }

  /** `blocked`: the machine says that a limit which it judges by sub-windows has no room. */
  approve(one: Known, blocked: boolean): Predicted<Known> {
    const { status, request } = one;
    const hold = { endsAtMs: this.nowMs + this.policy.holdTtlMs, then: one.onHoldEnd };
    if (status === 'in_review') return this.change(one, 'held', { hold, approved: true });
    if (status === 'denied' || (status === 'expired' && one.reviewed)) {
      const isFull = this.readings(request).some(({ breached, limit }) => breached && limit.kind === 'hard');
      if (isFull || blocked) return 'decision.limit';
      this.change(one, 'held', { hold, approved: true });
      this.count(one, request.points, this.nowMs);
      return one;
    }
    return one.approved && status !== 'cancelled' && status !== 'expired' ? one : 'decision.state';
  }

  refuse(one: Known): Predicted<Known> {
    if (one.status === 'denied') return one;
    return one.status === 'in_review' ? this.change(one, 'denied', { counted: undefined }) : 'decision.state';
  }
}
