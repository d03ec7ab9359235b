/** Queries, path ids, headers and tokens that are wrong: refused with a pointer, and nothing happens. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestService, type TestService, transaction } from '../../support/service.js';
import { faultsOf, pointerFaultsOf, recordHash } from './surface.js';

const CANARY = 'canary-81c2';
const CONTROL = '%00';

let service: TestService;
let decisionId: string;
let entryId: string;
let before: Record<string, string>;

beforeAll(async () => {
  service = await startTestService();
  decisionId = (await service.post('/v1/decisions', transaction())).body.decisionId;
  entryId = (await service.post('/v1/lists/block/entries', { subject: 'device', value: 'd', reason: 'r' })).body
    .entryId;
  before = await recordHash(service.database);
});
afterAll(async () => {
  await service.stop();
});

const TIMES = [
  'yesterday',
  '2026-01-01',
  '2026-02-30T00:00:00Z',
  '1767225600000',
  '2026-01-01T00:00:00+01:00',
  CONTROL,
];
const IDS = ['a b', '..%2F', CANARY.padEnd(129, 'x'), '%F0%9F%98%80', "';--", CONTROL, 'a@example.org'];
const LIMITS = ['', '0', '-1', '201', '1.5', '1e2', '0x10', '%205', '5%20', '9007199254740992', '1e400', 'NaN', '050x'];
const cursorsOf = (prefix: string): string[] => [
  '',
  CANARY,
  `${prefix}_`,
  `${prefix}_${'z'.repeat(26)}`,
  `${prefix}_${'i'.repeat(26)}`,
  `usr_${'0'.repeat(26)}`,
  'x'.repeat(65),
  CONTROL,
];

/** Calls that answer pages, a query that each takes, and bad values of each parameter. */
const PAGES: [path: string, good: string, Record<string, string[]>][] = [
  [
    '/v1/decisions',
    'limit=200&from=2020-01-01T00:00:00Z&outcome=allow&status=held',
    {
      limit: [...LIMITS, CANARY, CONTROL],
      outcome: ['', 'ALLOW', 'allow,deny', CANARY, CONTROL],
      status: ['', 'open', 'Held', CANARY, CONTROL],
      from: ['', ...TIMES],
      to: ['', ...TIMES],
      transactionId: ['', ...IDS],
      accountId: ['', ...IDS],
      cursor: cursorsOf('dec'),
    },
  ],
  [
    '/v1/lists/block/entries',
    'limit=200&subject=device&value=d&state=active',
    {
      limit: [...LIMITS, CANARY, CONTROL],
      subject: ['', 'DEVICE', 'network', 'device,ip', CANARY, CONTROL],
      value: ['', CONTROL, 'a%20b', '%F0%9F%98%80', `${CANARY}@example.org`, CANARY.padEnd(255, 'x')],
      state: ['', 'ACTIVE', 'open', 'active,removed', CANARY, CONTROL],
      cursor: cursorsOf('lst'),
    },
  ],
];

describe.each(PAGES)('the pages of %s', (path, good, queries) => {
  test.each(Object.entries(queries))('%s', async (name, values) => {
    for (const value of [...values, `1&${name}=2`]) {
      const answer = await service.get(`${path}?${name}=${value}`);
      expect(faultsOf(answer, [422], [CANARY])).toEqual([]);
      expect(pointerFaultsOf(answer, [name])).toEqual([]);
    }
  });

  test('unknown and reserved parameters', async () => {
    for (const name of [CANARY, 'Limit', 'limit[]', 'constructor', 'toString', 'hasOwnProperty']) {
      const answer = await service.get(`${path}?${name}=5`);
      expect(faultsOf(answer, [422], [CANARY])).toEqual([]);
      expect(answer.body.errors[0].pointer).toBe('');
    }
    expect(faultsOf(await service.get(`${path}?__proto__=5`), [422])).toEqual([]);
  });

  test('what is right still works', async () => {
    expect((await service.get(`${path}?${good}`)).body.items).toHaveLength(1);
  });
});

const BAD_QUERIES = ['include=all', 'include=', 'include=limits&include=limits', `include=${CANARY}`, `${CANARY}=1`];
const WITH_INCLUDE = ['GET /v1/decisions/{id}', 'POST /v1/decisions'];
/** Calls without a query, each with a body that it would take. */
const WITHOUT_QUERY: [route: string, body?: object][] = [
  ['POST /v1/decisions/{id}/commit', { points: 1 }],
  ['POST /v1/decisions/{id}/cancel', {}],
  ['POST /v1/decisions/{id}/reverse', { reversalId: 'r', reason: 'x' }],
  ['POST /v1/decisions/{id}/appeal', { note: 'It was me.' }],
  ['POST /v1/decisions/cancel', { transactionId: 'x' }],
  ['POST /v1/test/clock', { advance: 'PT1S' }],
  ['POST /v1/labels', { accountId: 'a', label: 'fraud', source: 'complaint' }],
  ['POST /v1/lists/block/entries/{entryId}/remove', { reason: 'over' }],
  ['GET /v1/policy'],
  ['POST /v1/policy/versions', { version: 1 }],
  ['POST /v1/policy/versions/1/activate'],
];
const urlOf = (path: string): string => path.replace('{id}', decisionId).replace('{entryId}', entryId);

test.each(WITH_INCLUDE)('include of %s', async (route) => {
  const [method = '', path = ''] = route.split(' ');
  for (const query of BAD_QUERIES) {
    const answer = await service.call(method, `${urlOf(path)}?${query}`, method === 'POST' ? transaction() : undefined);
    expect(faultsOf(answer, [422], [CANARY])).toEqual([]);
  }
});

test.each([
  ['/v1/decisions', transaction()],
  ['/v1/lists/block/entries', { subject: 'device', value: 'other', reason: 'because' }],
])('dryRun of %s', async (path, body) => {
  for (const value of ['', '1', 'TRUE', 'yes', 'true&dryRun=false', 'true%00', CANARY]) {
    expect(faultsOf(await service.post(`${path}?dryRun=${value}`, body), [422], [CANARY])).toEqual([]);
  }
});

test.each(WITHOUT_QUERY)('%s takes no query', async (route, body) => {
  const [method = '', path = ''] = route.split(' ');
  for (const query of [`${CANARY}=1`, 'dryRun=true', '__proto__=1']) {
    expect(faultsOf(await service.call(method, `${urlOf(path)}?${query}`, body), [422], [CANARY])).toEqual([]);
  }
});

test('what takes no body is not given one', async () => {
  const path = '/v1/policy/versions/1/activate';
  for (const body of [`{"${CANARY}":1}`, 'null', '[]', '5']) {
    expect(faultsOf(await service.post(path, body), [422], [CANARY])).toEqual([]);
  }
  for (const body of ['{', '{"a":1,"a":2}']) expect(faultsOf(await service.post(path, body), [400])).toEqual([]);
  expect(faultsOf(await service.post(path, 'a: 1', { 'content-type': 'application/yaml' }), [415])).toEqual([]);
});

/** Calls with something in their path, where `*` stands. */
const WITH_PATH: [route: string, body?: object][] = [
  ['GET /v1/decisions/*'],
  ['POST /v1/decisions/*/commit', {}],
  ['POST /v1/decisions/*/cancel', {}],
  ['POST /v1/decisions/*/reverse', { reversalId: 'r', reason: 'x' }],
  ['POST /v1/decisions/*/appeal', { note: 'It was me.' }],
  ['GET /v1/lists/*/entries'],
  ['POST /v1/lists/*/entries', { subject: 'device', value: 'other', reason: 'because' }],
  ['POST /v1/lists/block/entries/*/remove', { reason: 'over' }],
  ['POST /v1/policy/versions/*/activate'],
];

describe('path ids', () => {
  const bad = [
    CANARY,
    'dec_',
    'dec_00000000000000000000000000',
    `dec_${'z'.repeat(26)}`,
    'DEC_00000000000000000000000000',
    'lnk_00000000000000000000000000',
    'lst_',
    'lst_00000000000000000000000000',
    `lst_${'z'.repeat(26)}`,
    'BLOCK',
    'block ',
    'allow,block',
    '0',
    '-1',
    '1.5',
    '1e0',
    '01',
    '+1',
    ' 1',
    '0x1',
    '2',
    '2147483647',
    '2147483648',
    '9'.repeat(20),
    'NaN',
    '00000000-0000-0000-0000-000000000000',
    "1' or '1'='1",
    '%00',
    'dec_0000000000000000000000000%00',
    '%F0%9F%98%80',
    '..',
    '%2e%2e',
    '..%2f..%2fetc%2fpasswd',
    '__proto__',
    'constructor',
    'x'.repeat(300),
    'x'.repeat(5000),
  ];
  test.each(bad)('%s', async (id) => {
    const path = id.includes('%') ? id : encodeURIComponent(id);
    for (const [route, body] of WITH_PATH) {
      const [method = '', url = ''] = route.split(' ');
      const answer = await service.call(
        method,
        url.replace('*', () => path),
        body,
      );
      // 405: the dots lead the URL elsewhere before it is sent
      expect(faultsOf(answer, [400, 404, 405, 413], [CANARY, id]), route).toEqual([]);
    }
  });

  test('half an escape', async () => {
    for (const path of ['%', '%a', '%zz', '%c0%af', '%ff']) {
      for (const [route, body] of WITH_PATH) {
        const [method = '', url = ''] = route.split(' ');
        expect(faultsOf(await service.call(method, url.replace('*', path), body), [400, 404])).toEqual([]);
      }
    }
  });

  test('letters of an id are not folded: one decision has one id', async () => {
    expect(faultsOf(await service.get(`/v1/decisions/${decisionId.toUpperCase()}`), [404])).toEqual([]);
    const entry = `/v1/lists/block/entries/${entryId.toUpperCase()}/remove`;
    expect(faultsOf(await service.post(entry, { reason: 'over' }), [404])).toEqual([]);
  });

  test('an entry is of one list', async () => {
    for (const list of ['allow', 'watch']) {
      const answer = await service.post(`/v1/lists/${list}/entries/${entryId}/remove`, { reason: 'over' });
      expect(faultsOf(answer, [404])).toEqual([]);
      expect(answer.body.code).toBe('list.not_found');
    }
  });
});

describe('headers', () => {
  test('Pointguard-Test-Outcome', async () => {
    for (const value of ['', 'ALLOW', 'allow, deny', CANARY, 'x'.repeat(4000)]) {
      expect(
        faultsOf(
          await service.post('/v1/decisions', transaction(), { 'pointguard-test-outcome': value }),
          [422],
          [CANARY],
        ),
      ).toEqual([]);
    }
  });

  test('Authorization: one answer for all that is wrong', async () => {
    const token = await service.token();
    const wrong = [
      '',
      'Bearer',
      'Bearer ',
      `Basic ${token}`,
      `Bearer ${token}x`,
      `Bearer ${token.slice(0, -1)}`,
      `Bearer ${token} ${token}`,
      `Bearer "${token}"`,
      `Bearer ${token}=`,
      `Bearer ${'a'.repeat(8000)}`,
      `Bearer eyJhbGciOiJub25lIn0.${token.split('.')[1]}.`,
      `Bearer ${CANARY}`,
    ];
    const seen = new Set<string>();
    for (const authorization of wrong) {
      const answer = await service.get('/v1/decisions', { authorization });
      expect(faultsOf(answer, [401], [CANARY, token])).toEqual([]);
      expect(answer.headers.get('www-authenticate')).toBe('Bearer');
      seen.add(JSON.stringify({ ...answer.body, traceId: '' }));
    }
    expect(seen.size).toBe(1);
  });

  test('a token is read from its header alone', async () => {
    const token = await service.token();
    expect(
      faultsOf(await service.get(`/v1/decisions?access_token=${token}`, { authorization: '' }), [401], [token]),
    ).toEqual([]);
    expect(
      faultsOf(
        await service.get('/v1/decisions', { authorization: '', cookie: `access_token=${token}` }),
        [401],
        [token],
      ),
    ).toEqual([]);
  });

  test('traceparent: kept where it is valid, else made anew', async () => {
    const good = '4bf92f3577b34da6a3ce929d0e0e4736';
    const ask = async (traceparent: string) =>
      (await service.get('/v1/nothing', { traceparent })).body.traceId as string;
    expect(await ask(`00-${good}-00f067aa0ba902b7-01`)).toBe(good);
    for (const bad of [
      '',
      good,
      `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
      `00-${good}-${'0'.repeat(16)}-01`,
      `ff-${good}-00f067aa0ba902b7-01`,
      `00-${good.toUpperCase()}-00f067aa0ba902b7-01`,
      `00-${good}-00f067aa0ba902b7-01-${CANARY}`,
    ]) {
      const traceId = await ask(bad);
      expect(traceId).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
      expect(traceId).not.toBe(good);
    }
  });
});

test('nothing of all that changed a row', async () => {
  expect(await recordHash(service.database)).toEqual(before);
});
