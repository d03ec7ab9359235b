/** The OpenAPI document: valid 3.1, the same as the live routes, and true of the answers. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SCOPES } from '../../../src/access/core/scopes.js';
import { ERRORS } from '../../../src/kernel/errors.js';
import { CLIENT, policyWith, startTestService, type TestService, transaction } from '../../support/service.js';

type Json = Record<string, unknown>;
interface Media {
  schema: Json;
  examples?: Record<string, { value: unknown }>;
}
interface Operation {
  operationId: string;
  summary: string;
  tags: string[];
  parameters: { name: string; in: string; required: boolean; schema: Json }[];
  requestBody?: { required: boolean; content: Record<string, Media> };
  responses: Record<string, { description: string; content?: Record<string, Media> }>;
  security?: Json[];
  'x-scope'?: string;
}
interface Document {
  openapi: string;
  info: { title: string; version: string };
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Json>; securitySchemes: Json };
}

let service: TestService;
let document: Document;
let operations: { method: string; path: string; operation: Operation }[];
beforeAll(async () => {
  const policy = policyWith([
    ['burn-hour', 'account', ['burn'], 'count', 'PT1H', 2],
    ['burn-day', 'account', ['burn'], 'points', 'P1D', 1_000_000],
  ]);
  service = await startTestService({ policy });
  document = (await (await fetch(`${service.url}/openapi.json`)).json()) as Document;
  operations = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ method, path, operation })),
  );
});
afterAll(async () => {
  await service.stop();
});

/** Every object of the document with the path that leads to it. */
function* objectsIn(value: unknown, path: string[] = []): Generator<{ path: string[]; object: Json }> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) yield { path, object: value as Json };
  for (const [name, member] of Object.entries(value)) yield* objectsIn(member, [...path, name]);
}

const resolve = (ref: string): unknown =>
  ref
    .slice(2)
    .split('/')
    .reduce<unknown>(
      (at, name) => (at as Json | undefined)?.[name.replaceAll('~1', '/').replaceAll('~0', '~')],
      document,
    );

describe('the document', () => {
  test('is OpenAPI 3.1, without what was only in 3.0', () => {
    expect(document.openapi).toMatch(/^3\.1\.\d+$/);
    const old = [...objectsIn(document)].filter(({ path, object }) => {
      if (path.includes('examples') || path.at(-1) === 'properties') return false;
      const hasOldBound = [object.exclusiveMinimum, object.exclusiveMaximum].some(
        (bound) => typeof bound === 'boolean',
      );
      const names = ['nullable', '$schema', '$defs', 'id', '$id', ...(path.includes('schemas') ? ['example'] : [])];
      return hasOldBound || names.some((name) => name in object);
    });
    expect(old.map(({ path }) => path.join('/'))).toEqual([]);
  });

  test('has no reference that leads nowhere, and no component that nobody names', () => {
    const refs = [...objectsIn(document)].flatMap(({ object }) =>
      typeof object.$ref === 'string' ? [object.$ref] : [],
    );
    expect(refs.length).toBeGreaterThan(20);
    expect(refs.filter((ref) => typeof resolve(ref) !== 'object')).toEqual([]);
    for (const name of Object.keys(document.components.schemas)) expect(refs).toContain(`#/components/schemas/${name}`);
  });

  test('has schemas that a strict validator takes', () => {
    const ajv = ajvOf(document, false);
    for (const name of Object.keys(document.components.schemas)) {
      expect(() => ajv.compile({ $ref: `document#/components/schemas/${name}` })).not.toThrow();
    }
  });

  test('names every operation once, with a summary, a tag and its path parameters', () => {
    const ids = operations.map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { path, operation } of operations) {
      expect(operation.operationId).toMatch(/^[a-z][A-Za-z]+$/);
      expect(operation.summary.length).toBeGreaterThan(5);
      expect(operation.tags).toHaveLength(1);
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const declared = operation.parameters.filter((parameter) => parameter.in === 'path');
      expect(declared.map(({ name }) => name)).toEqual(inPath);
      expect(declared.every(({ required }) => required)).toBe(true);
    }
  });

  test('says the scope of every call below /v1, one that exists, and that a token is needed', () => {
    const calls = operations.filter(({ path }) => path.startsWith('/v1/'));
    expect(calls.filter(({ operation }) => !SCOPES.has(operation['x-scope'] ?? ''))).toEqual([]);
    for (const { operation } of calls) expect(operation.security).toEqual([{ clientToken: [] }]);
    const open = operations.filter(({ path }) => !path.startsWith('/v1/'));
    expect(open.filter(({ operation }) => operation['x-scope'] !== undefined)).toEqual([]);
    expect(document.components.securitySchemes).toHaveProperty('clientToken');
  });

  test('declares errors as problems, by codes that exist', () => {
    for (const { operation } of operations.filter(({ path }) => path.startsWith('/v1/'))) {
      const errors = Object.entries(operation.responses).filter(([status]) => !status.startsWith('2'));
      const always = ['401', '403', '422', '503', 'default', ...(operation.requestBody ? ['400', '413', '415'] : [])];
      expect(errors.map(([status]) => status)).toEqual(expect.arrayContaining(always));
      for (const [, { content }] of errors) {
        expect(content).toEqual({ 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } });
      }
      const codes = errors.flatMap(([status, { description }]) =>
        status === 'default' ? [] : description.split(', '),
      );
      expect(codes.filter((code) => !(code in ERRORS))).toEqual([]);
    }
  });

  test('names the body of a decision, with examples that the service takes', async () => {
    const media = document.paths['/v1/decisions']?.post?.requestBody?.content['application/json'];
    expect(media?.schema).toEqual({ $ref: '#/components/schemas/DecisionRequest' });
    const examples = Object.values(media?.examples ?? {});
    expect(examples.length).toBeGreaterThan(0);
    for (const { value } of examples) expect((await service.post('/v1/decisions?dryRun=true', value)).status).toBe(200);
  });

  test('shows policies that the service takes', async () => {
    const media = document.paths['/v1/policy/versions']?.post?.requestBody?.content['application/json'];
    const examples = Object.values(media?.examples ?? {});
    expect(examples.length).toBeGreaterThan(0);
    for (const { value } of examples) expect((await service.post('/v1/policy/versions', value)).status).toBe(201);
  });

  test('has examples that fit their schemas', () => {
    const ajv = ajvOf(document, false);
    for (const { operation } of operations) {
      for (const { schema, examples } of Object.values(operation.requestBody?.content ?? {})) {
        const validate = ajv.compile({
          $ref: `document${(schema as { $ref?: string }).$ref ?? '#/components/schemas/Problem'}`,
        });
        for (const { value } of Object.values(examples ?? {})) expect(validate(value)).toBe(true);
      }
    }
  });
});

/** Routes that describe themselves: the document and the pages that show it. */
const UNDESCRIBED = /^\/(docs(\/.*)?|openapi\.json)$/;

describe('the live routes', () => {
  const fastifyOf = () => service.service.app.getHttpAdapter().getInstance();

  test('every operation is live', () => {
    const dead = operations.filter(({ method, path }) => {
      const url = path.replaceAll(/\{(\w+)\}/g, ':$1');
      return !fastifyOf().hasRoute({ method: method.toUpperCase(), url });
    });
    expect(dead).toEqual([]);
  });

  test('every live route is an operation', () => {
    const live = routesOf(fastifyOf().printRoutes({ commonPrefix: false }));
    expect(live.length).toBeGreaterThan(operations.length);
    const described = operations.map(
      ({ method, path }) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`,
    );
    const rest = live.filter(({ method, url }) => method !== 'HEAD' && !UNDESCRIBED.test(url));
    expect(rest.map(({ method, url }) => `${method} ${url}`).sort()).toEqual(described.sort());
  });
});

/** Routes of Fastify's drawing: a line a node, four columns a level, the methods in brackets. */
function routesOf(drawing: string): { method: string; url: string }[] {
  const parts: string[] = [];
  return drawing.split('\n').flatMap((line) => {
    const [, indent = '', name = '', methods = ''] = /^([│ ├└─]*)(\S*)(?: \(([A-Z, ]+)\))?/.exec(line) ?? [];
    const level = Math.floor(indent.length / 4);
    if (name === '' && methods === '') return [];
    parts.splice(Math.max(0, level - 1), parts.length, name);
    const url = parts.join('');
    return methods === '' ? [] : methods.split(', ').map((method) => ({ method, url }));
  });
}

/** Ajv over the document; `closed` refuses fields of answers that are not declared. */
function ajvOf(given: Document, closed: boolean): Ajv2020 {
  const copy = structuredClone(given);
  if (closed) {
    for (const { object } of objectsIn(copy.components.schemas)) {
      if (object.type === 'object' && 'properties' in object) object.additionalProperties ??= false;
    }
  }
  const ajv = new Ajv2020({ strict: true, strictTypes: false, allErrors: true, validateFormats: false });
  for (const name of ['openapi', 'info', 'paths', 'components', 'tags', 'servers', 'x-scope']) ajv.addKeyword(name);
  ajv.addSchema({ ...copy, $id: 'document' });
  return ajv;
}

interface CallOptions {
  /** What stands in the path; an id may be given alone. */
  path?: Record<string, string | number>;
  id?: string;
  query?: string;
  body?: unknown;
  headers?: Record<string, string>;
}

/** A value of each other subject, some of which the record cannot tell about. */
const ON_A_LIST: [subject: string, value: string][] = [
  ['account', 'one'],
  ['ip', '203.0.113.0/24'],
  ['email_domain', 'example.org'],
  ['instrument', 'i'],
  ['store', 's'],
  ['employee', 'e'],
];

describe('answers are what is declared', () => {
  const seen = new Set<string>();
  let ajv: Ajv2020;
  beforeAll(() => {
    ajv = ajvOf(document, true);
  });

  /** Calls an operation by its id and holds the answer against what is declared for its status. */
  async function call(operationId: string, options: CallOptions = {}) {
    const found = operations.find(({ operation }) => operation.operationId === operationId);
    if (!found) throw new Error(`no operation ${operationId}`);
    const { method, path, operation } = found;
    const given: Record<string, unknown> = { id: options.id, ...options.path };
    const url = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => String(given[name])) + (options.query ?? '');
    const answer = await service.call(method.toUpperCase(), url, options.body, options.headers);
    const declared = operation.responses[answer.status] ?? operation.responses.default;
    const { code } = answer.body as { code?: string };
    const isSaid = code === undefined || !operation.responses[answer.status] || path === '/oauth/token';
    if (!isSaid && !declared?.description.split(', ').includes(code)) {
      throw new Error(`${operationId} ${answer.status} does not say ${code}`);
    }
    const type = answer.headers.get('content-type')?.split(';')[0] ?? '';
    const schema = declared?.content?.[type]?.schema;
    if (!schema) throw new Error(`${operationId} ${answer.status} ${type} is not declared`);
    const validate = ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"document#/')) as object);
    if (!validate(answer.body)) throw new Error(`${operationId} ${answer.status}: ${ajv.errorsText(validate.errors)}`);
    seen.add(`${operationId} ${answer.status}`);
    return answer;
  }

  test('of every operation, good and bad', async () => {
    for (const id of ['getLiveness', 'getReadiness', 'getMetrics']) await call(id);
    const basic = `Basic ${Buffer.from(`${CLIENT.id}:${CLIENT.secret}`).toString('base64')}`;
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    await call('issueToken', { body: 'grant_type=client_credentials', headers: { ...form, authorization: basic } });
    await call('issueToken', { body: 'grant_type=password', headers: { ...form, authorization: basic } });
    await call('issueToken', {
      body: 'grant_type=client_credentials',
      headers: { ...form, authorization: 'Basic eDp5' },
    });
    await call('issueToken', { body: {} });

    const body = transaction({ accountId: 'one' });
    const { decisionId: id } = (await call('decide', { body })).body;
    await call('decide', { body });
    await call('decide', { body, query: '?include=limits' });
    await call('decide', { body: transaction({ accountId: 'one' }), query: '?dryRun=true&include=limits' });
    await call('decide', { body: { ...body, points: 7 } });
    for (const outcome of ['allow', 'challenge', 'review', 'deny']) {
      await call('decide', { body: transaction(), headers: { 'pointguard-test-outcome': outcome } });
    }
    await call('decide', { body: transaction({ type: 'adjust', direction: 'credit' }) });
    await call('decide', { body: transaction({ accountId: 'one' }), query: '?include=limits' });
    // the third within the hour is denied
    expect((await call('decide', { body: transaction({ accountId: 'one' }) })).body.outcome).toBe('deny');
    await call('decide', { body: {} });
    await call('decide', { body: '{' });
    await call('decide', { body: 'x'.repeat(70_000) });
    await call('decide', { body: '{}', headers: { 'content-type': 'text/plain' } });
    await call('decide', { body: {}, headers: { authorization: '' } });

    await call('commitDecision', { id, body: { points: 40 } });
    await call('commitDecision', { id, body: { points: 41 } });
    await call('commitDecision', { id, body: { points: 0 } });
    await call('reverseDecision', { id, body: { reversalId: 'r1', points: 10, reason: 'returned' } });
    await call('reverseDecision', { id, body: { reversalId: 'r2', points: 1000, reason: 'returned' } });
    await call('cancelDecision', { id });
    await call('cancelDecision', { id: 'dec_00000000000000000000000000' });
    await call('commitDecision', { id: 'nothing' });
    await call('cancelDecision', { id: (await call('decide', { body: transaction() })).body.decisionId, body: {} });
    await call('cancelTransaction', { body: { transactionId: 'unseen' } });
    await call('cancelTransaction', { body: { transactionId: (body as { transactionId: string }).transactionId } });
    await call('decide', { body: { ...transaction(), transactionId: 'unseen' } });
    const { transactionId } = (await call('decide', { body: transaction() })).body;
    await call('cancelTransaction', { body: { transactionId } });

    await call('getDecision', { id });
    await call('getDecision', { id, query: '?include=limits' });
    await call('getDecision', { id: 'nothing' });
    await call('getDecision', { id, query: '?x=1' });
    await call('listDecisions');
    await call('listDecisions', { query: '?limit=2' });
    await call('listDecisions', { query: '?limit=0' });

    const late = (await call('decide', { body: transaction({ onHoldEnd: 'release' }) })).body.decisionId;
    await call('moveTestClock', { body: { advance: 'P1D' } });
    expect((await call('commitDecision', { id: late })).body.late).toBe(true);
    await call('moveTestClock', { body: { now: '2000-01-01T00:00:00Z' } });
    await call('moveTestClock', { body: {} });
  });

  test('of batches', async () => {
    const items = [transaction(), { ...transaction(), points: 0 }, 7];
    const { body } = await call('decideBatch', { body: { items } });
    const decisionId = body.items[0].decision.decisionId;
    const committed = await call('commitBatch', { body: { items: [{ decisionId }, { transactionId: 'none' }, {}] } });
    expect(committed.body.items.map(({ status }: { status: number }) => status)).toEqual([200, 404, 422]);
    await call('decideBatch', { body: { items: [] } });
    await call('commitBatch', { body: { items: 7 } });
  });

  test('of appeals and labels', async () => {
    const { decisionId: id } = (await call('decide', { body: transaction() })).body;
    await call('appealDecision', { id, body: { note: 'It was me.\nOn my new phone.' } });
    await call('appealDecision', { id, body: {} });
    await call('appealDecision', { id: 'nothing', body: { note: 'It was me.' } });
    const label = { label: 'fraud', source: 'chargeback' };
    for (const target of [{ decisionId: id }, { eventId: 'e-1' }, { accountId: 'a-1' }]) {
      const { body } = await call('label', { body: { ...label, ...target, note: 'As the bank says.' } });
      expect(body).toMatchObject({ ...label, ...target });
      expect(body).not.toHaveProperty('note');
    }
    await call('label', { body: { ...label, accountId: 'a-1', labelledAt: '2020-01-01T00:00:00+01:00' } });
    await call('label', { body: { ...label, accountId: 'a-1', labelledAt: '9999-01-01T00:00:00Z' } });
    await call('label', { body: { ...label, decisionId: 'dec_00000000000000000000000000' } });
    await call('label', { body: label });
  });

  test('of lists', async () => {
    const expiresAt = (await call('moveTestClock', { body: { advance: 'PT1H' } })).body.now as string;
    const inADay = new Date(Date.parse(expiresAt) + 86_400_000).toISOString();
    for (const list of ['block', 'allow', 'watch']) {
      const body = { subject: 'device', value: `of-${list}`, reason: 'because', expiresAt: inADay };
      const { entryId: id } = (await call('addListEntry', { path: { list }, body })).body;
      await call('addListEntry', { path: { list }, body: { ...body, subject: 'store', expiresAt: undefined } });
      for (const [subject, value] of [...ON_A_LIST, ['device', 'of-none']]) {
        await call('addListEntry', { path: { list }, query: '?dryRun=true', body: { ...body, subject, value } });
      }
      await call('listListEntries', { path: { list } });
      await call('listListEntries', { path: { list }, query: '?limit=1&state=active' });
      await call('removeListEntry', { path: { list, id }, body: { reason: 'over' } });
      const again = await call('removeListEntry', { path: { list, id }, body: { reason: 'again' } });
      expect(again.body).toMatchObject({ list, state: 'removed', removedReason: 'over' });
      await call('listListEntries', { path: { list }, query: '?state=removed' });
      await call('removeListEntry', { path: { list, id }, body: {} });
      await call('removeListEntry', { path: { list, id: 'nothing' }, body: { reason: 'over' } });
      await call('addListEntry', { path: { list }, body: {} });
      await call('addListEntry', { path: { list }, body: { ...body, expiresAt } });
      await call('listListEntries', { path: { list }, query: '?limit=0' });
    }
    const path = { list: 'grey', id: 'nothing' };
    await call('addListEntry', { path, body: {} });
    await call('listListEntries', { path });
    await call('removeListEntry', { path, body: {} });
  });

  test('of policies', async () => {
    await call('getPolicy');
    await call('getPolicy', { query: '?x=1' });
    const { version } = (await call('draftPolicy', { body: { version: 1, mode: 'observe' } })).body;
    await call('draftPolicy', { body: 'version: 1 # ours\n', headers: { 'content-type': 'application/yaml' } });
    await call('getPolicy');
    await call('activatePolicy', { path: { version } });
    await call('activatePolicy', { path: { version } });
    expect((await call('getPolicy')).body.active.version).toBe(version);
    await call('activatePolicy', { path: { version: 1 } });
    await call('getPolicy');
    await call('activatePolicy', { path: { version: 99 } });
    await call('activatePolicy', { path: { version }, query: '?x=1' });
    await call('draftPolicy', { body: { version: 1, rules: [{ id: 'typo', when: 'type == "brun"' }] } });
    await call('draftPolicy', { body: 'a: [', headers: { 'content-type': 'application/yaml' } });
    await call('draftPolicy', { body: {}, query: '?x=1' });
    await call('draftPolicy', { body: '{' });
  });

  test('every operation and every success that is declared was seen', () => {
    for (const { operation } of operations) {
      for (const status of Object.keys(operation.responses).filter((name) => name.startsWith('2'))) {
        expect([...seen]).toContain(`${operation.operationId} ${status}`);
      }
    }
  });
});
