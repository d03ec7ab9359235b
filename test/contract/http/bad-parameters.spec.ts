/** Queries, path ids, headers and tokens that are wrong: refused with a pointer, and nothing happens. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestService, type TestService, transaction } from '../../support/service.js';
import { faultsOf, pointerFaultsOf, recordHash } from './surface.js';

const CANARY = 'canary-81c2';
const CONTROL = '%00';

let service: TestService;
let decisionId: string;
let before: Record<string, string>;

beforeAll(async () => {
  service = await startTestService();
  decisionId = (await service.post('/v1/decisions', transaction())).body.decisionId;
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
const LIST_QUERIES: Record<string, string[]> = {
  limit: [
    '',
    '0',
    '-1',
    '201',
    '1.5',
    '1e2',
    '0x10',
    '%205',
    '5%20',
    '9007199254740992',
    '1e400',
    'NaN',
    CANARY,
    '050x',
    CONTROL,
  ],
  outcome: ['', 'ALLOW', 'allow,deny', CANARY, CONTROL],
  status: ['', 'open', 'Held', CANARY, CONTROL],
  from: ['', ...TIMES],
  to: ['', ...TIMES],
  transactionId: ['', ...IDS],
  accountId: ['', ...IDS],
  cursor: ['', CANARY, 'dec_', `dec_${'z'.repeat(26)}`, 'x'.repeat(65), `dec_${'i'.repeat(26)}`, CONTROL],
};

describe('the list of decisions', () => {
  test.each(Object.entries(LIST_QUERIES))('%s', async (name, values) => {
    for (const value of [...values, `1&${name}=2`]) {
      const answer = await service.get(`/v1/decisions?${name}=${value}`);
      expect(faultsOf(answer, [422], [CANARY])).toEqual([]);
      expect(pointerFaultsOf(answer, [name])).toEqual([]);
    }
  });

  test('unknown and reserved parameters', async () => {
    for (const name of [CANARY, 'Limit', 'limit[]', 'constructor', 'toString', 'hasOwnProperty']) {
      const answer = await service.get(`/v1/decisions?${name}=5`);
      expect(faultsOf(answer, [422], [CANARY])).toEqual([]);
      expect(answer.body.errors[0].pointer).toBe('');
    }
    expect(faultsOf(await service.get('/v1/decisions?__proto__=5'), [422])).toEqual([]);
  });

  test('what is right still works', async () => {
    const answer = await service.get('/v1/decisions?limit=200&from=2020-01-01T00:00:00Z&outcome=allow&status=held');
    expect(answer.body.items).toHaveLength(1);
  });
});

const BAD_QUERIES = ['include=all', 'include=', 'include=limits&include=limits', `include=${CANARY}`, `${CANARY}=1`];
const WITH_INCLUDE = ['GET /v1/decisions/{id}', 'POST /v1/decisions'];
const WITHOUT_QUERY = ['commit', 'cancel', 'reverse'].map((call) => `POST /v1/decisions/{id}/${call}`);
const BODY = { points: 1, transactionId: 'x', reversalId: 'r', reason: 'x' };

test.each(WITH_INCLUDE)('include of %s', async (route) => {
  const [method = '', path = ''] = route.split(' ');
  for (const query of BAD_QUERIES) {
    const answer = await service.call(
      method,
      `${path.replace('{id}', decisionId)}?${query}`,
      method === 'POST' ? transaction() : undefined,
    );
    expect(faultsOf(answer, [422], [CANARY])).toEqual([]);
  }
});

test('dryRun', async () => {
  for (const value of ['', '1', 'TRUE', 'yes', 'true&dryRun=false', 'true%00', CANARY]) {
    expect(faultsOf(await service.post(`/v1/decisions?dryRun=${value}`, transaction()), [422], [CANARY])).toEqual([]);
  }
});

test.each([...WITHOUT_QUERY, 'POST /v1/decisions/cancel', 'POST /v1/test/clock'])(
  '%s takes no query',
  async (route) => {
    const [method = '', path = ''] = route.split(' ');
    const body = {
      commit: { points: 1 },
      cancel: {},
      reverse: { reversalId: 'r', reason: 'x' },
      clock: { advance: 'PT1S' },
    };
    const name = path.split('/').at(-1) as keyof typeof body;
    const sent = path === '/v1/decisions/cancel' ? { transactionId: BODY.transactionId } : body[name];
    expect(
      faultsOf(await service.call(method, `${path.replace('{id}', decisionId)}?${CANARY}=1`, sent), [422], [CANARY]),
    ).toEqual([]);
  },
);

describe('path ids', () => {
  const bad = [
    CANARY,
    'dec_',
    'dec_00000000000000000000000000',
    `dec_${'z'.repeat(26)}`,
    'DEC_00000000000000000000000000',
    'lnk_00000000000000000000000000',
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
    for (const [method, tail, body] of [
      ['GET', '', undefined],
      ['POST', '/commit', {}],
      ['POST', '/cancel', {}],
      ['POST', '/reverse', { reversalId: 'r', reason: 'x' }],
    ] as const) {
      const answer = await service.call(method, `/v1/decisions/${path}${tail}`, body);
      // 405: the dots lead the URL elsewhere before it is sent
      expect(faultsOf(answer, [400, 404, 405, 413], [CANARY, id])).toEqual([]);
    }
  });

  test('half an escape', async () => {
    for (const path of ['%', '%a', '%zz', '%c0%af', '%ff'])
      expect(faultsOf(await service.get(`/v1/decisions/${path}`), [400, 404])).toEqual([]);
  });

  test('letters of an id are not folded: one decision has one id', async () => {
    expect(faultsOf(await service.get(`/v1/decisions/${decisionId.toUpperCase()}`), [404])).toEqual([]);
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
