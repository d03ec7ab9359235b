/** The checker that all fault tests rely on, checked: a sound record passes, and each thing made wrong is found. */
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { violationsIn } from '../../support/invariants.js';
import { freshRecord, sharedPostgres, type TestDatabase } from '../../support/postgres.js';
import { policyWith, startTestService, type TestService, transaction } from '../../support/service.js';

let database: TestDatabase;
let service: TestService;
let tamper: Client;
let outcomes: string[];

beforeAll(async () => {
  database = await freshRecord();
  service = await startTestService({
    database,
    policy: policyWith([
      ['points', 'account', ['burn'], 'points', 'PT1H', 500],
      ['count', 'store', ['burn'], 'count', 'PT1H', 6, { refundable: true }],
      ['accounts', 'device', ['burn'], 'distinct', 'PT1H', 2, { distinctOf: 'account' }],
    ]),
  });
  const burn = async (more: object) => (await service.post('/v1/decisions', transaction(more))).body;
  const made = [];
  for (const accountId of ['a', 'a', 'b', 'b', 'c', 'a']) {
    made.push(await burn({ accountId, points: 200, storeId: 's', device: { id: accountId === 'c' ? 'd2' : 'd' } }));
  }
  made.push(await burn({ accountId: 'd', device: { id: 'd' } }));
  outcomes = made.map((one) => one.outcome);
  await service.post(`/v1/decisions/${made[0].decisionId}/commit`, { points: 150 });
  await service.post(`/v1/decisions/${made[0].decisionId}/reverse`, { reversalId: 'r', reason: 'returned' });
  await service.post(`/v1/decisions/${made[1].decisionId}/cancel`, {});
  const { port } = await sharedPostgres();
  const url = new URL((await sharedPostgres()).superuserUrl);
  url.port = String(port);
  url.pathname = `/${database.name}`;
  tamper = new Client({ connectionString: url.toString(), options: '-c search_path=pointguard' });
  await tamper.connect();
});
afterAll(async () => {
  await tamper.end();
  await service.stop();
});
beforeEach(() => tamper.query('begin; set local session_replication_role = replica'));
afterEach(() => tamper.query('rollback'));

const look = () => violationsIn(async (sql, values) => (await tamper.query(sql, values)).rows, 'acme');

test('a sound record has nothing to say', async () => {
  // with two denials, so that it is also known what a right one looks like
  expect(outcomes).toEqual(['allow', 'allow', 'allow', 'allow', 'allow', 'deny', 'deny']);
  expect(await look()).toEqual([]);
});

/** Replaces a member of an event's data. */
const inData = (where: string, from: string, to: string) =>
  `update event set data = replace(data, '${from}', '${to}') where ${where}`;

test.each([
  ['an event that is gone', 'delete from event where seq = 3', /event 3 is missing/],
  ['the last event gone', 'delete from event where seq = (select max(seq) from event)', /the last event is/],
  ['a number skipped', 'update lane set seq = seq + 1', /the lane says seq/],
  ['time that goes back', 'update event set at_ms = at_ms - 100000 where seq = 4', /time goes back at event 4/],
  ['an audit row changed', "update audit set actor_id = 'x' where seq = 5", /audit row 5 does not verify/],
  ['an audit row gone', 'delete from audit where seq = 4', /audit row 4 is missing/],
  [
    'the last audit row gone',
    'delete from audit where seq = (select max(seq) from audit where program_id > 0)',
    /the lane says audit/,
  ],
  ['a decision without events', 'update decision set version = 3 where version = 1', /is at version 3/],
  [
    'a status that nobody was told',
    "update decision set status = 'committed', hold_ends_ms = null where status = 'held'",
    /is committed, said to be held/,
  ],
  ['a decision that is gone', "delete from decision where status = 'cancelled'", /which is no decision/],
  ['a hold that did not end', 'update decision set open_until_ms = 1', /should have ended/],
  ['a hold without an end', "update decision set hold_ends_ms = null where status = 'held'", /held, hold/],
  ['a denied one that counts', "update decision set entry_seq = 1 where status = 'denied'", /denied, entry 1/],
  [
    'points above a cap',
    inData("type = 'decision.made'", '"points":200', '"points":300'),
    /limit points stands at 600 of 500/,
  ],
  [
    'a denial without cause',
    inData('data like \'%"outcome":"deny"%limit.points%\'', '"points":200', '"points":2'),
    /denied by points at 402 of 500/,
  ],
  [
    'a denied one that should have been',
    inData('data like \'%"outcome":"deny"%limit.accounts%\'', '"outcome":"deny"', '"outcome":"allow"'),
    /limit accounts stands at 3 of 2/,
  ],
  [
    'a window that lost an entry',
    'delete from subject where ctid = (select min(ctid) from subject where length(key) = 17)',
    /a window that is not there/,
  ],
  [
    'a window with other points',
    "update decision set entry_points = entry_points + 1 where status = 'held'",
    /a window holds/,
  ],
])('%s is found', async (_, sql, expected) => {
  const { rowCount } = await tamper.query(sql);
  expect(rowCount).toBeGreaterThan(0);
  expect((await look()).join('\n')).toMatch(expected);
});
