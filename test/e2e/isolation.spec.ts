/** One program sees nothing of another; a token does what its scopes say, route by route. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AccessService } from '../../src/access/access.service.js';
import { SCOPES } from '../../src/access/core/scopes.js';
import { policyWith, startTestService, type TestService, transaction } from '../support/service.js';
import { type Answer, type Backend, backendOf } from './backend.js';

const OPERATOR = { kind: 'person', id: 'test' } as const;
const SECRET = 'another-secret-0123456789';
const POLICY = policyWith([['count', 'account', ['burn'], 'count', 'P1D', 1]]);

let service: TestService;
let access: AccessService;
let backend: Backend;
let stranger: Backend;

beforeAll(async () => {
  service = await startTestService({ policy: POLICY });
  access = service.service.app.get(AccessService);
  backend = await backendOf(service);
  await access.createProgram({ name: 'other', mode: 'test', policyText: JSON.stringify(POLICY) }, OPERATOR);
  stranger = await client('stranger', ['decisions'], 'other');
});
afterAll(() => service.stop());

async function client(clientId: string, scopes: string[], programName = 'acme'): Promise<Backend> {
  await access.createClient({ programName, clientId, scopes, secret: SECRET }, OPERATOR);
  return backendOf(service, clientId, SECRET);
}

/** What the other program has, and what was said of the first one. */
const rowsOfOther = () =>
  service.database.query(`select (select seq from pointguard.lane where program_id = 2) as seq,
    (select batch from pointguard.lane where program_id = 2) as batch,
    (select count(*) from pointguard.event) as events, (select count(*) from pointguard.audit) as audit`);

/** What a refusal says, but for the id of its trace. */
const said = ({ status, body }: Answer) => ({ status, body: { ...body, traceId: '' } });

describe('two programs', () => {
  const UNKNOWN = 'dec_00000000000000000000000000';
  const ROUTES: [string, (by: Backend, id: string) => Promise<Answer>][] = [
    ['GET {id}', (by, id) => by.find(id)],
    ['GET {id}?include=limits', (by, id) => by.find(id, '?include=limits')],
    ['POST {id}/commit', (by, id) => by.commit(id)],
    ['POST {id}/commit points', (by, id) => by.commit(id, { points: 1 })],
    ['POST {id}/cancel', (by, id) => by.cancel(id)],
    ['POST {id}/reverse', (by, id) => by.reverse(id, { reversalId: 'r' })],
    ['POST {id}/appeal', (by, id) => by.post(`/v1/decisions/${id}/appeal`, { note: 'It was me.' })],
  ];

  it('every route of a decision is in the table', async () => {
    const { paths } = (await backend.get('/openapi.json')).body as { paths: Record<string, object> };
    const called = ROUTES.map(([title]) => title.replace(/^\w+ /, '/v1/decisions/').replace(/[ ?].*/, ''));
    expect([...new Set(called)].sort()).toEqual(
      Object.keys(paths)
        .filter((path) => path.startsWith('/v1/decisions/') && path.includes('{id}'))
        .sort(),
    );
  });

  it.each(ROUTES)('%s: a foreign id is one that does not exist, and nothing happens to it', async (_, call) => {
    const mine = await backend.decide();
    const { decisionId } = mine.body;
    const before = await rowsOfOther();
    const foreign = await call(stranger, decisionId);
    expect(foreign).toMatchObject({ status: 404, body: { code: 'decision.not_found' } });
    expect(said(foreign)).toEqual(said(await call(stranger, UNKNOWN)));
    expect(said(foreign)).toEqual(said(await call(stranger, 'no id at all')));
    expect((await backend.find(decisionId)).body).toEqual(mine.body);
    expect(await rowsOfOther()).toEqual(before);
  });

  it('the same transactionId and accountId are two transactions of two members', async () => {
    const body = transaction({ accountId: 'shared' });
    const [mine, theirs] = [await backend.post('/v1/decisions', body), await stranger.post('/v1/decisions', body)];
    expect([mine.status, theirs.status]).toEqual([201, 201]);
    expect([mine.body.outcome, theirs.body.outcome], 'a cap of one, each').toEqual(['allow', 'allow']);
    expect(theirs.body.decisionId).not.toBe(mine.body.decisionId);
    const { transactionId } = body;
    await stranger.post('/v1/decisions/cancel', { transactionId });
    expect((await backend.find(mine.body.decisionId)).body.status).toBe('held');
    const [a, b] = await Promise.all(
      [backend, stranger].map((by) => by.get(`/v1/decisions?transactionId=${transactionId}`)),
    );
    expect(a!.body.items.map(({ status }: { status: string }) => status)).toEqual(['held']);
    expect(b!.body.items.map(({ status }: { status: string }) => status)).toEqual(['cancelled']);
  });

  it('a cursor of one program shows nothing of it to the other', async () => {
    await backend.decide();
    const cursor = (await backend.get('/v1/decisions?limit=1')).body.nextCursor as string;
    const { items } = (await stranger.get(`/v1/decisions?cursor=${cursor}`)).body as {
      items: { transactionId: string }[];
    };
    const own = (await stranger.get('/v1/decisions')).body.items as { transactionId: string }[];
    expect(items.every(({ transactionId }) => own.some((one) => one.transactionId === transactionId))).toBe(true);
  });

  it('a clock moves its own program only', async () => {
    await stranger.clock('2040-01-01T00:00:00Z');
    expect((await backend.decide()).body.evaluatedAt < '2040').toBe(true);
  });

  it('subjects of the same name have other keys in the other', async () => {
    const rows = await service.database.query<{ program_id: number; key: string }>(
      `select program_id, encode(key, 'hex') as key from pointguard.subject`,
    );
    expect(new Set(rows.map(({ key }) => key)).size).toBe(rows.length);
    expect(new Set(rows.map(({ program_id }) => program_id))).toEqual(new Set([1, 2]));
  });
});

describe('scopes × routes', () => {
  interface Route {
    method: string;
    path: string;
    scope?: string;
  }

  async function routes(): Promise<Route[]> {
    const { paths } = (await backend.get('/openapi.json')).body as {
      paths: Record<string, Record<string, { 'x-scope'?: string }>>;
    };
    return Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ method, path, scope: operation['x-scope'] })),
    );
  }
  const call = (by: Backend, { method, path }: Route) =>
    by.send(method, path.replace('{id}', 'dec_00000000000000000000000000'), method === 'post' ? {} : undefined);

  it('each route below /v1 names a scope that exists, and no other route does', async () => {
    const all = await routes();
    expect(all.length).toBeGreaterThan(10);
    for (const { path, scope } of all) {
      expect([path, scope !== undefined && SCOPES.has(scope)]).toEqual([path, path.startsWith('/v1/')]);
    }
  });

  it('without a token: 401, before anything is read', async () => {
    for (const route of (await routes()).filter(({ scope }) => scope)) {
      for (const authorization of ['', 'Bearer ', 'Bearer x', 'Bearer a.b.c', 'Basic YmFja2VuZDp4', 'Token x']) {
        const answer = await backend.send(route.method, route.path.replace('{id}', 'x'), undefined, { authorization });
        expect([route.path, authorization, answer.status, answer.body.code]).toEqual([
          route.path,
          authorization,
          401,
          'auth.token',
        ]);
        expect(answer.headers['www-authenticate']).toBe('Bearer');
      }
    }
  });

  it('with each scope alone: through where it covers the route, else 403', async () => {
    const all = (await routes()).filter(({ scope }) => scope);
    for (const scope of SCOPES.keys()) {
      const by = await client(`only-${scope.replace(':', '-')}`, [scope]);
      for (const route of all) {
        const answer = await call(by, route);
        const allowed = scope === route.scope || route.scope === `${scope}:read`;
        const refusedForScope = answer.status === 403 && answer.body.code === 'auth.scope';
        expect([route.method, route.path, scope, refusedForScope]).toEqual([route.method, route.path, scope, !allowed]);
        expect(answer.status).not.toBe(401);
        expect(answer.status).toBeLessThan(500);
      }
    }
  });

  it('with all scopes but the right one: 403', async () => {
    for (const route of (await routes()).filter(({ scope }) => scope)) {
      const family = route.scope!.replace(':read', '');
      const others = [...SCOPES.keys()].filter((scope) => scope !== family && scope !== `${family}:read`);
      const by = await client(`without-${route.method}-${route.path.replaceAll(/[^a-z]/g, '')}`, others);
      expect((await call(by, route)).body.code).toBe('auth.scope');
    }
  });

  it('a token that asked for less has less', async () => {
    const answer = await fetch(`${service.url}/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: 'backend',
        client_secret: 'backend-secret-0123456789',
        scope: 'decisions:read',
      }),
    });
    const { access_token } = (await answer.json()) as { access_token: string };
    const authorization = `Bearer ${access_token}`;
    expect((await service.get('/v1/decisions', { authorization })).status).toBe(200);
    expect((await service.post('/v1/decisions', transaction(), { authorization })).status).toBe(403);
  });
});
