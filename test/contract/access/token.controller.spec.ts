import 'reflect-metadata';
import { Global, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AccessModule } from '../../../src/access/access.module.js';
import { AccessService } from '../../../src/access/access.service.js';
import { KEY_RING, LANES, OWN_RECORD, RECORD } from '../../../src/platform/platform.tokens.js';
import { type AccessWorld, accessWorld, OPERATOR, POLICY_TEXT } from './access-world.js';

let world: AccessWorld;
let app: NestFastifyApplication;
let secret: string;

beforeAll(async () => {
  world = await accessWorld();
  const { pool, lanes, ring } = await world.open();

  @Global()
  @Module({
    providers: [
      { provide: RECORD, useValue: pool },
      { provide: OWN_RECORD, useValue: pool },
      { provide: LANES, useValue: lanes },
      { provide: KEY_RING, useValue: ring },
    ],
    exports: [RECORD, OWN_RECORD, LANES, KEY_RING],
  })
  class Platform {}

  @Module({ imports: [Platform, AccessModule] })
  class App {}

  const adapter = new FastifyAdapter();
  adapter
    .getInstance()
    .addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) =>
      done(null, new URLSearchParams(String(body))),
    );
  app = await NestFactory.create<NestFastifyApplication>(App, adapter, { logger: false, bodyParser: false });
  await app.init();
  await adapter.getInstance().ready();

  const access = app.get(AccessService);
  await access.createProgram({ name: 'retail', mode: 'test', policyText: POLICY_TEXT }, OPERATOR);
  const made = { programName: 'retail', clientId: 'till', scopes: ['decisions', 'links'] };
  ({ secret } = await access.createClient(made, OPERATOR));
});
afterAll(async () => {
  await app.close();
  await world.close();
});

const FORM = 'application/x-www-form-urlencoded';
const GRANT = 'grant_type=client_credentials';
const basic = (id: string, of: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(`${id}:${of}`).toString('base64')}`,
});

const post = (payload: string, headers: Record<string, string> = {}) =>
  app.inject({ method: 'POST', url: '/oauth/token', payload, headers: { 'content-type': FORM, ...headers } });

describe('POST /oauth/token', () => {
  test.each(['by Basic', 'in the form'])('gives a token for the secret %s', async (way) => {
    const answer =
      way === 'by Basic'
        ? await post(GRANT, basic('till', secret))
        : await post(`${GRANT}&client_id=till&client_secret=${secret}`);
    expect(answer.statusCode).toBe(200);
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', pragma: 'no-cache' });
    expect(answer.headers['content-type']).toMatch(/^application\/json/);
    const body = answer.json<Record<string, string>>();
    expect(Object.keys(body).toSorted()).toEqual(['access_token', 'expires_in', 'scope', 'token_type']);
    expect(body).toMatchObject({ token_type: 'Bearer', expires_in: 900, scope: 'decisions links' });
    expect(await app.get(AccessService).authenticate(`Bearer ${body.access_token}`)).toMatchObject({
      clientId: 'till',
    });
  });

  test('narrows the scope', async () => {
    const answer = await post(`${GRANT}&scope=links:read`, basic('till', secret));
    expect(answer.json()).toMatchObject({ scope: 'links:read' });
  });

  test('an unknown client and a wrong secret are one answer, to the byte', async () => {
    const answers = [
      await post(GRANT, basic('till', 'wrong')),
      await post(GRANT, basic('nobody', 'wrong')),
      await post(GRANT, basic('nobody', secret)),
      await post(`${GRANT}&client_id=nobody&client_secret=wrong`),
    ];
    for (const answer of answers) {
      expect(answer.statusCode).toBe(401);
      expect(answer.body).toBe(answers[0]?.body);
      expect(answer.headers['www-authenticate']).toBe('Basic realm="pointguard", charset="UTF-8"');
      expect(answer.headers['cache-control']).toBe('no-store');
    }
    expect(answers[0]?.json()).toEqual({ error: 'invalid_client', error_description: expect.any(String) });
  });

  const REFUSED: [
    what: string,
    payload: string,
    headers: () => Record<string, string>,
    status: number,
    error: string,
  ][] = [
    [
      'JSON',
      `{"grant_type":"client_credentials"}`,
      () => ({ 'content-type': 'application/json' }),
      415,
      'invalid_request',
    ],
    ['an unknown grant type', 'grant_type=password', () => basic('till', secret), 400, 'unsupported_grant_type'],
    ['no grant type', 'a=b', () => basic('till', secret), 400, 'invalid_request'],
    ['both ways at once', `${GRANT}&client_secret=x`, () => basic('till', secret), 400, 'invalid_request'],
    ['a field twice', `${GRANT}&${GRANT}`, () => basic('till', secret), 400, 'invalid_request'],
    ['too much scope', `${GRANT}&scope=admin`, () => basic('till', secret), 400, 'invalid_scope'],
    ['an unknown scope', `${GRANT}&scope=everything`, () => basic('till', secret), 400, 'invalid_scope'],
    ['no credentials', GRANT, () => ({}), 401, 'invalid_client'],
  ];
  test.each(REFUSED)('%s is refused', async (_what, payload, headers, status, error) => {
    const answer = await post(payload, headers());
    expect([answer.statusCode, answer.json<{ error: string }>().error]).toEqual([status, error]);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.body).not.toContain(secret);
  });

  test('a crowd is partly told to come back, nobody crashes it, and then it works again', async () => {
    const answers = await Promise.all(Array.from({ length: 120 }, () => post(GRANT, basic('till', 'wrong'))));
    const busy = answers.filter(({ statusCode }) => statusCode === 503);
    expect(busy.length).toBeGreaterThan(0);
    for (const { headers, body } of busy) {
      expect(headers['retry-after']).toMatch(/^[1-9]\d*$/);
      expect(JSON.parse(body)).toMatchObject({ error: 'temporarily_unavailable' });
    }
    expect(answers.filter(({ statusCode }) => statusCode === 401)).toHaveLength(120 - busy.length);
    expect((await post(GRANT, basic('till', secret))).statusCode).toBe(200);
  });
});
