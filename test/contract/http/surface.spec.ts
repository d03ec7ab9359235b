/** What every answer has and has not, methods that a path does not know, proxies, the pages that show the API, and the inner port. */
import { createServer } from 'node:net';
import type { FastifyInstance } from 'fastify';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createHttpAdapter, type HttpOptions } from '../../../src/platform/http/http-server.js';
import { createMetrics } from '../../../src/platform/telemetry/metrics.js';
import { startTestService, type TestService, transaction } from '../../support/service.js';
import { faultsOf, recordHash } from './surface.js';

let service: TestService;
beforeAll(async () => {
  service = await startTestService();
});
afterAll(async () => {
  await service.stop();
});

const ROUTES: [string, string, unknown?][] = [
  ['GET', '/livez'],
  ['GET', '/readyz'],
  ['GET', '/metrics'],
  ['GET', '/openapi.json'],
  ['GET', '/docs'],
  ['GET', '/docs/swagger-ui.css'],
  ['GET', '/nothing'],
  ['GET', '/v1/decisions'],
  ['GET', '/v1/decisions/%'],
  ['PUT', '/v1/decisions'],
  ['POST', '/v1/decisions', { bad: 1 }],
  ['POST', '/v1/decisions', '{'],
  ['POST', '/v1/decisions/dec_00000000000000000000000000/appeal', { note: 'It was me.' }],
  ['POST', '/v1/labels', { label: 'fraud' }],
  ['GET', '/v1/lists/block/entries'],
  ['POST', '/v1/lists/grey/entries', {}],
  ['GET', '/v1/policy'],
  ['POST', '/v1/policy/versions', { version: 1, rules: [{ id: 'r', when: '(' }] }],
  ['POST', '/oauth/token', ''],
];

describe('headers of every answer', () => {
  test.each(ROUTES)('%s %s', async (method, path, body) => {
    const { headers } = await service.call(method, path, body);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    // plain HTTP must not pin itself to TLS (RFC 6797 §7.2)
    expect(headers.get('strict-transport-security')).toBeNull();
    const absent = ['server', 'x-powered-by', 'x-fastify', 'via', 'access-control-allow-origin', 'set-cookie'];
    expect(absent.filter((name) => headers.has(name))).toEqual([]);
    const isPrivate = path.startsWith('/v1/') || path === '/oauth/token';
    expect(!isPrivate || headers.get('cache-control') === 'no-store').toBe(true);
  });

  test('strict transport where the public URL is https', async () => {
    const secure = await startTestService({
      database: service.database,
      env: { PUBLIC_URL: 'https://points.example' },
    });
    try {
      for (const path of ['/livez', '/v1/decisions', '/nothing']) {
        expect((await secure.get(path)).headers.get('strict-transport-security')).toMatch(/^max-age=31536000/);
      }
    } finally {
      await secure.stop();
    }
  });

  test('no answer speaks of files, modules or versions', async () => {
    for (const [method, path, body] of ROUTES.filter(([, route]) => !/docs|openapi|metrics/.test(route))) {
      const text = JSON.stringify((await service.call(method, path, body)).body);
      expect(text).not.toMatch(/node_modules|fastify|nest|\.[jt]s\b|stack|at \w+ \(|postgres/i);
    }
  });
});

describe('methods', () => {
  const ALLOWED: Record<string, string[]> = {
    '/v1/decisions': ['GET', 'HEAD', 'POST'],
    '/v1/decisions/dec_00000000000000000000000000': ['GET', 'HEAD'],
    '/v1/decisions/dec_00000000000000000000000000/commit': ['POST'],
    '/v1/decisions/dec_00000000000000000000000000/appeal': ['POST'],
    '/v1/test/clock': ['POST'],
    '/v1/labels': ['POST'],
    '/v1/lists/block/entries': ['GET', 'HEAD', 'POST'],
    '/v1/lists/block/entries/lst_00000000000000000000000000/remove': ['POST'],
    '/v1/policy': ['GET', 'HEAD'],
    '/v1/policy/versions': ['POST'],
    '/v1/policy/versions/1/activate': ['POST'],
    '/oauth/token': ['POST'],
    '/livez': ['GET', 'HEAD'],
  };
  test.each(Object.entries(ALLOWED))('%s', async (path, allowed) => {
    for (const method of [
      'PUT',
      'PATCH',
      'DELETE',
      'OPTIONS',
      ...['GET', 'POST'].filter((name) => !allowed.includes(name)),
    ]) {
      const answer = await service.call(method, path);
      expect(faultsOf(answer, [405])).toEqual([]);
      expect(answer.body.code).toBe('request.method');
      expect(answer.headers.get('allow')?.split(', ').sort()).toEqual(allowed);
    }
  });

  test('HEAD is GET without a body', async () => {
    for (const path of ['/livez', '/v1/decisions', '/openapi.json']) {
      const [head, get] = [await service.call('HEAD', path), await service.get(path)];
      expect(head.status).toBe(get.status);
      expect(head.body).toBeUndefined();
      expect(head.headers.get('content-type')).toBe(get.headers.get('content-type'));
    }
    expect((await service.call('HEAD', '/v1/decisions', undefined, { authorization: '' })).status).toBe(401);
  });

  test('no header and no parameter makes another method', async () => {
    const { decisionId } = (await service.post('/v1/decisions', transaction())).body;
    const before = await recordHash(service.database);
    for (const name of ['x-http-method-override', 'x-http-method', 'x-method-override']) {
      expect((await service.get(`/v1/decisions/${decisionId}`, { [name]: 'POST' })).status).toBe(200);
      expect((await service.get(`/v1/decisions/${decisionId}/cancel`, { [name]: 'POST' })).status).toBe(405);
    }
    expect(faultsOf(await service.get('/v1/decisions?_method=POST'), [422])).toEqual([]);
    expect(await recordHash(service.database)).toEqual(before);
  });

  test('no origin is allowed across', async () => {
    const headers = { origin: 'https://evil.example', 'access-control-request-method': 'POST' };
    const answer = await service.call('OPTIONS', '/v1/decisions', undefined, headers);
    expect(answer.status).toBe(405);
    expect([...answer.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
  });

  test('another path is 404, however it is asked', async () => {
    for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS']) {
      for (const path of [
        '/',
        '/v1',
        '/v2/decisions',
        '/v1/decisions/x/y/z',
        '/docs-yaml',
        '/docs-json',
        '/.env',
        '/favicon.ico',
      ]) {
        expect(faultsOf(await service.call(method, path), [404])).toEqual([]);
      }
    }
  });
});

describe('the address of the caller', () => {
  const adapterFor = (trustedProxies: string[]): FastifyInstance => {
    const options: HttpOptions = {
      logger: pino({ level: 'silent' }),
      metrics: createMetrics(),
      authenticate: () => {
        throw new Error('no route here needs a token');
      },
      trustedProxies,
      secure: false,
    };
    const fastify = createHttpAdapter(options).getInstance();
    fastify.get('/address', (request, reply) => reply.send(request.ip));
    return fastify;
  };
  const FORWARDED: [string, string[], string, string, string][] = [
    ['nobody is trusted', [], '203.0.113.9', '198.51.100.1', '203.0.113.9'],
    ['the proxy is trusted', ['10.0.0.0/8'], '10.1.2.3', '198.51.100.1', '198.51.100.1'],
    ['another is trusted', ['10.0.0.0/8'], '203.0.113.9', '198.51.100.1', '203.0.113.9'],
    ['what the caller forged before the proxy', ['10.0.0.0/8'], '10.1.2.3', '1.2.3.4, 198.51.100.1', '198.51.100.1'],
    ['a chain of proxies', ['10.0.0.0/8'], '10.1.2.3', '198.51.100.1, 10.9.9.9', '198.51.100.1'],
    ['a forged proxy in the chain', ['10.0.0.0/8'], '10.1.2.3', '1.2.3.4, 10.9.9.9, 198.51.100.1', '198.51.100.1'],
  ];
  test.each(FORWARDED)('%s', async (_name, trusted, remoteAddress, forwarded, address) => {
    const fastify = adapterFor(trusted);
    const headers = {
      'x-forwarded-for': forwarded,
      forwarded: 'for=9.9.9.9',
      'x-real-ip': '9.9.9.9',
      'client-ip': '9.9.9.9',
    };
    const answer = await fastify.inject({ url: '/address', remoteAddress, headers });
    expect(answer.body).toBe(address);
    await fastify.close();
  });
});

describe('the pages that show the API', () => {
  test('load nothing from elsewhere and allow nothing else', async () => {
    const { headers, body: page } = await service.get('/docs');
    expect(page).toContain('Pointguard API');
    const references = [...(page as string).matchAll(/(?:src|href)=['"]([^'"]+)['"]/g)].map(([, url]) => url as string);
    expect(references.length).toBeGreaterThan(3);
    for (const reference of references) {
      expect(reference).not.toMatch(/^(https?:)?\/\//);
      expect((await service.get(new URL(reference, `${service.url}/docs`).pathname)).status).toBe(200);
    }
    // nothing in the page runs or is styled that the policy forbids
    expect(page).not.toMatch(/<script(?![^>]*\bsrc=)[^>]*>\s*\S/);
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy).toContain("script-src 'self'");
    expect(policy).not.toMatch(/https?:|\*|unsafe-eval|script-src[^;]*unsafe-inline/);
  });

  test('carry the document with them', async () => {
    const { body } = await service.get('/docs/swagger-ui-init.js');
    expect(body).toContain('"/v1/decisions"');
    expect(body).not.toMatch(/validator\.swagger\.io|validatorUrl/);
  });
});

describe('the inner port', () => {
  let inner: TestService;
  let innerUrl: string;
  beforeAll(async () => {
    const port = await freePort();
    innerUrl = `http://127.0.0.1:${port}`;
    inner = await startTestService({ database: service.database, env: { INTERNAL_PORT: String(port) } });
  });
  afterAll(async () => {
    await inner.stop();
  });
  const statusOf = async (url: string, init?: RequestInit) => (await fetch(url, init)).status;

  test.each(['/metrics', '/docs', '/docs/swagger-ui.css', '/docs/'])('%s answers there only', async (path) => {
    expect(await statusOf(innerUrl + path)).toBe(200);
    expect(faultsOf(await inner.get(path), [404])).toEqual([]);
    expect(await statusOf(inner.url + path, { method: 'HEAD' })).toBe(404);
  });

  test.each([
    '/%6detrics',
    '/%64ocs',
    '/metrics?x=1',
    '/metrics#x',
    '/docs/%73wagger-ui.css',
    '//metrics',
    '/./metrics',
    '/METRICS',
  ])('nor does %s outside', async (path) => {
    expect(await statusOf(inner.url + path)).toBe(404);
  });

  test('nor in absolute form', async () => {
    const { hostname, port } = new URL(inner.url);
    const { connect } = await import('node:net');
    const text = await new Promise<string>((resolve) => {
      let all = '';
      const socket = connect(Number(port), hostname, () =>
        socket.write(`GET http://${hostname}/metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`),
      );
      socket.on('data', (chunk) => (all += chunk.toString()));
      socket.on('close', () => resolve(all));
    });
    expect(text).toMatch(/^HTTP\/1\.1 404 /);
  });

  test.each(['/livez', '/readyz', '/openapi.json'])('%s answers on both', async (path) => {
    expect(await statusOf(innerUrl + path)).toBe(200);
    expect((await inner.get(path)).status).toBe(200);
  });

  test('nothing else is inside, with a token or without', async () => {
    const authorization = `Bearer ${await inner.token()}`;
    expect(await statusOf(`${innerUrl}/v1/decisions`, { headers: { authorization } })).toBe(404);
    expect(await statusOf(`${innerUrl}/%76%31/decisions`, { headers: { authorization } })).toBe(404);
    expect(await statusOf(`${innerUrl}/oauth/token`, { method: 'POST' })).toBe(404);
  });
});

function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

test('one bad command never fails its neighbours in a batch', async () => {
  const { decisionId } = (await service.post('/v1/decisions', transaction())).body;
  const bad = [
    () => service.post('/v1/decisions', transaction({ occurredAt: '1990-01-01T00:00:00Z' })),
    () => service.post('/v1/decisions/dec_00000000000000000000000000/commit', {}),
    () => service.post(`/v1/decisions/${decisionId}/commit`, { points: 10 ** 12 }),
    () => service.post(`/v1/decisions/${decisionId}/reverse`, { reversalId: 'r', reason: 'not committed' }),
    () => service.post('/v1/test/clock', { now: '1970-01-01T00:00:00Z' }),
    () => service.post('/v1/decisions', transaction({ points: 0 })),
  ];
  const all = Array.from({ length: 240 }, (_, at) =>
    at % 2 === 0
      ? service.post('/v1/decisions', transaction())
      : (bad[(at >> 1) % bad.length] as (typeof bad)[number])(),
  );
  const answers = await Promise.all(all);
  expect(answers.filter((_, at) => at % 2 === 0).map(({ status }) => status)).toEqual(
    Array.from({ length: 120 }, () => 201),
  );
  expect(answers.filter((_, at) => at % 2 === 1).flatMap((answer) => faultsOf(answer, [404, 409, 422]))).toEqual([]);
});
