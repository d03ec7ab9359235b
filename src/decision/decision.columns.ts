/** A decision as a row: one table says for each column what it holds and how it is sent. */
import { idOf } from '../kernel/ids.js';
import type { Row } from '../platform/lane/lane.types.js';
import { byteaArray, int4Array, int8Array, textArray, uuidArray } from '../platform/postgres/binary-array.js';
import type { Decision, Tombstone } from './core/decision.js';

type Stored = Decision | Tombstone;
export const isTombstone = (stored: Stored): stored is Tombstone => !('decisionId' in stored);

interface Column {
  name: string;
  /** Element type of the array that carries the column. */
  type: 'text' | 'int4' | 'int8' | 'uuid' | 'bytea';
  /** Where the value cannot be carried as it is: the cast from the carried type. */
  cast?: string;
  of: (decision: Decision) => string | number | Buffer | null;
  tombstone?: (tombstone: Tombstone) => string | number;
}

const ENCODE = { text: textArray, int4: int4Array, int8: int8Array, uuid: uuidArray, bytea: byteaArray } as const;

/** An array of arrays cannot be unnested into arrays: row keys travel as PostgreSQL's text of a bytea[]. */
const keysText = (keys: readonly string[]): string => `{${keys.map((key) => `"\\\\x${key}"`).join(',')}}`;
const keysOf = (text: string | null): string[] =>
  [...(text ?? '').matchAll(/x([0-9a-f]+)/g)].map((match) => match[1] ?? '');

const COLUMNS: readonly Column[] = [
  { name: 'transaction_id', type: 'text', of: (d) => d.transactionId, tombstone: (t) => t.transactionId },
  { name: 'decision_id', type: 'uuid', of: (d) => d.decisionId },
  { name: 'account_key', type: 'bytea', of: (d) => Buffer.from(d.accountKey, 'hex') },
  { name: 'account_id', type: 'text', of: (d) => d.accountId },
  { name: 'type', type: 'text', of: (d) => d.type },
  { name: 'direction', type: 'text', of: (d) => d.direction },
  { name: 'points', type: 'int8', of: (d) => d.points },
  { name: 'fingerprint', type: 'bytea', of: (d) => Buffer.from(d.fingerprint, 'hex') },
  { name: 'outcome', type: 'text', of: (d) => d.outcome },
  { name: 'status', type: 'text', of: (d) => d.status, tombstone: () => 'cancelled' },
  { name: 'score', type: 'int4', of: (d) => d.score },
  { name: 'policy_version', type: 'int4', of: (d) => d.policyVersion },
  { name: 'evaluated_at_ms', type: 'int8', of: (d) => d.evaluatedAtMs },
  { name: 'status_changed_ms', type: 'int8', of: (d) => d.statusChangedMs, tombstone: (t) => t.cancelledAtMs },
  { name: 'version', type: 'int4', of: (d) => d.version, tombstone: () => 0 },
  { name: 'hold_ends_ms', type: 'int8', of: (d) => d.hold?.endsAtMs ?? null },
  { name: 'hold_then', type: 'text', of: (d) => d.hold?.then ?? null },
  { name: 'open_until_ms', type: 'int8', of: (d) => (d.hold && d.hold.then !== 'commit' ? d.hold.endsAtMs : null) },
  { name: 'subject_keys', type: 'text', cast: 'bytea[]', of: (d) => (d.keys.length > 0 ? keysText(d.keys) : null) },
  { name: 'entry_seq', type: 'int8', of: (d) => d.entry?.seq ?? null },
  { name: 'entry_at_ms', type: 'int8', of: (d) => d.entry?.atMs ?? null },
  { name: 'entry_points', type: 'int8', of: (d) => d.entry?.points ?? null },
  { name: 'entry_marked', type: 'text', cast: 'boolean', of: (d) => (d.entry ? String(d.entry.marked) : null) },
  { name: 'points_committed', type: 'int8', of: (d) => d.pointsCommitted },
  { name: 'points_reversed', type: 'int8', of: (d) => d.pointsReversed },
  { name: 'verdict', type: 'text', of: verdictText, tombstone: () => '{}' },
  { name: 'progress', type: 'text', of: progressText, tombstone: () => '{}' },
];

/** What was found when deciding. */
function verdictText({ reasons, limits, degraded, wouldHaveBeen, onHoldEnd, reviewed }: Decision): string {
  return JSON.stringify({ reasons, limits, degraded, wouldHaveBeen, onHoldEnd, reviewed });
}

/** What has happened since. */
function progressText({ reversals, approvedBy, late, committedExplicitly }: Decision): string {
  return JSON.stringify({ reversals, approvedBy, late, committedExplicitly });
}

const NAMES = COLUMNS.map((column) => column.name).join(', ');
const CARRIED = COLUMNS.map((column, index) => `$${index + 2}::${column.type}[]`).join(', ');
const VALUES = COLUMNS.map(({ name, cast }) => (cast ? `t.${name}::${cast}` : `t.${name}`)).join(', ');

export const DECISION_COLUMNS = NAMES;

export const INSERT_DECISIONS = {
  name: 'decision_insert',
  text: `insert into decision (program_id, ${NAMES}) select $1, ${VALUES} from unnest(${CARRIED}) as t(${NAMES})`,
};

export const UPDATE_DECISIONS = {
  name: 'decision_update',
  text: `update decision d set ${COLUMNS.slice(1)
    .map(({ name, cast }) => `${name} = t.${name}${cast ? `::${cast}` : ''}`)
    .join(
      ', ',
    )} from unnest(${CARRIED}) as t(${NAMES}) where d.program_id = $1 and d.transaction_id = t.transaction_id`,
};

/** Parameters of both statements. */
export function decisionParameters(programId: number, rows: readonly Stored[]): unknown[] {
  const parameters = COLUMNS.map(({ type, of, tombstone }) => {
    const values = rows.map((row) => (isTombstone(row) ? (tombstone?.(row) ?? null) : of(row)));
    return (ENCODE[type] as (values: readonly unknown[]) => Buffer)(values);
  });
  return [programId, ...parameters];
}

const optional = (text: string | null | undefined): number | null => (text == null ? null : Number(text));

/** A row of `select DECISION_COLUMNS`, values as PostgreSQL's text. */
export function decisionOf(row: Row): Stored {
  if (row.decision_id == null) {
    return { transactionId: row.transaction_id ?? '', cancelledAtMs: Number(row.status_changed_ms) };
  }
  const entrySeq = optional(row.entry_seq);
  const holdEnds = optional(row.hold_ends_ms);
  return {
    decisionId: row.decision_id,
    transactionId: row.transaction_id,
    accountId: row.account_id,
    accountKey: row.account_key?.slice(2),
    type: row.type,
    direction: row.direction,
    points: Number(row.points),
    fingerprint: row.fingerprint?.slice(2),
    outcome: row.outcome,
    status: row.status,
    score: Number(row.score),
    policyVersion: Number(row.policy_version),
    evaluatedAtMs: Number(row.evaluated_at_ms),
    statusChangedMs: Number(row.status_changed_ms),
    version: Number(row.version),
    hold: holdEnds === null ? null : { endsAtMs: holdEnds, then: row.hold_then },
    entry:
      entrySeq === null
        ? null
        : {
            seq: entrySeq,
            atMs: Number(row.entry_at_ms),
            points: Number(row.entry_points),
            marked: row.entry_marked === 't' || row.entry_marked === 'true',
          },
    keys: keysOf(row.subject_keys ?? null),
    pointsCommitted: optional(row.points_committed),
    pointsReversed: optional(row.points_reversed),
    ...JSON.parse(row.verdict ?? '{}'),
    ...JSON.parse(row.progress ?? '{}'),
  } as Decision;
}

export const decisionIdOf = (decision: Decision): string => idOf('dec', decision.decisionId);
