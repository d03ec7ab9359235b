/** Every field of every POST body × every bad value, made from the OpenAPI document, so that no new field is forgotten. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { generatedDocs } from '../../../src/generated-docs.js';
import { startTestService, type TestService, transaction } from '../../support/service.js';
import { faultsOf, pointerFaultsOf, recordHash, withRaw, withValue } from './surface.js';

type Json = Record<string, unknown>;
interface Schema extends Json {
  $ref?: string;
  type?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  enum?: string[];
  format?: string;
  pattern?: string;
  maxLength?: number;
}
interface Operation {
  requestBody?: { content: Record<string, { schema: Schema }> };
}

const CANARY = 'canary-3f9a';

/** A body that each call takes, with every object that its schema knows. */
const VALID: Record<string, Json> = {
  '/v1/decisions': {
    ...transaction({ type: 'burn' }),
    activity: { amount: { amount: 1, currency: 'EUR' } },
    device: {},
    location: { lat: 0, lon: 0 },
    authentication: {},
    reward: { value: { amount: 1, currency: 'EUR' } },
    recipient: {},
    account: {},
    externalSignals: [{ source: 's', code: 'c' }],
  },
  '/v1/decisions/cancel': { transactionId: 'never-seen' },
  '/v1/decisions/{id}/commit': { points: 1 },
  '/v1/decisions/{id}/cancel': {},
  '/v1/decisions/{id}/reverse': { reversalId: 'r-1', reason: 'returned' },
  '/v1/decisions/{id}/appeal': { note: 'It was me.' },
  '/v1/test/clock': { advance: 'PT1S' },
  '/v1/labels': { accountId: 'a-1', label: 'fraud', source: 'chargeback' },
  '/v1/lists/{list}/entries': { subject: 'device', value: 'd-1', reason: 'because' },
  '/v1/lists/{list}/entries/{id}/remove': { reason: 'over' },
  '/v1/policy/versions': { version: 1 },
};

const POLICY = '/v1/policy/versions';
const mostBytesOf = (path: string): number => (path === POLICY ? 256 : 64) * 1024;
/** What must not come back. Problems of a policy document name what stands in it: that is what they are for. */
const secretOf = (path: string): string[] => (path === POLICY ? [] : [CANARY]);

const document = JSON.parse((await generatedDocs('0'))['docs/openapi.json'] as string) as {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
};
const resolved = (schema: Schema): Schema =>
  schema.$ref ? (document.components.schemas[schema.$ref.split('/').at(-1) as string] as Schema) : schema;

const calls = Object.entries(document.paths).flatMap(([path, { post }]) => {
  const schema = post?.requestBody?.content['application/json']?.schema;
  // the items of a batch answer for themselves, inside a 200: e2e/batch.spec.ts
  if (path.endsWith('batch')) return [];
  return schema ? [{ path, schema: resolved(schema) }] : [];
});

interface Field {
  path: string[];
  schema: Schema;
  required: boolean;
}

/** Every field below a schema, objects and items of lists included. */
function fieldsOf(schema: Schema, path: string[] = []): Field[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, given]) => {
    const child = resolved(given);
    const here = [...path, name];
    const field = { path: here, schema: child, required: schema.required?.includes(name) ?? false };
    const below = child.items ? fieldsOf(resolved(child.items), [...here, '0']) : fieldsOf(child, here);
    return [field, ...below];
  });
}

const WRONG_TYPE: Record<string, unknown[]> = {
  string: [null, 5, true, [], {}, [CANARY]],
  integer: [null, '5', CANARY, true, [], {}, [1]],
  number: [null, '5', CANARY, true, [], {}],
  object: [null, 5, CANARY, true, []],
  array: [null, 5, CANARY, true, {}],
};

/** Bad for a value of any kind that the schema can say, by what the schema says. */
function badValues({ type = '', ...schema }: Schema): unknown[] {
  const bad = [...(WRONG_TYPE[type] ?? [])];
  if (type === 'integer') bad.push(1.5, -1e16, 2 ** 53, Number.MAX_VALUE, 0.1);
  if (schema.minimum !== undefined) bad.push((schema.minimum as number) - 1);
  if (schema.maximum !== undefined) bad.push((schema.maximum as number) + 1);
  if (type === 'object') bad.push({ [CANARY]: 1 }, { constructor: 1 }, { toString: 1 });
  if (type === 'array')
    bad.push(
      [null],
      [CANARY],
      [[]],
      Array.from({ length: 21 }, () => CANARY),
    );
  if (type !== 'string') return bad;
  const longest = schema.maxLength ?? 128;
  bad.push(
    '\u0000',
    `${CANARY}\u0000`,
    `${CANARY}\n`,
    `\u001b[31m${CANARY}`,
    'x'.repeat(longest + 1),
    `${CANARY}\u2028`,
  );
  if (!('maxLength' in schema) || schema.minLength) bad.push('');
  if (schema.enum) bad.push(CANARY, schema.enum[0]?.toUpperCase(), `${schema.enum[0]} `);
  if (schema.format === 'date-time') {
    bad.push(
      'yesterday',
      '2026-02-30T00:00:00Z',
      '2026-01-01',
      '2026-01-01T00:00:00',
      '2026-01-01T25:00:00Z',
      '+012026-01-01T00:00:00Z',
    );
    bad.push('0001-01-01T00:00:00Z', '9999-12-31T23:59:59Z', '1767225600000', '2026-01-01t00:00:00z ');
  } else if (schema.pattern?.includes('._~-')) {
    bad.push('a b', 'a/b', '../a', `${CANARY}@example.org`, 'é', 'a%00', "'; drop table decision; --", 'a'.repeat(129));
  }
  return bad;
}

/** What no JSON.stringify writes. */
const RAW = [
  '1e400',
  '-1e400',
  '"\\ud800"',
  '"\\udc00\\ud800"',
  '1000000000000.00001',
  '{"a":1,"a":2}',
  '{"__proto__":1}',
  '01',
  'NaN',
];

/** Values that the schema calls strings, but that only the service can judge. */
const BAD_BY_NAME: Record<string, unknown[]> = {
  ip: ['999.1.1.1', '1.2.3', '1.2.3.4/24', '::g', 'fe80::1%eth0', '0x7f.1', '010.0.0.1', '1.2.3.4 ', 'localhost', ''],
  advance: ['1 hour', 'P', 'PT', 'P1Y', 'P1M', '-PT1S', 'PT1.5H', 'PT99999999999S', 'P99999999D', ''],
  currency: ['eur', 'EURO', 'E1R', '€'],
  value: ['a b', 'a/b', 'é', `${CANARY}@example.org`, 'a'.repeat(129), '203.0.113.0/24'],
  email: ['nobody', '@', 'a@', '@b', 'a b@c', `${'a'.repeat(65)}@b`, 'a@b@c', '<a@b>\u0000'],
};

/** Of these a call takes one: the clock a time or a step, a label one thing that it is about. */
const INSTEAD_OF: Record<string, string> = { now: 'advance', decisionId: 'accountId', eventId: 'accountId' };

const textOf = (value: unknown): string[] => (typeof value === 'string' ? [value, CANARY] : [CANARY]);

let service: TestService;
let decisionId: string;
let entryId: string;
let before: Record<string, string>;
const urlOf = (path: string) =>
  path.replace('{list}', 'block').replace('{id}', path.startsWith('/v1/lists/') ? entryId : decisionId);

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

test('every call with a body is known here', () => {
  expect(calls.map(({ path }) => path).sort()).toEqual(Object.keys(VALID).sort());
  expect(calls.flatMap(({ schema }) => fieldsOf(schema)).length).toBeGreaterThan(50);
});

describe.each(calls)('$path', ({ path, schema }) => {
  const valid = VALID[path] as Json;
  const around = ({ path: [name = ''] }: Field): Json => {
    const alternative = INSTEAD_OF[name];
    return alternative ? withValue(valid, [alternative], undefined) : valid;
  };
  const post = (body: unknown, headers?: Record<string, string>) => service.post(urlOf(path), body, headers);

  test.each(fieldsOf(schema).map((field) => [field.path.join('.'), field] as const))('%s', async (_name, field) => {
    const last = field.path.at(-1) as string;
    const bad = [...badValues(field.schema), ...(BAD_BY_NAME[last] ?? [])].filter((value) => !isAllowed(field, value));
    for (const value of bad) {
      const answer = await post(withValue(around(field), field.path, value));
      // an id of ours is opaque: a text that is none names nothing, as in a path
      const isUnknownId = last === 'decisionId' && answer.body.code === 'decision.not_found';
      expect(faultsOf(answer, isUnknownId ? [404] : [422], textOf(value))).toEqual([]);
      expect(isUnknownId ? [] : pointerFaultsOf(answer, field.path)).toEqual([]);
    }
    for (const raw of RAW) {
      const answer = await post(withRaw(around(field), field.path, raw));
      expect(faultsOf(answer, [400, 422], [CANARY])).toEqual([]);
      expect(answer.body.errors?.length ?? (answer.status === 400 ? 1 : 0)).toBeGreaterThan(0);
    }
    if (!field.required) return;
    const without = await post(withValue(around(field), field.path, undefined));
    expect(faultsOf(without, [422])).toEqual([]);
    expect(pointerFaultsOf(without, field.path)).toEqual([]);
  });

  test('the body itself', async () => {
    for (const body of ['null', '[]', '5', '"x"', 'true', `[${JSON.stringify(valid)}]`]) {
      const answer = await post(body);
      expect(faultsOf(answer, [422], [CANARY])).toEqual([]);
      expect(answer.body.errors).toMatchObject([{ pointer: '' }]);
    }
    expect(faultsOf(await post(`{"${CANARY}":1}`), [422], secretOf(path))).toEqual([]);
    const text = JSON.stringify({ ...valid, [CANARY]: 1 });
    const malformed = [
      text.slice(0, -3),
      `${text}x`,
      `\ufeff${text}`,
      '['.repeat(30_000),
      '{"a":'.repeat(10_000),
      `{"a":1,"a":2}`,
      `{"\\u0061":1,"a":2}`,
      '{"__proto__":{"isAdmin":true}}',
      ' ',
      "{'a':1}",
      '{"a":1,}',
      '// x\n{}',
    ];
    for (const body of malformed) expect(faultsOf(await post(body), [400], [CANARY])).toEqual([]);
    expect(faultsOf(await post(`${text}${' '.repeat(mostBytesOf(path))}`), [413], [CANARY])).toEqual([]);
    expect(faultsOf(await post('['.repeat(mostBytesOf(path) + 1)), [413])).toEqual([]);
  });

  test('media types', async () => {
    const refused = [
      'text/plain',
      'application/xml',
      'application/json; charset=utf-16',
      'application/json; charset=latin1',
    ];
    refused.push(
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'application/json, text/plain',
      'x',
      '*/*',
    );
    for (const type of refused) {
      expect(
        faultsOf(
          await post(JSON.stringify({ ...valid, [CANARY]: 1 }), { 'content-type': type }),
          [415],
          [CANARY, type],
        ),
      ).toEqual([]);
    }
    for (const coding of ['gzip', 'br', 'deflate', 'gzip, identity', 'x']) {
      expect(faultsOf(await post(JSON.stringify(valid), { 'content-encoding': coding }), [415], [coding])).toEqual([]);
    }
  });
});

/** What a schema's kind calls bad, but this field allows. */
function isAllowed({ path, schema }: Field, value: unknown): boolean {
  const name = path.at(-1) as string;
  // debts
  if (name === 'balance') return value === -1;
  // what a person writes has lines; it is sealed, never in a log or a table
  if (name === 'note' && typeof value === 'string') return value !== '' && value.length <= 2000;
  // an empty list of optional members says nothing, well formed
  return Array.isArray(value) && value.length === 0 && schema.type === 'array';
}

test('a label is of exactly one thing', async () => {
  const label = { label: 'fraud', source: 'chargeback' };
  const none = await service.post('/v1/labels', label);
  expect(faultsOf(none, [422])).toEqual([]);
  expect(none.body.errors).toMatchObject([{ pointer: '' }]);
  const targets = { decisionId, eventId: `${CANARY}-e`, accountId: `${CANARY}-a` };
  for (const left of [undefined, ...Object.keys(targets)]) {
    const given = Object.entries(targets).filter(([name]) => name !== left);
    const answer = await service.post('/v1/labels', { ...label, ...Object.fromEntries(given) });
    expect(faultsOf(answer, [422], [CANARY, decisionId])).toEqual([]);
    const pointers = (answer.body.errors as { pointer: string }[]).map(({ pointer }) => pointer);
    expect(pointers.sort()).toEqual(given.map(([name]) => `/${name}`).sort());
  }
});

describe('a value on a list, by what it is of', () => {
  const BAD: Record<string, string[]> = {
    account: ['a@example.org', 'a b', 'é', '\u0000'],
    device: ['../a', 'a'.repeat(129)],
    ip: [
      '0.0.0.0/0',
      '::/0',
      '203.0.113.7/33',
      '2001:db8::/129',
      '203.0.113.0/-1',
      '1.2.3',
      '010.0.0.1',
      'example.org',
    ],
    email_domain: [
      'a@example.org',
      'example',
      '.org',
      'example..org',
      '203.0.113.7',
      'a b.org',
      'example.org/x',
      '\u0000',
    ],
    instrument: ['4111 1111 1111 1111'],
    store: ['a/b'],
    employee: ["'; drop table list_entry; --"],
  };
  test.each(Object.entries(BAD))('%s', async (subject, values) => {
    for (const value of values) {
      for (const query of ['', '?dryRun=true']) {
        const body = { subject, value, reason: 'because' };
        const answer = await service.post(`/v1/lists/watch/entries${query}`, body);
        // what is said may show how a domain looks
        expect(faultsOf(answer, [422], value.startsWith('example') ? [] : [value])).toEqual([]);
        expect(pointerFaultsOf(answer, ['value'])).toEqual([]);
      }
    }
  });
});

test('nothing of all that changed a row', async () => {
  expect(await recordHash(service.database)).toEqual(before);
  expect((await service.get(`/v1/decisions/${decisionId}`)).body).toMatchObject({ status: 'held' });
  expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
});

test('the bodies around all that are taken, but where the state does not allow the call', async () => {
  for (const [path, body] of Object.entries(VALID)) {
    expect([200, 201, 409], path).toContain((await service.post(urlOf(path), body)).status);
  }
});
