import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Decision } from '../../../src/decision/core/decision.js';
import {
  type Budget,
  type Calls,
  endDue,
  MOST_REVERSALS,
  readAt,
  transition,
} from '../../../src/decision/core/transitions.js';
import { isRefusal } from '../../../src/kernel/errors.js';
import { decisionWith, HOLD_ENDS_MS, NOW_MS } from './decisions.js';

const BY = { kind: 'analyst' as const, id: 'ann', at: '2026-11-22T00:00:00.000Z' };
const HOLD_TTL_MS = 900_000;
const over = { endsAtMs: NOW_MS, then: 'commit' as const };
const known = { reversalId: 'known', asked: 30, points: 30 };
const counted = (points: number, marked = false) => ({ seq: 7, atMs: NOW_MS - 1000, points, marked });
const ended = { hold: null, entry: null };

/** Every status, and every way of being in it that a call can tell apart. */
const STATES = {
  held: decisionWith(),
  'held until release': decisionWith({ hold: { endsAtMs: HOLD_ENDS_MS, then: 'release' }, onHoldEnd: 'release' }),
  'held by an analyst': decisionWith({ approvedBy: BY, outcome: 'review', reviewed: true }),
  'held, past its end, then commit': decisionWith({ hold: over }),
  'held, past its end, then release': decisionWith({ hold: { ...over, then: 'release' }, onHoldEnd: 'release' }),
  challenged: decisionWith({ status: 'challenged', hold: { endsAtMs: HOLD_ENDS_MS, then: 'expire' } }),
  in_review: decisionWith({ status: 'in_review', hold: { endsAtMs: HOLD_ENDS_MS, then: 'expire' }, reviewed: true }),
  denied: decisionWith({ status: 'denied', outcome: 'deny', ...ended }),
  cancelled: decisionWith({ status: 'cancelled', ...ended }),
  expired: decisionWith({ status: 'expired', ...ended }),
  'expired from a review': decisionWith({ status: 'expired', reviewed: true, ...ended }),
  committed: decisionWith({ status: 'committed', hold: null, pointsCommitted: 100, committedExplicitly: true }),
  'committed in part after an approval': decisionWith({
    status: 'committed',
    hold: null,
    pointsCommitted: 40,
    committedExplicitly: true,
    approvedBy: BY,
    entry: counted(40),
  }),
  'committed by time, 30 reversed': decisionWith({
    status: 'committed',
    hold: null,
    pointsCommitted: 100,
    pointsReversed: 30,
    reversals: [known],
    entry: counted(70),
  }),
  reversed: decisionWith({
    status: 'reversed',
    hold: null,
    pointsCommitted: 30,
    pointsReversed: 30,
    reversals: [known],
    committedExplicitly: true,
    entry: counted(0, true),
  }),
} satisfies Record<string, Decision>;
type StateName = keyof typeof STATES;

const why = { reason: 'returned' };
const CALLS = {
  commit: ['commit', {}],
  'commit 20': ['commit', { points: 20 }],
  'commit 30': ['commit', { points: 30 }],
  'commit 40': ['commit', { points: 40 }],
  'commit 100': ['commit', { points: 100 }],
  'commit 101': ['commit', { points: 101 }],
  cancel: ['cancel', {}],
  reverse: ['reverse', { reversalId: 'new', ...why }],
  'reverse 40': ['reverse', { reversalId: 'new', points: 40, ...why }],
  'reverse 100': ['reverse', { reversalId: 'new', points: 100, ...why }],
  'reverse 101': ['reverse', { reversalId: 'new', points: 101, ...why }],
  'reverse known': ['reverse', { reversalId: 'known', points: 30, ...why }],
  'reverse known, otherwise': ['reverse', { reversalId: 'known', points: 31, ...why }],
  approve: ['approve', { by: BY, holdTtlMs: HOLD_TTL_MS }],
  refuse: ['refuse', { by: 'ann' }],
} as const;
type CallTitle = keyof typeof CALLS;

/** `=`: answers what is. `state`, `points`, `mismatch`: refused. Else: status committed/reversed budget event. */
type Cell = string;
const STATE = 'state';

/** Calls that no such decision allows, so that the table shows the others. */
const never = (...titles: CallTitle[]) => Object.fromEntries(titles.map((title) => [title, STATE]));
const NO_COMMIT = never('commit', 'commit 20', 'commit 30', 'commit 40', 'commit 100', 'commit 101');
const NO_REVERSE = never(
  'reverse',
  'reverse 40',
  'reverse 100',
  'reverse 101',
  'reverse known',
  'reverse known, otherwise',
);
const NO_REVIEW = never('approve', 'refuse');

const COMMIT_HELD = {
  commit: 'committed 100/- keep decision.committed',
  'commit 20': 'committed 20/- amend:20 decision.committed',
  'commit 30': 'committed 30/- amend:30 decision.committed',
  'commit 40': 'committed 40/- amend:40 decision.committed',
  'commit 100': 'committed 100/- keep decision.committed',
  'commit 101': 'points',
};
const COMMIT_LATE = {
  commit: 'committed 100/- enter:100 decision.late_commit',
  'commit 20': 'committed 20/- enter:20 decision.late_commit',
  'commit 30': 'committed 30/- enter:30 decision.late_commit',
  'commit 40': 'committed 40/- enter:40 decision.late_commit',
  'commit 100': 'committed 100/- enter:100 decision.late_commit',
  'commit 101': 'points',
};
const REVERSE_100 = {
  reverse: 'reversed 100/100 amend:0! decision.reversed',
  'reverse 40': 'committed 100/40 amend:60 decision.reversed',
  'reverse 100': 'reversed 100/100 amend:0! decision.reversed',
  'reverse 101': 'points',
  'reverse known': 'committed 100/30 amend:70 decision.reversed',
  'reverse known, otherwise': 'committed 100/31 amend:69 decision.reversed',
};
const CANCEL = { cancel: 'cancelled -/- release decision.cancelled' };

const TABLE: Record<StateName, Record<string, Cell>> = {
  held: { ...COMMIT_HELD, ...CANCEL, ...NO_REVERSE, ...NO_REVIEW },
  'held until release': { ...COMMIT_HELD, ...CANCEL, ...NO_REVERSE, ...NO_REVIEW },
  'held by an analyst': { ...COMMIT_HELD, ...CANCEL, ...NO_REVERSE, approve: '=', refuse: STATE },
  'held, past its end, then commit': { ...COMMIT_HELD, cancel: STATE, ...REVERSE_100, ...NO_REVIEW },
  'held, past its end, then release': { ...COMMIT_LATE, cancel: STATE, ...NO_REVERSE, ...NO_REVIEW },
  challenged: { ...NO_COMMIT, ...CANCEL, ...NO_REVERSE, ...NO_REVIEW },
  in_review: {
    ...NO_COMMIT,
    ...CANCEL,
    ...NO_REVERSE,
    approve: 'held -/- keep decision.approved',
    refuse: 'denied -/- release decision.denied',
  },
  denied: {
    ...NO_COMMIT,
    cancel: STATE,
    ...NO_REVERSE,
    approve: 'held -/- enter:100 decision.approved',
    refuse: '=',
  },
  cancelled: { ...NO_COMMIT, cancel: '=', ...NO_REVERSE, ...NO_REVIEW },
  expired: { ...COMMIT_LATE, cancel: STATE, ...NO_REVERSE, ...NO_REVIEW },
  'expired from a review': {
    ...COMMIT_LATE,
    cancel: STATE,
    ...NO_REVERSE,
    approve: 'held -/- enter:100 decision.approved',
    refuse: STATE,
  },
  committed: {
    ...never('commit 20', 'commit 30', 'commit 40', 'commit 101'),
    commit: '=',
    'commit 100': '=',
    cancel: STATE,
    ...REVERSE_100,
    ...NO_REVIEW,
  },
  'committed in part after an approval': {
    ...never('commit 20', 'commit 30', 'commit 100', 'commit 101'),
    commit: '=',
    'commit 40': '=',
    cancel: STATE,
    reverse: 'reversed 40/40 amend:0! decision.reversed',
    'reverse 40': 'reversed 40/40 amend:0! decision.reversed',
    'reverse 100': 'points',
    'reverse 101': 'points',
    'reverse known': 'committed 40/30 amend:10 decision.reversed',
    'reverse known, otherwise': 'committed 40/31 amend:9 decision.reversed',
    approve: '=',
    refuse: STATE,
  },
  'committed by time, 30 reversed': {
    commit: 'committed 100/30 keep decision.committed',
    'commit 20': 'points', // 30 went back already
    'commit 30': 'reversed 30/30 amend:0! decision.committed',
    'commit 40': 'committed 40/30 amend:10 decision.committed',
    'commit 100': 'committed 100/30 keep decision.committed',
    'commit 101': 'points',
    cancel: STATE,
    reverse: 'reversed 100/100 amend:0! decision.reversed',
    'reverse 40': 'committed 100/70 amend:30 decision.reversed',
    'reverse 100': 'points',
    'reverse 101': 'points',
    'reverse known': '=',
    'reverse known, otherwise': 'mismatch',
    ...NO_REVIEW,
  },
  reversed: {
    ...never('commit 20', 'commit 40', 'commit 100', 'commit 101'),
    commit: '=',
    'commit 30': '=',
    cancel: STATE,
    ...never('reverse', 'reverse 40', 'reverse 100', 'reverse 101'),
    'reverse known': '=',
    'reverse known, otherwise': 'mismatch',
    ...NO_REVIEW,
  },
};

const REFUSED: Record<string, string> = {
  'decision.state': STATE,
  'decision.points': 'points',
  'idempotency.mismatch': 'mismatch',
};

const call = (title: CallTitle, decision: Decision, nowMs = NOW_MS) => {
  const [name, body] = CALLS[title];
  return transition(name, decision, body as Calls[typeof name], nowMs);
};

function budgetText(budget: Budget): string {
  if (budget.do === 'amend') return `amend:${budget.points}${budget.marked ? '!' : ''}`;
  return budget.do === 'enter' ? `enter:${budget.points}` : budget.do;
}

function cellOf(title: CallTitle, before: Decision): Cell {
  const change = call(title, before);
  if (isRefusal(change)) return REFUSED[change.refused] ?? change.refused;
  if (change.events.length === 0)
    return change.decision === readAt(before, NOW_MS) || isSame(change.decision, before) ? '=' : 'changed';
  const { status, pointsCommitted, pointsReversed } = change.decision;
  return `${status} ${pointsCommitted ?? '-'}/${pointsReversed ?? '-'} ${budgetText(change.budget)} ${change.events.join()}`;
}

const isSame = (after: Decision, before: Decision): boolean =>
  JSON.stringify(after) === JSON.stringify(readAt(before, NOW_MS));

const CELLS = (Object.keys(STATES) as StateName[]).flatMap((state) =>
  (Object.keys(CALLS) as CallTitle[]).map((title) => [state, title, TABLE[state][title]] as const),
);

describe('status × call', () => {
  it.each(CELLS)('%s · %s → %s', (state, title, expected) => {
    expect(expected).toBeDefined();
    const before = structuredClone(STATES[state]);
    expect(cellOf(title, before)).toBe(expected);
    expect(before, 'the step changes nothing in place').toEqual(STATES[state]);
  });

  it.each(CELLS.filter(([, , cell]) => cell === STATE))('%s · %s says the status as it reads', (state, title) => {
    const refused = call(title, STATES[state]);
    expect(isRefusal(refused) && refused.extra?.decisionStatus).toBe(readAt(STATES[state], NOW_MS).status);
  });

  it.each(CELLS.filter(([, , cell]) => cell?.includes('decision.')))(
    '%s · %s, once more, answers what is',
    (state, title) => {
      const first = call(title, STATES[state]);
      if (isRefusal(first)) throw new Error('refused');
      // the lane writes the budget's entry; a repeat sees it
      const after = { ...first.decision, entry: null };
      const second = call(title, after, NOW_MS + 1);
      expect(second).toEqual({ decision: after, budget: { do: 'keep' }, events: [] });
    },
  );
});

describe('reversals without end', () => {
  const reversedIn = (parts: number) =>
    decisionWith({
      status: 'committed',
      hold: null,
      points: 1e12,
      pointsCommitted: 1e12,
      pointsReversed: parts,
      reversals: Array.from({ length: parts }, (_, n) => ({ reversalId: `r${n}`, asked: 1, points: 1 })),
    });
  const reverse = (parts: number, more: object = {}) =>
    transition('reverse', reversedIn(parts), { reversalId: 'new', points: 1, reason: 'x', ...more }, NOW_MS);

  it('a decision keeps a bounded number, of which the last takes all that is left', () => {
    expect(reverse(MOST_REVERSALS - 2)).toMatchObject({ decision: { status: 'committed' } });
    expect(reverse(MOST_REVERSALS - 1)).toMatchObject({ refused: 'decision.points' });
    expect(reverse(MOST_REVERSALS - 1, { points: undefined })).toMatchObject({ decision: { status: 'reversed' } });
    expect(reverse(MOST_REVERSALS - 1, { reversalId: 'r7' })).toMatchObject({ events: [] });
  });
});

describe('what a change carries', () => {
  const changed = (title: CallTitle, state: StateName): Decision => {
    const change = call(title, STATES[state]);
    if (isRefusal(change)) throw new Error('refused');
    return change.decision;
  };

  it('raises the version by one with each event, and moves statusChangedAt only with the status', () => {
    expect(changed('commit', 'held')).toMatchObject({ version: 2, statusChangedMs: NOW_MS, hold: null });
    expect(changed('reverse 40', 'committed')).toMatchObject({
      version: 2,
      statusChangedMs: STATES.committed.statusChangedMs,
    });
  });

  it('a commit after time keeps the moment at which time committed', () => {
    expect(changed('commit 40', 'held, past its end, then commit')).toMatchObject({
      statusChangedMs: NOW_MS,
      committedExplicitly: true,
      late: false,
    });
  });

  it('a late commit is marked and gives its reason', () => {
    const late = changed('commit', 'expired');
    expect(late.late).toBe(true);
    expect(late.reasons.map(({ code }) => code)).toEqual(['ledger.late_commit']);
    expect(late.outcome).toBe('allow');
  });

  it('what observe mode would have denied counts nowhere, late or not', () => {
    const observed = decisionWith({ status: 'expired', wouldHaveBeen: 'deny', keys: [], ...ended });
    expect(call('commit', observed)).toMatchObject({ decision: { late: true }, budget: { do: 'keep' } });
  });

  it.each(['in_review', 'denied', 'expired from a review'] as const)('approving from %s renews the hold', (state) => {
    expect(changed('approve', state)).toMatchObject({
      hold: { endsAtMs: NOW_MS + HOLD_TTL_MS, then: STATES[state].onHoldEnd },
      approvedBy: BY,
      outcome: STATES[state].outcome,
    });
  });

  it('a reversal takes its reason into the trail', () => {
    const change = call('reverse 40', STATES.committed);
    expect(!isRefusal(change) && change.reason).toBe('returned');
  });
});

describe('time', () => {
  const at = (then: 'commit' | 'release' | 'expire', status: Decision['status'] = 'held') =>
    decisionWith({ status, hold: { endsAtMs: HOLD_ENDS_MS, then } });

  it.each([
    ['commit', 'held', 'committed', 100],
    ['release', 'held', 'expired', null],
    ['expire', 'in_review', 'expired', null],
    ['expire', 'challenged', 'expired', null],
  ] as const)(
    'a hold that ends with %s from %s reads %s from its end on, not before',
    (then, status, read, committed) => {
      const decision = at(then, status);
      expect(readAt(decision, HOLD_ENDS_MS - 1)).toBe(decision);
      expect(readAt(decision, HOLD_ENDS_MS)).toMatchObject({
        status: read,
        hold: null,
        pointsCommitted: committed,
        statusChangedMs: HOLD_ENDS_MS,
        version: 1,
      });
    },
  );

  it('what time commits needs no write; what it gives back is written as of its end', () => {
    expect(endDue(at('commit'), HOLD_ENDS_MS + 1)).toBeUndefined();
    expect(endDue(at('release'), HOLD_ENDS_MS - 1)).toBeUndefined();
    expect(endDue(at('release'), HOLD_ENDS_MS + 5000)).toMatchObject({
      decision: { status: 'expired', statusChangedMs: HOLD_ENDS_MS, version: 2, hold: null },
      budget: { do: 'release' },
      events: ['decision.expired'],
    });
    for (const state of ['denied', 'cancelled', 'expired', 'committed', 'reversed'] as const) {
      expect(endDue(STATES[state], HOLD_ENDS_MS + 1)).toBeUndefined();
      expect(readAt(STATES[state], HOLD_ENDS_MS + 1)).toBe(STATES[state]);
    }
  });
});

it('whatever is called in whatever order, the points add up', () => {
  const anyCall = fc.record({
    title: fc.constantFrom(...(Object.keys(CALLS) as CallTitle[])),
    afterMs: fc.constantFrom(0, 1, 59_999, 60_000, 900_000),
    reversal: fc.constantFrom('new', 'known', 'third'),
  });
  const start = fc.constantFrom(...Object.values(STATES));
  fc.assert(
    fc.property(start, fc.array(anyCall, { maxLength: 12 }), (first, calls) => {
      let decision = first;
      let nowMs = NOW_MS;
      for (const { title, afterMs, reversal } of calls) {
        nowMs += afterMs;
        const [name, body] = CALLS[title];
        const sent = name === 'reverse' ? { ...body, reversalId: reversal } : body;
        decision = endDue(decision, nowMs)?.decision ?? decision;
        const change = transition(name, decision, sent, nowMs);
        if (isRefusal(change)) continue;
        const after = change.decision;
        expect(after.version - decision.version).toBe(change.events.length);
        expect(after.outcome).toBe(first.outcome);
        expect(after.statusChangedMs).toBeGreaterThanOrEqual(decision.statusChangedMs);
        const [committed, reversed] = [after.pointsCommitted ?? 0, after.pointsReversed ?? 0];
        expect(committed).toBeLessThanOrEqual(after.points);
        expect(reversed).toBeLessThanOrEqual(committed);
        expect(after.reversals.reduce((sum, { points }) => sum + points, 0)).toBe(reversed);
        expect(new Set(after.reversals.map(({ reversalId }) => reversalId)).size).toBe(after.reversals.length);
        expect(after.status === 'reversed').toBe(committed > 0 && committed === reversed);
        expect(after.hold !== null).toBe(['held', 'challenged', 'in_review'].includes(after.status));
        expect(change.budget.do !== 'amend' || change.budget.points === committed - reversed).toBe(true);
        decision = after;
      }
    }),
    { numRuns: 500 },
  );
});
