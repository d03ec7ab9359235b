import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AccessService, IssuedToken } from '../../../src/access/access.service.js';
import { bootstrap } from '../../../src/access/bootstrap.js';
import { SCOPES } from '../../../src/access/core/scopes.js';
import type { AuditRow } from '../../../src/audit/core/chain.js';
import { chainHash, GENESIS } from '../../../src/audit/core/chain.js';
import { type AccessWorld, accessWorld, OPERATOR, POLICY_TEXT } from './access-world.js';

let world: AccessWorld;
let access: AccessService;
/** Another instance of the service on the same record. */
let elsewhere: AccessService;

beforeAll(async () => {
  world = await accessWorld();
  access = (await world.open()).access;
  elsewhere = (await world.open()).access;
  await access.createProgram({ name: 'retail', mode: 'live', policyText: POLICY_TEXT }, OPERATOR);
});
afterAll(() => world.close());

const rows = (sql: string, values?: unknown[]) => world.database.query(sql, values);

async function bearerOf(clientId: string, secret: string, scopes?: string[]): Promise<string> {
  const issued = (await access.issueToken({ clientId, secret, scopes })) as IssuedToken;
  expect(issued).toMatchObject({ token_type: 'Bearer', expires_in: 900 });
  return `Bearer ${issued.access_token}`;
}

/** What authentication answers, thrown at once or by a promise alike. */
const authenticated = async (from: AccessService, authorization: string | undefined) =>
  from.authenticate(authorization);

describe('programs', () => {
  test('have a lane that knows the active policy, and the first version of it', async () => {
    const { programId } = await access.createProgram(
      { name: 'books', mode: 'test', policyText: '# mine\nversion: 1\n' },
      OPERATOR,
    );
    expect(await rows('select name, mode from pointguard.program where program_id = $1', [programId])).toEqual([
      { name: 'books', mode: 'test' },
    ]);
    expect(await rows('select seq, batch, heads from pointguard.lane where program_id = $1', [programId])).toEqual([
      { seq: '0', batch: '0', heads: { policy: { version: 1 } } },
    ]);
    expect(
      await rows('select version, document from pointguard.policy_version where program_id = $1', [programId]),
    ).toEqual([{ version: 1, document: '# mine\nversion: 1\n' }]);
  });

  test('made at once from two instances get ids and names of their own; the same name goes to one of them', async () => {
    const names = Array.from({ length: 12 }, (_, i) => `rush-${i % 6}`);
    const made = await Promise.allSettled(
      names.map((name, i) =>
        (i < 6 ? access : elsewhere).createProgram({ name, mode: 'test', policyText: POLICY_TEXT }, OPERATOR),
      ),
    );
    const ids = made.flatMap((one) => (one.status === 'fulfilled' ? [one.value.programId] : []));
    expect(ids).toHaveLength(6);
    expect(new Set(ids).size).toBe(6);
    expect(made.find((one) => one.status === 'rejected')).toMatchObject({ reason: { code: 'request.invalid' } });
    expect((await access.listPrograms()).filter(({ name }) => name.startsWith('rush-'))).toHaveLength(6);
  });

  test.each(['', 'Retail', '-retail', 'a'.repeat(64), 'a b', 'a/b', "a'b", 'é'])('%j is no name', async (name) => {
    const made = access.createProgram({ name, mode: 'live', policyText: POLICY_TEXT }, OPERATOR);
    await expect(made).rejects.toMatchObject({ code: 'request.invalid' });
  });

  test('the system program is not listed, and its name is taken', async () => {
    expect((await access.listPrograms()).map(({ name }) => name)).not.toContain('system');
    const made = access.createProgram({ name: 'system', mode: 'live', policyText: POLICY_TEXT }, OPERATOR);
    await expect(made).rejects.toMatchObject({ detail: 'There is already a program system.' });
    const client = access.createClient({ programName: 'system', clientId: 'root', scopes: ['admin'] }, OPERATOR);
    await expect(client).rejects.toMatchObject({ detail: 'There is no program system.' });
  });
});

describe('clients', () => {
  test('get a secret that is kept only as an argon2id hash', async () => {
    const { secret } = await access.createClient(
      { programName: 'retail', clientId: 'hash', scopes: ['decisions'] },
      OPERATOR,
    );
    expect(secret).toMatch(/^[A-Za-z0-9_-]{43}$/);
    const [kept] = await rows(`select * from pointguard.api_client where client_id = 'hash'`);
    expect(JSON.stringify(kept)).not.toContain(secret);
    expect(kept?.secret_hash).toMatch(/^\$argon2id\$v=19\$m=19456,/);
    expect(JSON.stringify(await access.listClients())).not.toContain('argon2');
  });

  test('are refused with a sentence: unknown scopes, none, a wrong id, a taken id, no such program', async () => {
    const create = (more: object) =>
      access.createClient({ programName: 'retail', clientId: 'refused', scopes: ['decisions'], ...more }, OPERATOR);
    await expect(create({ scopes: ['decisions', 'cases'] })).rejects.toMatchObject({
      code: 'request.invalid',
      detail: expect.stringMatching(/^There is no scope "cases"; there are decisions .*\.$/),
    });
    await expect(create({ scopes: [] })).rejects.toMatchObject({ detail: 'A client needs at least one scope.' });
    await expect(create({ clientId: 'a b' })).rejects.toMatchObject({ code: 'request.invalid' });
    await expect(create({ clientId: 'hash' })).rejects.toMatchObject({ detail: /already a client hash/ });
    await expect(create({ programName: 'nowhere' })).rejects.toMatchObject({ detail: 'There is no program nowhere.' });
    expect((await access.listClients()).map(({ clientId }) => clientId)).not.toContain('refused');
  });

  test('are listed by program', async () => {
    await access.createClient({ programName: 'books', clientId: 'reader', scopes: ['events:read'] }, OPERATOR);
    expect(await access.listClients('books')).toMatchObject([
      { clientId: 'reader', program: { name: 'books', mode: 'test' }, scopes: ['events:read'], revokedAtMs: undefined },
    ]);
    expect(await access.listClients('nowhere')).toEqual([]);
  });
});

describe('tokens', () => {
  let secret = '';
  beforeAll(async () => {
    const made = { programName: 'retail', clientId: 'till', scopes: ['decisions', 'events:read'] };
    ({ secret } = await access.createClient(made, OPERATOR));
  });

  test('say who calls, in every instance, at once where the token was seen before', async () => {
    const bearer = await bearerOf('till', secret);
    for (const instance of [access, elsewhere]) {
      const identity = await instance.authenticate(bearer);
      expect(identity).toEqual({
        clientId: 'till',
        program: { programId: expect.any(Number), name: 'retail', mode: 'live' },
        scopes: new Set(['decisions', 'events:read']),
      });
      expect(instance.authenticate(bearer)).toBe(identity);
    }
  });

  test('carry the scopes that were asked for, never more than the client has', async () => {
    const identity = await authenticated(access, await bearerOf('till', secret, ['decisions:read']));
    expect([...identity.scopes]).toEqual(['decisions:read']);
    for (const scopes of [['events'], ['admin'], ['decisions', 'nonsense'], []]) {
      expect(await access.issueToken({ clientId: 'till', secret, scopes })).toMatchObject({ error: 'invalid_scope' });
    }
  });

  test('an unknown client, a wrong and an oversized secret get one answer', async () => {
    const answers = await Promise.all(
      [
        { clientId: 'till', secret: `${secret}x` },
        { clientId: 'till', secret: '' },
        { clientId: 'till', secret: 'x'.repeat(100_000) },
        { clientId: 'nobody', secret },
        { clientId: "' or 1=1 --", secret },
        { clientId: 'till\0', secret },
      ].map((request) => access.issueToken(request)),
    );
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(answers[0]).toEqual({ error: 'invalid_client', description: expect.any(String) });
  });

  test.each([
    undefined,
    '',
    'Bearer',
    'Bearer ',
    'Bearer x',
    'Basic eDp5',
    'Bearer a.b.c',
    `Bearer ${'x'.repeat(9000)}`,
  ])('authorization %j is refused like any other', async (authorization) => {
    await expect(authenticated(access, authorization)).rejects.toMatchObject({
      code: 'auth.token',
      detail: 'A valid access token is needed.',
    });
  });

  test('of a client that another instance made a moment ago are known', async () => {
    const made = { programName: 'retail', clientId: 'fresh', scopes: ['decisions'] };
    await authenticated(elsewhere, await bearerOf('till', secret));
    const fresh = await access.createClient(made, OPERATOR);
    expect(await authenticated(elsewhere, await bearerOf('fresh', fresh.secret))).toMatchObject({ clientId: 'fresh' });
  });

  test('end with their client, in every instance, and no new one is issued; revoking twice is once', async () => {
    const made = await access.createClient(
      { programName: 'retail', clientId: 'stolen', scopes: ['decisions'] },
      OPERATOR,
    );
    const bearer = await bearerOf('stolen', made.secret);
    for (const instance of [access, elsewhere]) await authenticated(instance, bearer);
    await access.revokeClient('stolen', OPERATOR);
    await access.revokeClient('stolen', OPERATOR);
    for (const instance of [access, elsewhere]) {
      await expect
        .poll(() =>
          authenticated(instance, bearer).then(
            () => 'good',
            () => 'refused',
          ),
        )
        .toBe('refused');
    }
    expect(await access.issueToken({ clientId: 'stolen', secret: made.secret })).toMatchObject({
      error: 'invalid_client',
    });
    expect(
      await rows(`select from pointguard.audit where action = 'client.revoke' and target = 'client:stolen'`),
    ).toHaveLength(1);
    await expect(access.revokeClient('nobody', OPERATOR)).rejects.toMatchObject({ detail: 'There is no such client.' });
  });

  test('without the record nobody is let in once the clients are older than a second, and all are again with it', async () => {
    const { access: cutOff, pool } = await world.open();
    const bearer = await bearerOf('till', secret);
    await authenticated(cutOff, bearer);
    const query_ = pool.query.bind(pool);
    // the pool hands out no connection: as when all hang
    pool.query = (() => new Promise(() => {})) as unknown as typeof pool.query;
    await expect
      .poll(
        () =>
          authenticated(cutOff, bearer).then(
            () => 'good',
            (error: { code: string }) => error.code,
          ),
        { timeout: 8000 },
      )
      .toBe('record.unavailable');
    expect(await cutOff.issueToken({ clientId: 'till', secret }).catch((error: { code: string }) => error.code)).toBe(
      'record.unavailable',
    );
    pool.query = query_;
    await expect
      .poll(() =>
        authenticated(cutOff, bearer).then(
          ({ clientId }) => clientId,
          () => '',
        ),
      )
      .toBe('till');
  });
});

describe('audit', () => {
  test('every change has a row in the chain of the system, and the chain holds', async () => {
    const audit = await rows('select * from pointguard.audit where program_id = 0 order by seq');
    expect(audit.map(({ action, target }) => `${action} ${target}`)).toEqual(
      expect.arrayContaining([
        'program.create program:retail',
        'client.create client:till',
        'client.revoke client:stolen',
      ]),
    );
    const programs = await rows('select from pointguard.program where program_id > 0');
    expect(audit.filter(({ action }) => action === 'program.create')).toHaveLength(programs.length);
    let before: Uint8Array = GENESIS;
    for (const [index, row] of audit.entries()) {
      const entry: AuditRow = {
        programId: 0,
        seq: index + 1,
        atMs: Number(row.at_ms),
        actor: { kind: row.actor_kind, id: row.actor_id },
        action: row.action,
        target: row.target,
        reason: row.reason ?? undefined,
        network: row.network ?? undefined,
      };
      before = chainHash(before, entry);
      expect(Buffer.from(row.hash).toString('hex')).toBe(Buffer.from(before).toString('hex'));
    }
  });

  test('who did it, and nothing secret', async () => {
    const audit = await rows('select actor_kind, actor_id, reason from pointguard.audit where program_id = 0');
    for (const row of audit) expect(row).toMatchObject({ actor_kind: 'person', actor_id: 'tester' });
    expect(JSON.stringify(audit)).not.toContain('argon2');
  });
});

describe('bootstrap', () => {
  const DEMO = { program: 'demo', programMode: 'test', clientId: 'demo' } as const;
  const policyText = async () => POLICY_TEXT;

  test('of two instances at once makes one program and one client, and tells one secret', async () => {
    const made = await Promise.all([bootstrap(access, DEMO, policyText), bootstrap(elsewhere, DEMO, policyText)]);
    const secrets = made.flatMap(({ madeClient }) => (madeClient?.generatedSecret ? [madeClient.generatedSecret] : []));
    expect(secrets).toHaveLength(1);
    expect(made.filter(({ madeProgram }) => madeProgram === 'demo')).toHaveLength(1);
    const identity = await authenticated(access, await bearerOf('demo', secrets[0] ?? ''));
    expect(identity.program).toMatchObject({ name: 'demo', mode: 'test' });
    expect(identity.scopes).toEqual(new Set(SCOPES.keys()));
  });

  test('again makes nothing, and does not bring back what was revoked', async () => {
    await access.revokeClient('demo', OPERATOR);
    expect(await bootstrap(access, DEMO, policyText)).toEqual({ madeProgram: undefined, madeClient: undefined });
  });

  test('makes only what is missing, with the secret that was given, which it does not tell', async () => {
    const given = { ...DEMO, clientId: 'given', clientSecret: 'a-secret-of-the-operator' };
    const made = await bootstrap(access, given, () => Promise.reject(new Error('the policy is not needed')));
    expect(made).toEqual({
      madeProgram: undefined,
      madeClient: { clientId: 'given', programName: 'demo', generatedSecret: undefined },
    });
    await bearerOf('given', given.clientSecret);
  });

  test('without a program makes nothing; without a client id, no client', async () => {
    expect(await bootstrap(access, { programMode: 'live' }, policyText)).toEqual({});
    expect(await bootstrap(access, { program: 'bare', programMode: 'live' }, policyText)).toMatchObject({
      madeProgram: 'bare',
    });
    expect(await access.listClients('bare')).toEqual([]);
  });

  test('a policy that is wrong is told, and no program is left without one', async () => {
    const wrong = bootstrap(access, { program: 'unmade', programMode: 'live' }, () =>
      Promise.reject(new Error('wrong policy')),
    );
    await expect(wrong).rejects.toThrow('wrong policy');
    expect((await access.listPrograms()).map(({ name }) => name)).not.toContain('unmade');
  });
});
