/** The routes of lists, as a backend meets them. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AccessService } from '../../../src/access/access.service.js';
import { LISTS } from '../../../src/lists/lists.module.js';
import { LIST_NAMES } from '../../../src/lists/core/list-entry.js';
import type { ListSlice } from '../../../src/lists/list.slice.js';
import { type Answer, startTestService, type TestService, transaction } from '../../support/service.js';
import { matching } from './lists-world.js';

const DAY_MS = 86_400_000;
const iso = (ms: number): string => new Date(ms).toISOString();
const inDays = (days: number): string => iso(Date.now() + days * DAY_MS);

let service: TestService;
let reader: Record<string, string>;
let stranger: Record<string, string>;

beforeAll(async () => {
  service = await startTestService();
  const access = service.service.app.get(AccessService);
  const actor = { kind: 'system', id: 'test' } as const;
  await access.createProgram({ name: 'elsewhere', mode: 'live', policyText: 'version: 1\n' }, actor);
  const bearerOf = async (clientId: string, programName: string, scopes: string[]) => {
    const { secret } = await access.createClient({ clientId, programName, scopes }, actor);
    return { authorization: `Bearer ${await service.token(clientId, secret)}` };
  };
  reader = await bearerOf('reader', 'acme', ['lists:read']);
  stranger = await bearerOf('stranger', 'elsewhere', ['lists', 'decisions']);
});
afterAll(() => service.stop());

const add = (list: string, more: object = {}, headers = {}): Promise<Answer> =>
  service.post(`/v1/lists/${list}/entries`, { subject: 'device', value: 'd', reason: 'because', ...more }, headers);
const remove = (list: string, id: string, body: object = { reason: 'over' }, headers = {}): Promise<Answer> =>
  service.post(`/v1/lists/${list}/entries/${id}/remove`, body, headers);
const matches = async (values: object) => {
  const { app, platform } = service.service;
  return platform.lanes.submit(1, matching(app.get<ListSlice>(LISTS), values));
};

describe('an entry', () => {
  test('is added, read and removed, and is in force in between', async () => {
    const expiresAt = inDays(10);
    const added = await add('block', { value: 'lifecycle', expiresAt });
    expect(added.status).toBe(201);
    expect(added.body).toEqual({
      entryId: expect.stringMatching(/^lst_[0-9a-z]{26}$/),
      list: 'block',
      subject: 'device',
      value: 'lifecycle',
      reason: 'because',
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]{12}Z$/),
      expiresAt,
      state: 'active',
    });
    const { entryId } = added.body;
    const match = { list: 'block', subject: 'device', entryId, reason: 'because' };
    expect(await matches({ device: 'lifecycle' })).toEqual([match]);
    const removed = await remove('block', entryId);
    expect(removed.status).toBe(200);
    const expected = { ...added.body, state: 'removed', removedReason: 'over', removedAt: expect.any(String) };
    expect(removed.body).toEqual(expected);
    expect((await remove('block', entryId, { reason: 'again' })).body).toEqual(removed.body);
    expect((await service.get('/v1/lists/block/entries?value=lifecycle', reader)).body).toEqual({
      items: [removed.body],
      nextCursor: null,
    });
    expect(await matches({ device: 'lifecycle' })).toEqual([]);
  });

  test.each([
    ['ip', '::ffff:203.0.113.7', '203.0.113.7/32'],
    ['ip', '2001:DB8::9/48', '2001:db8::/48'],
    ['email_domain', 'BÜCHER.example.', 'xn--bcher-kva.example'],
    ['account', 'Member~1', 'Member~1'],
  ])('%s %s reads %s, and is found under both', async (subject, value, canonical) => {
    const added = await add('allow', { subject, value });
    expect([added.status, added.body.value, added.body.expiresAt]).toEqual([201, canonical, null]);
    for (const written of [value, canonical]) {
      const query = `value=${encodeURIComponent(written)}`;
      for (const filter of [query, `${query}&subject=${subject}`]) {
        const found = await service.get(`/v1/lists/allow/entries?${filter}`);
        expect(
          found.body.items.map((item: { entryId: string }) => item.entryId),
          filter,
        ).toEqual([added.body.entryId]);
      }
    }
    expect((await service.get(`/v1/lists/watch/entries?value=${encodeURIComponent(value)}`)).body.items).toEqual([]);
  });
});

describe('pages', () => {
  test('newest first, each entry once, however the pages are cut, and while others are added', async () => {
    const made: string[] = [];
    for (let n = 0; n < 7; n++) made.unshift((await add('watch', { subject: 'store', value: `s-${n}` })).body.entryId);
    for (const limit of [1, 3, 7, 200]) {
      const seen: string[] = [];
      let cursor = '';
      do {
        const page = await service.get(`/v1/lists/watch/entries?subject=store&limit=${limit}${cursor}`);
        expect(page.body.items.length).toBeLessThanOrEqual(limit);
        seen.push(...page.body.items.map((item: { entryId: string }) => item.entryId));
        cursor = page.body.nextCursor ? `&cursor=${page.body.nextCursor}` : '';
        await add('watch', { value: `later-${limit}-${seen.length}` });
      } while (cursor);
      expect(seen).toEqual(made);
    }
  });

  test('by state, as it is now by the program’s clock', async () => {
    const states = async (): Promise<Record<string, string[]>> => {
      const found: Record<string, string[]> = {};
      for (const state of ['active', 'expired', 'removed']) {
        const page = await service.get(`/v1/lists/block/entries?subject=employee&state=${state}`);
        expect(new Set(page.body.items.map((item: { state: string }) => item.state)).size).toBeLessThanOrEqual(1);
        found[state] = page.body.items.map((item: { value: string }) => item.value);
      }
      return found;
    };
    const put = (value: string, more: object = {}) => add('block', { subject: 'employee', value, ...more });
    await put('stays');
    await put('ends', { expiresAt: inDays(2) });
    await remove('block', (await put('gone')).body.entryId);
    expect(await states()).toEqual({ active: ['ends', 'stays'], expired: [], removed: ['gone'] });
    await service.post('/v1/test/clock', { advance: 'P3D' });
    expect(await states()).toEqual({ active: ['stays'], expired: ['ends'], removed: ['gone'] });
    expect(await matches({ employee: 'ends' })).toEqual([]);
  });
});

describe('a preview', () => {
  const dryRun = (subject: string, value: string, headers = {}) =>
    service.post('/v1/lists/block/entries?dryRun=true', { subject, value, reason: 'x' }, headers);

  test('counts the decisions of 30 days that named the value, and records nothing', async () => {
    const named = {
      storeId: 'p-store',
      employeeId: 'p-emp',
      instrumentId: 'p-card',
      device: { id: 'p-dev', userAgent: 'x' },
    };
    await service.post('/v1/decisions', transaction({ accountId: 'p-1', points: 10, ...named }));
    await service.post('/v1/test/clock', { advance: 'P29D' });
    for (const accountId of ['p-1', 'p-2']) {
      await service.post('/v1/decisions', transaction({ accountId, points: 100, ip: '203.0.113.7', ...named }));
    }
    await service.post('/v1/decisions', transaction({ accountId: 'p-3', activity: { orderId: 'p-store' } }));
    const before = await service.database.query('select count(*) from pointguard.list_entry');
    for (const [subject, value] of Object.entries({
      store: 'p-store',
      employee: 'p-emp',
      instrument: 'p-card',
      device: 'p-dev',
    })) {
      const answer = await dryRun(subject, value);
      expect(answer.status).toBe(200);
      expect(answer.body, subject).toEqual({
        matches: { decisions: 3, accounts: 2, points: 210, since: expect.any(String) },
      });
    }
    expect((await dryRun('account', 'p-1')).body.matches).toMatchObject({ decisions: 2, accounts: 1, points: 110 });
    expect((await dryRun('account', 'nobody')).body.matches).toMatchObject({ decisions: 0, accounts: 0, points: 0 });
    const since = Date.parse((await dryRun('store', 'p-store')).body.matches.since);
    await service.post('/v1/test/clock', { advance: 'P2D' });
    expect((await dryRun('store', 'p-store')).body.matches).toMatchObject({ decisions: 2, accounts: 2, points: 200 });
    expect(Date.parse((await dryRun('store', 'p-store')).body.matches.since)).toBe(since + 2 * DAY_MS);
    expect(await service.database.query('select count(*) from pointguard.list_entry')).toEqual(before);
    const unknown = { decisions: null, accounts: null, points: null, since: null };
    expect((await dryRun('ip', '203.0.113.7')).body).toEqual({ matches: unknown });
    expect((await dryRun('email_domain', 'example.com')).body).toEqual({ matches: unknown });
    expect((await dryRun('store', 'p-store', stranger)).body.matches.decisions).toBe(0);
  });

  test('looks at the newest 20,000 decisions, and says since when', async () => {
    const { now } = (await service.post('/v1/test/clock', { advance: 'P40D' })).body;
    const atMs = Date.parse(now) - 1000;
    await service.database.query(
      `with ids as (select n, (lpad(to_hex($1::bigint - n), 12, '0') || lpad(to_hex(n), 20, '0'))::uuid as id from generate_series(0, 24999) n),
         made as (insert into pointguard.decision (program_id, transaction_id, decision_id, account_id, account_key, points, status, status_changed_ms, version)
           select 1, 'bulk-' || n, id, 'bulk', decode(md5(n::text), 'hex'), 1000000000000, 'denied', 1, 1 from ids)
       insert into pointguard.decision_evidence (program_id, decision_id, request, readings) select 1, id, '{"storeId":"bulk"}', '[]' from ids`,
      [atMs],
    );
    expect((await dryRun('store', 'bulk')).body.matches).toEqual({
      decisions: 20_000,
      accounts: 1,
      points: 2e16,
      since: iso(atMs - 19_999),
    });
  });
});

describe('refused', () => {
  const BAD_BODIES: [string, object][] = [
    ['/subject', { subject: 'Device' }],
    ['/subject', { subject: 'network' }],
    ['/subject', { subject: undefined }],
    ['/value', { value: '' }],
    ['/value', { value: undefined }],
    ['/value', { value: 7 }],
    ['/value', { value: null }],
    ['/value', { value: 'x'.repeat(255) }],
    ['/value', { value: 'canary 81c2' }],
    ['/value', { subject: 'ip', value: '0.0.0.0/0' }],
    ['/value', { subject: 'ip', value: '::ffff:0:0/96' }],
    ['/value', { subject: 'ip', value: 'canary-81c2' }],
    ['/value', { subject: 'email_domain', value: 'canary-81c2@example.com' }],
    ['/reason', { reason: '' }],
    ['/reason', { reason: undefined }],
    ['/reason', { reason: 'canary-81c2\n' }],
    ['/reason', { reason: 'x'.repeat(501) }],
    ['/expiresAt', { expiresAt: null }],
    ['/expiresAt', { expiresAt: 'canary-81c2' }],
    ['/expiresAt', { expiresAt: '2026-02-30T00:00:00Z' }],
    ['/expiresAt', { expiresAt: '2020-01-01T00:00:00Z' }],
    ['/expiresAt', { expiresAt: '9999-12-31T23:59:59Z' }],
    ['', { overrides: true }],
    ['', { 'canary-81c2': 1 }],
  ];

  test.each(BAD_BODIES)('%s of %j', async (pointer, more) => {
    for (const query of ['', '?dryRun=true']) {
      const body = { subject: 'device', value: 'd', reason: 'because', ...more };
      const answer = await service.post(`/v1/lists/block/entries${query}`, body);
      expect([answer.status, answer.body.code, answer.body.errors?.[0]?.pointer], query).toEqual([
        422,
        'request.invalid',
        pointer,
      ]);
      expect(JSON.stringify(answer.body)).not.toContain('canary');
    }
  });

  test.each([
    ['limit=0', '/limit'],
    ['limit=201', '/limit'],
    ['limit=1e1', '/limit'],
    ['state=open', '/state'],
    ['subject=network', '/subject'],
    ['value=', '/value'],
    ['value=a%20b', '/value'],
    ['value=a%00b', '/value'],
    ['subject=ip&value=example.com', '/value'],
    ['value=a&value=b', '/value'],
    ['cursor=lst_', '/cursor'],
    ['cursor=dec_00000000000000000000000000', '/cursor'],
    ['offset=1', ''],
  ])('a page with %s', async (query, pointer) => {
    const answer = await service.get(`/v1/lists/block/entries?${query}`);
    expect([answer.status, answer.body.errors?.[0]?.pointer]).toEqual([422, pointer]);
  });

  test('a list that is none, an entry that is none, and one of another list or program', async () => {
    const { entryId } = (await add('watch', { value: 'mine' })).body;
    for (const list of ['Block', 'deny', 'constructor', '__proto__', '%00']) {
      const answers = [await add(list), await service.get(`/v1/lists/${list}/entries`), await remove(list, entryId)];
      expect(answers.map(({ status, body }) => `${status} ${body.code}`)).toEqual(Array(3).fill('404 route.not_found'));
    }
    const absent = `lst_${'0'.repeat(26)}`;
    const refused = [
      ...['x', 'lst_', entryId.replace('lst_', 'dec_'), `${entryId}0`, entryId.toUpperCase(), absent, '%00'].map((id) =>
        remove('watch', id),
      ),
      remove('block', entryId),
      remove('watch', entryId, { reason: 'x' }, stranger),
    ];
    for (const answer of refused)
      expect(await answer.then(({ status, body }) => `${status} ${body.code}`)).toBe('404 list.not_found');
    expect((await service.get('/v1/lists/watch/entries?value=mine', stranger)).body.items).toEqual([]);
    expect(await matches({ device: 'mine' })).toMatchObject([{ entryId }]);
  });

  test('a removal without a reason, or with more', async () => {
    const { entryId } = (await add('watch', { value: 'kept' })).body;
    for (const body of [{}, { reason: '' }, { reason: 1 }, { reason: 'x', note: 'y' }]) {
      expect((await remove('watch', entryId, body)).status).toBe(422);
    }
    expect((await service.post(`/v1/lists/watch/entries/${entryId}/remove?force=true`, { reason: 'x' })).status).toBe(
      422,
    );
    expect((await service.post(`/v1/lists/watch/entries/${entryId}/remove`)).status).toBe(400);
    expect(await matches({ device: 'kept' })).toHaveLength(1);
  });

  test('who may only read', async () => {
    expect((await add('block', {}, reader)).body.code).toBe('auth.scope');
    expect((await remove('block', `lst_${'0'.repeat(26)}`, { reason: 'x' }, reader)).body.code).toBe('auth.scope');
    expect((await service.get('/v1/lists/block/entries', reader)).status).toBe(200);
    expect((await service.get('/v1/lists/block/entries', { authorization: '' })).status).toBe(401);
  });
});

test('an end may be as far away as the list allows, and no further', async () => {
  const { now } = (await service.post('/v1/test/clock', { advance: 'PT1S' })).body;
  for (const list of LIST_NAMES) {
    const days = list === 'watch' ? 30 : 365;
    const endMs = Date.parse(now) + days * DAY_MS;
    expect((await add(list, { value: 'far', expiresAt: iso(endMs) })).status).toBe(201);
    expect((await add(list, { value: 'far', expiresAt: iso(endMs + 1) })).status).toBe(422);
  }
});

test('OpenAPI says the routes, their scopes and their schemas', async () => {
  const { body } = await service.get('/openapi.json');
  const { post, get } = body.paths['/v1/lists/{list}/entries'];
  expect([post['x-scope'], get['x-scope']]).toEqual(['lists', 'lists:read']);
  expect(body.paths['/v1/lists/{list}/entries/{id}/remove'].post['x-scope']).toBe('lists');
  expect(body.components.schemas.NewListEntry.required).toEqual(['subject', 'value', 'reason']);
  expect(post.responses['201'].content['application/json'].schema.$ref).toBe('#/components/schemas/ListEntry');
  expect(body.components.schemas.ListEntry.properties.state.enum).toEqual(['active', 'expired', 'removed']);
});
