/**
 * Plans of the lane's prepared statements. A plan made while a table was empty may scan it, or the wrong index, for
 * ever: so the service starts on an empty record and plans everything, then the record grows behind its back (no ANALYZE,
 * no autovacuum, nothing by which PostgreSQL itself would plan anew). Some seconds later what each statement reads is
 * measured, on the lane's own connection.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DECISION_COLUMNS } from '../../../src/decision/decision.columns.js';
import type { LaneCommand, Row, Slice } from '../../../src/platform/lane/lane.types.js';
import { freshRecord, type TestDatabase } from '../../support/postgres.js';
import { policyWith, startTestService, type TestService, transaction } from '../../support/service.js';

const SUBJECTS = 1_000_000;
const DECISIONS = 100_000;
const PROGRAM = 1;
/** As long as the lane keeps a plan. */
const PLANS_KEPT_MS = 5000;
/** Pages that a statement on a few rows may touch: keys of some indexes, three levels deep, and its rows. */
const MOST_PAGES = 120;

let database: TestDatabase;
let service: TestService;

beforeAll(async () => {
  database = await freshRecord();
  await database.query(
    'alter table pointguard.subject set (autovacuum_enabled = off); alter table pointguard.decision set (autovacuum_enabled = off)',
  );
  service = await startTestService({
    database,
    policy: policyWith([
      ['burns', 'account', ['burn'], 'count', 'P1D', 1000],
      ['accounts', 'device', ['burn'], 'distinct', 'P1D', 100, { distinctOf: 'account' }],
    ]),
  });
  await useEveryStatement();
  await grow();
  await sleep(PLANS_KEPT_MS);
}, 300_000);
afterAll(() => service.stop());

/** More than the five executions after which PostgreSQL may settle on one plan. */
async function useEveryStatement(): Promise<void> {
  for (let turn = 0; turn < 12; turn++) {
    const made = await service.post('/v1/decisions', transaction({ device: { id: 'd' } }));
    expect(made.status).toBe(201);
    expect((await service.post(`/v1/decisions/${made.body.decisionId}/commit`, {})).status).toBe(200);
    await service.post('/v1/decisions/cancel', { transactionId: `unseen-${turn}` });
  }
}

async function grow(): Promise<void> {
  await database.query(
    `insert into pointguard.subject (program_id, key, state)
     select $1, decode(md5(n::text), 'hex') || '\\x02', '\\x0102030405060708' from generate_series(1, $2::int) n`,
    [PROGRAM, SUBJECTS],
  );
  await database.query(
    `insert into pointguard.decision (program_id, transaction_id, decision_id, account_key, type, status, outcome, points,
       status_changed_ms, version, subject_keys, hold_ends_ms, hold_then, open_until_ms)
     select $1, 'many-' || n, md5(n::text)::uuid, decode(md5((n % 1000)::text), 'hex'), 'burn', 'held', 'allow', 1, 1, 1,
       array[decode(md5(n::text), 'hex') || '\\x02'::bytea], 9e12, 'release', 9e12::bigint
     from generate_series(1, $2::int) n`,
    [PROGRAM, DECISIONS],
  );
}

const KEY = `'{"\\\\x${'ab'.repeat(17)}"}'`;
const UUID = "'{00000000-0000-7000-8000-000000000001}'";

/** Of decision_update, whose parameters follow its columns. */
const decisionValues: Record<number, string> = { 1: `${PROGRAM}` };
for (const [index, column] of DECISION_COLUMNS.split(', ').entries()) {
  const value = {
    transaction_id: "'{many-5,many-70000,none}'",
    status: "'{held,held,held}'",
    status_changed_ms: "'{1,1,1}'",
    version: "'{1,1,1}'",
    verdict: "'{{},{},{}}'",
    progress: "'{{},{},{}}'",
  }[column];
  decisionValues[index + 2] = value?.replaceAll('{}', '"{}"') ?? 'null';
}

/** How each statement that reads or changes rows of a growing table is executed here; `$n` that are not named are null. */
const EXECUTE: Record<string, Record<number, string>> = {
  decision_by_transaction: { 1: `${PROGRAM}`, 2: "'{many-5,many-70000,none}'" },
  decision_by_id: { 1: `${PROGRAM}`, 2: UUID },
  decision_subjects: { 1: `${PROGRAM}`, 2: `array[md5('1')::uuid, md5('2')::uuid]` },
  decision_open_holds: { 1: `${PROGRAM}`, 2: KEY },
  decision_update: decisionValues,
  subject_select: { 1: `${PROGRAM}`, 2: KEY },
  subject_upsert: { 1: `${PROGRAM}`, 2: KEY, 3: KEY },
  lane_lock: { 1: `${PROGRAM}` },
  lane_read: { 1: `${PROGRAM}` },
};
/** They insert rows, or read tables that stay small. */
const NEED_NO_LOOK = [
  'access_programs',
  'access_clients',
  'access_program_insert',
  'access_client_insert',
  'decision_insert',
  'evidence_insert',
  'event_insert',
  'audit_insert',
  'lane_close',
  'policy_select',
];

/** Runs SQL on the lane's connection, in a batch that is rolled back. */
async function inLane(sql: string): Promise<Row[]> {
  const found: Row[][] = [];
  const slice: Slice<{ sql?: string }> = {
    name: 'explain',
    open: () => ({ sql }),
    load(state, tx) {
      if (!state.sql) return undefined;
      delete state.sql;
      return tx.query({ name: '', text: sql }, []).then((rows) => found.push(rows));
    },
  };
  const command: LaneCommand<void> = {
    name: 'explain',
    priority: 'decision',
    needs: (batch) => void batch.use(slice),
    step: () => {},
  };
  await service.service.platform.lanes.submit(PROGRAM, command, 10_000);
  return found[0] ?? [];
}

interface PreparedRow {
  name: string;
  parameters: string;
}
const prepared = async (): Promise<PreparedRow[]> =>
  (
    await inLane(
      'select name, array_length(parameter_types, 1) as parameters from pg_prepared_statements order by name',
    )
  ).map((row) => row as unknown as PreparedRow);

test('every statement of the lane that meets a growing table is looked at below', async () => {
  const names = (await prepared()).map((row) => row.name).filter((name) => name !== '');
  const known = new Set([...Object.keys(EXECUTE), ...NEED_NO_LOOK]);
  expect(names.filter((name) => !known.has(name))).toEqual([]);
  expect(names).toEqual(expect.arrayContaining(Object.keys(EXECUTE)));
});

test.each(Object.entries(EXECUTE))('%s reads a few pages of a million rows', async (name, values) => {
  const statement = (await prepared()).find((row) => row.name === name);
  const parameters = Array.from({ length: Number(statement?.parameters) }, (_, index) => values[index + 1] ?? 'null');
  const [answer] = await inLane(
    `explain (analyze, buffers, timing off, format json) execute ${name}(${parameters.join(', ')})`,
  );
  const text = answer?.['QUERY PLAN'] ?? '';
  expect(text).not.toContain('"Seq Scan"');
  const [{ Plan: plan }] = JSON.parse(text);
  const pages = plan['Shared Hit Blocks'] + plan['Shared Read Blocks'];
  expect(pages).toBeGreaterThan(0);
  expect(pages).toBeLessThan(MOST_PAGES);
});
