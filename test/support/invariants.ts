/**
 * What must hold in a program's record whatever happened to the processes: numbers without gaps, an audit chain that
 * verifies, limits that no decision passed and no denial without cause (counted anew, naively, from the events), windows
 * that agree with the decisions, holds that ended. Answers sentences about what does not; none where all is well.
 */
import { chainHash, GENESIS } from '../../src/audit/core/chain.js';
import type { DecisionRequest } from '../../src/decision/core/decision.js';
import type { RenderedDecision } from '../../src/decision/core/render.js';
import { SUBJECT_VALUES } from '../../src/decision/core/request.js';
import { idOf } from '../../src/kernel/ids.js';
import type { Limit, Policy, SubjectKind } from '../../src/policy/core/policy.js';
import { parsePolicy } from '../../src/policy/core/policy.schema.js';
import { isDistinctKey, rowKeyOf } from '../../src/velocity/core/subject-key.js';
import { unpackWindow, visitWindow } from '../../src/velocity/core/window.js';
import type { TestDatabase } from './postgres.js';

type Query = TestDatabase['query'];

/** A hold may be open so long past its end: the sweep comes every second, and after a fault it has much to do. */
const MOST_LATE_MS = 30_000;
/** Rows of the exact log: up to here a window is judged entry by entry, and a denial must be right. */
const EXACT_ENTRIES = 64;

interface EventRow {
  seq: number;
  type: string;
  aggregate_id: string;
  version: number;
  at_ms: number;
  data: string;
}

interface DecisionRow {
  decision_id: string | null;
  transaction_id: string;
  status: string;
  version: number;
  open_until_ms: number | null;
  hold_ends_ms: number | null;
  entry_seq: number | null;
  entry_points: number | null;
  entry_marked: boolean | null;
  subject_keys: Buffer[] | null;
  verdict: string;
}

/** All that does not hold in one program's record. */
export async function violationsIn(query: Query, program: string): Promise<string[]> {
  const [head] = await query<{ program_id: number; seq: number; now_ms: number; version: number; audit: AuditHead }>(
    `select program_id, seq::float8, coalesce(clock_ms, greatest(now_ms, extract(epoch from clock_timestamp()) * 1000))::float8 as now_ms,
       (heads->'policy'->>'version')::int as version, heads->'audit' as audit
     from pointguard.lane join pointguard.program using (program_id) where name = $1`,
    [program],
  );
  if (!head) return [`program ${program} has no lane`];
  const { program_id: programId } = head;
  const events = await query<EventRow & Record<string, unknown>>(
    `select seq::float8, type, aggregate_id, version, at_ms::float8, data from pointguard.event
     where program_id = $1 order by seq`,
    [programId],
  );
  const decisions = await query<DecisionRow & Record<string, unknown>>(
    `select decision_id, transaction_id, status, version, open_until_ms::float8, hold_ends_ms::float8, entry_seq::float8,
       entry_points::float8, entry_marked, subject_keys, verdict from pointguard.decision where program_id = $1`,
    [programId],
  );
  const parsed = parsePolicy(await policyText(query, programId, head.version));
  if (!('policy' in parsed)) return ['the policy cannot be read'];
  return [
    ...numbering(events, head.seq),
    ...(await auditChain(query, programId, head.audit, events)),
    ...versions(events, decisions),
    ...holds(decisions, head.now_ms),
    ...limits(events, await requests(query, programId), parsed.policy),
    ...(await windows(query, programId, decisions)),
  ];
}

async function policyText(query: Query, programId: number, version: number): Promise<string> {
  const [row] = await query<{ document: string }>(
    'select document from pointguard.policy_version where program_id = $1 and version = $2',
    [programId, version],
  );
  return row?.document ?? '';
}

/** What was asked, by decision: without personal fields, so that limits on addresses are not counted anew. */
async function requests(query: Query, programId: number): Promise<Map<string, DecisionRequest>> {
  const rows = await query<{ decision_id: string; request: string }>(
    'select decision_id, request from pointguard.decision_evidence where program_id = $1',
    [programId],
  );
  return new Map(rows.map((row) => [row.decision_id, JSON.parse(row.request) as DecisionRequest]));
}

function numbering(events: readonly EventRow[], last: number): string[] {
  const gap = events.findIndex((event, index) => event.seq !== index + 1);
  if (gap >= 0) return [`event ${gap + 1} is missing or there twice: ${events[gap]?.seq} stands in its place`];
  if (events.length !== last) return [`the lane says seq ${last}, the last event is ${events.length}`];
  const back = events.findIndex((event, index) => event.at_ms < (events[index - 1]?.at_ms ?? 0));
  return back >= 0 ? [`time goes back at event ${back + 1}`] : [];
}

interface AuditHead {
  seq: number;
  hash: string;
}

async function auditChain(
  query: Query,
  programId: number,
  head: AuditHead | null,
  events: readonly EventRow[],
): Promise<string[]> {
  const rows = await query<{
    seq: number;
    at_ms: number;
    actor_kind: 'person' | 'client' | 'system';
    actor_id: string;
    action: string;
    target: string;
    reason: string | null;
    network: string | null;
    commitment: Buffer | null;
    hash: Buffer;
  }>(
    `select seq::float8, at_ms::float8, actor_kind, actor_id, action, target, reason, network, commitment, hash
     from pointguard.audit where program_id = $1 order by audit.seq`,
    [programId],
  );
  let previous: Uint8Array = GENESIS;
  for (const [index, row] of rows.entries()) {
    if (row.seq !== index + 1) return [`audit row ${index + 1} is missing`];
    const hash = chainHash(previous, {
      programId,
      seq: row.seq,
      atMs: row.at_ms,
      actor: { kind: row.actor_kind, id: row.actor_id },
      action: row.action,
      target: row.target,
      reason: row.reason ?? undefined,
      network: row.network ?? undefined,
      commitment: row.commitment ?? undefined,
    });
    if (!hash.equals(row.hash)) return [`audit row ${row.seq} does not verify`];
    previous = row.hash;
  }
  if ((head?.seq ?? 0) !== rows.length) return [`the lane says audit ${head?.seq}, there are ${rows.length} rows`];
  if (rows.length > 0 && head?.hash !== Buffer.from(previous).toString('hex')) return ['the audit head is another'];
  const said = rows.filter((row) => row.action.startsWith('decision.')).map((row) => `${row.action} ${row.target}`);
  const done = events.map((event) => `${event.type} ${event.aggregate_id}`);
  return said.join('\n') === done.join('\n') ? [] : ['audit and events do not tell the same story'];
}

function versions(events: readonly EventRow[], decisions: readonly DecisionRow[]): string[] {
  const byAggregate = Map.groupBy(events, (event) => event.aggregate_id);
  const found: string[] = [];
  for (const decision of decisions) {
    if (decision.decision_id === null) continue;
    const id = idOf('dec', decision.decision_id);
    const story = byAggregate.get(id) ?? [];
    byAggregate.delete(id);
    const told = new Set(story.map((event) => event.version));
    const expected = Array.from({ length: decision.version }, (_, index) => index + 1);
    if (expected.some((version) => !told.has(version)) || told.size !== expected.length) {
      found.push(
        `decision of ${decision.transaction_id} is at version ${decision.version}, events tell ${[...told].join(', ')}`,
      );
    }
    const last = story.at(-1);
    const status = last && (JSON.parse(last.data) as RenderedDecision).status;
    if (status !== decision.status)
      found.push(`${decision.transaction_id} is ${decision.status}, said to be ${status}`);
  }
  for (const id of byAggregate.keys()) found.push(`events of ${id}, which is no decision`);
  return found;
}

const NO_ENTRY = new Set(['denied', 'cancelled', 'expired']);
const ON_HOLD = new Set(['held', 'challenged', 'in_review']);

function holds(decisions: readonly DecisionRow[], nowMs: number): string[] {
  const found: string[] = [];
  for (const one of decisions) {
    if (one.open_until_ms !== null && one.open_until_ms < nowMs - MOST_LATE_MS) {
      found.push(`the hold of ${one.transaction_id} should have ended ${nowMs - one.open_until_ms} ms ago`);
    }
    if (one.decision_id === null) continue;
    if (ON_HOLD.has(one.status) !== (one.hold_ends_ms !== null))
      found.push(`${one.transaction_id}: ${one.status}, hold`);
    const wouldBeDenied = (JSON.parse(one.verdict) as { wouldHaveBeen?: string }).wouldHaveBeen === 'deny';
    const counts = !NO_ENTRY.has(one.status) && !wouldBeDenied;
    if (counts !== (one.entry_seq !== null)) found.push(`${one.transaction_id}: ${one.status}, entry ${one.entry_seq}`);
  }
  return found;
}

interface Live {
  id: string;
  atMs: number;
  points: number;
  marked: boolean;
  member: string;
}

/** Plays the events again and counts every limit the slow way, at each decision. */
function limits(events: readonly EventRow[], asked: ReadonlyMap<string, DecisionRequest>, policy: Policy): string[] {
  const requestOf = new Map([...asked].map(([uuid, request]) => [idOf('dec', uuid), request]));
  const rows = new Map<string, Live[]>();
  const found: string[] = [];
  const rowsOf = (id: string): { limit: Limit; row: Live[]; member: string }[] => {
    const request = requestOf.get(id);
    if (!request) return [];
    const valueOf = (kind: SubjectKind) => SUBJECT_VALUES[kind]?.(request);
    return policy.limits.flatMap((limit) => {
      const value = valueOf(limit.subject);
      const member = limit.distinctOf ? valueOf(limit.distinctOf) : '';
      if (value === undefined || member === undefined || !limit.types.includes(request.type)) return [];
      const key = `${limit.id}\n${value}`;
      let row = rows.get(key);
      if (!row) rows.set(key, (row = []));
      return [{ limit, row, member }];
    });
  };
  const enter = (id: string, atMs: number, points: number) => {
    for (const { row, member } of rowsOf(id)) row.push({ id, atMs, points, marked: false, member });
  };
  const change = (id: string, points: number, marked: boolean) => {
    for (const { row } of rowsOf(id)) {
      for (const one of row) if (one.id === id) Object.assign(one, { points, marked });
    }
  };
  const leave = (id: string) => {
    for (const { row } of rowsOf(id)) row.splice(0, row.length, ...row.filter((one) => one.id !== id));
  };
  const isIn = (id: string) => rowsOf(id).some(({ row }) => row.some((one) => one.id === id));
  const mustFit = (id: string, nowMs: number) => {
    for (const { limit, row } of rowsOf(id)) {
      const used = usedOf(limit, row, nowMs);
      const before = row.filter((one) => one.id !== id);
      // late commits are facts: above a cap that they passed, who is counted already adds nothing
      if (limit.kind === 'hard' && used > limit.cap && used > usedOf(limit, before, nowMs))
        found.push(`limit ${limit.id} stands at ${used} of ${limit.cap}`);
    }
  };
  const mustNotFit = (id: string, decision: RenderedDecision, nowMs: number) => {
    for (const { limit, row, member } of rowsOf(id)) {
      if (!decision.reasons.some((reason) => reason.code === `limit.${limit.id}`) || row.length > EXACT_ENTRIES)
        continue;
      const with_ = [...row, { id, atMs: nowMs, points: decision.points, marked: false, member }];
      const used = usedOf(limit, with_, nowMs);
      if (used <= limit.cap) found.push(`${decision.transactionId} denied by ${limit.id} at ${used} of ${limit.cap}`);
    }
  };
  const steps: Record<string, (id: string, decision: RenderedDecision, nowMs: number) => void> = {
    'decision.made': (id, decision, nowMs) => {
      if ((decision.wouldHaveBeen ?? decision.outcome) === 'deny') return mustNotFit(id, decision, nowMs);
      enter(id, nowMs, decision.points);
      mustFit(id, nowMs);
    },
    'decision.approved': (id, decision, nowMs) => {
      if (isIn(id)) return;
      enter(id, nowMs, decision.points);
      mustFit(id, nowMs);
    },
    'decision.late_commit': (id, decision, nowMs) => {
      if (decision.wouldHaveBeen !== 'deny') enter(id, nowMs, decision.pointsCommitted ?? decision.points);
    },
    'decision.committed': changed,
    'decision.reversed': changed,
    'decision.cancelled': leave,
    'decision.expired': leave,
    'decision.denied': leave,
  };
  function changed(id: string, { pointsCommitted = 0, pointsReversed = 0, status }: RenderedDecision) {
    change(id, pointsCommitted - pointsReversed, status === 'reversed');
  }
  for (const event of events) {
    const step = steps[event.type];
    if (step) step(event.aggregate_id, JSON.parse(event.data) as RenderedDecision, event.at_ms);
    else found.push(`an event of unknown type ${event.type}`);
  }
  return found;
}

function usedOf(limit: Limit, row: readonly Live[], nowMs: number): number {
  const inside = row.filter((one) => one.atMs > nowMs - limit.windowMs);
  if (limit.metric === 'distinct') return new Set(inside.map((one) => one.member)).size;
  if (limit.metric === 'points') return inside.reduce((sum, one) => sum + one.points, 0);
  return inside.filter((one) => !(limit.refundable && one.marked)).length;
}

/** Each window row adds up to the decisions that say they stand in it. For programs younger than the longest window. */
async function windows(query: Query, programId: number, decisions: readonly DecisionRow[]): Promise<string[]> {
  const expected = new Map<string, { count: number; points: number; marked: number }>();
  for (const one of decisions) {
    if (one.entry_seq === null) continue;
    for (const key of one.subject_keys ?? []) {
      const row = rowKeyOf(key.toString('hex'));
      if (isDistinctKey(row)) continue;
      const sum = expected.get(row) ?? { count: 0, points: 0, marked: 0 };
      sum.count++;
      sum.points += one.entry_points ?? 0;
      sum.marked += Number(one.entry_marked);
      expected.set(row, sum);
    }
  }
  const found: string[] = [];
  const rows = await query<{ key: Buffer; state: Buffer }>(
    'select key, state from pointguard.subject where program_id = $1',
    [programId],
  );
  for (const { key, state } of rows) {
    const row = key.toString('hex');
    if (isDistinctKey(row)) continue;
    const sum = { count: 0, points: 0, marked: 0 };
    visitWindow(unpackWindow(state), Number.NEGATIVE_INFINITY, (_, count, points, marked) => {
      sum.count += count;
      sum.points += points;
      sum.marked += marked;
    });
    const wanted = expected.get(row) ?? { count: 0, points: 0, marked: 0 };
    expected.delete(row);
    if (JSON.stringify(sum) !== JSON.stringify(wanted)) {
      found.push(`a window holds ${JSON.stringify(sum)}, its decisions ${JSON.stringify(wanted)}`);
    }
  }
  for (const sum of expected.values())
    found.push(`decisions stand in a window that is not there: ${JSON.stringify(sum)}`);
  return found;
}
