/** Versions of a policy over HTTP, on a real record, with two instances on it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AccessService } from '../../../src/access/access.service.js';
import { startTestService, type TestService, transaction } from '../../support/service.js';

let one: TestService;
let other: TestService;

beforeAll(async () => {
  one = await startTestService({ policy: 'version: 1\n# the first\n' });
  other = await startTestService({ database: one.database });
});

afterAll(async () => {
  await other?.stop();
  await one?.stop();
});

const RULE = {
  id: 'large',
  when: 'type == "burn" && account.credentialsAgeHours < 24 && points > 5000',
  outcome: 'review',
  reason: 'Large and fresh',
};
const CAPPED = {
  version: 1,
  limits: [
    {
      id: 'one-a-day',
      subject: 'account',
      types: ['burn'],
      metric: 'count',
      window: 'P1D',
      cap: 1,
      kind: 'hard',
      reason: 'One a day',
    },
  ],
  rules: [RULE],
};

async function draftOf(document: unknown): Promise<number> {
  const { status, body } = await one.post('/v1/policy/versions', document);
  expect([status, body.state]).toEqual([201, 'draft']);
  return body.version as number;
}

const activate = (version: number | string, service = one) => service.post(`/v1/policy/versions/${version}/activate`);

describe('the policy of a program', () => {
  it('is the first version, with the document as it was given', async () => {
    const { status, body } = await one.get('/v1/policy');
    expect(status).toBe(200);
    expect(body.document).toBe('version: 1\n# the first\n');
    expect(body.active).toEqual({ version: 1, activatedAt: expect.stringMatching(/Z$/) });
    expect(body.versions).toEqual([
      { version: 1, state: 'active', createdAt: body.active.activatedAt, activatedAt: body.active.activatedAt },
    ]);
  });

  it('changes with the answer to its activation, in every instance, and says so in decisions', async () => {
    const version = await draftOf(CAPPED);
    expect((await one.post('/v1/decisions', transaction())).body.policyVersion).toBe(1);
    const { status, body } = await activate(version);
    expect([status, body]).toMatchObject([200, { version, state: 'active', activatedBy: 'client:backend' }]);
    const asked = [];
    for (const service of [other, one, other]) {
      asked.push((await service.post('/v1/decisions', transaction({ accountId: 'capped' }))).body);
    }
    expect(asked.map(({ policyVersion, outcome }) => [policyVersion, outcome])).toEqual([
      [version, 'allow'],
      [version, 'deny'],
      [version, 'deny'],
    ]);
    const shown = (await other.get('/v1/policy')).body;
    expect(JSON.parse(shown.document)).toEqual(CAPPED);
    expect(shown.versions.map((v: { version: number; state: string }) => [v.version, v.state])).toEqual([
      [version, 'active'],
      [1, 'retired'],
    ]);
  });

  it('can go back to a version that was', async () => {
    await activate(1, other);
    expect((await one.post('/v1/decisions', transaction({ accountId: 'capped' }))).body).toMatchObject({
      policyVersion: 1,
      outcome: 'allow',
    });
    expect((await one.get('/v1/policy')).body.active).toMatchObject({ version: 1, activatedBy: 'client:backend' });
  });

  it('is activated once, however often it is asked for', async () => {
    const version = await draftOf({ version: 1 });
    const acts = async () =>
      one.database.query("select action from pointguard.audit where action = 'policy.activate' and target = $1", [
        `policy:${version}`,
      ]);
    const answers = await Promise.all(Array.from({ length: 10 }, (_, i) => activate(version, i % 2 ? one : other)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(answers.map(({ body }) => body.activatedAt)).size).toBe(1);
    expect(await acts()).toHaveLength(1);
  });

  it('has versions without gaps, whoever drafts them, and each draft in the audit', async () => {
    const before = (await one.get('/v1/policy')).body.versions.length as number;
    const drafts = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        (i % 2 ? one : other).post('/v1/policy/versions', { version: 1, maxOpenHolds: i + 1 }),
      ),
    );
    const numbers = drafts.map(({ body }) => body.version as number).sort((a, b) => a - b);
    expect(numbers).toEqual(Array.from({ length: 20 }, (_, i) => before + 1 + i));
    const rows = await one.database.query(
      "select a.target from pointguard.audit a join pointguard.program p using (program_id) where p.name = 'acme' and a.action = 'policy.draft' and a.actor_id = 'backend'",
    );
    expect(rows.length).toBe(before - 1 + 20);
  });

  it('is one of many: the active one is told beside the newest', async () => {
    const { active, versions } = (await one.get('/v1/policy')).body;
    expect(versions.filter((v: { state: string }) => v.state === 'active')).toEqual([
      expect.objectContaining({ version: active.version }),
    ]);
  });
});

describe('a document that is wrong', () => {
  it.each([
    ['an unknown key', { version: 1, limitz: [] }, '/limitz'],
    ['a cap of 0', { ...CAPPED, limits: [{ ...CAPPED.limits[0], cap: 0 }] }, '/limits/0/cap'],
    ['a type error in CEL', { version: 1, rules: [{ ...RULE, when: 'points > "x"' }] }, '/rules/0/when'],
    [
      'a regular expression',
      { version: 1, rules: [{ ...RULE, when: 'accountId.matches("(a+)+$")' }] },
      '/rules/0/when',
    ],
    ['a limit that is not there', { version: 1, rules: [{ ...RULE, when: 'limits["x"].used > 1' }] }, '/rules/0/when'],
    ['a list that is not there', { version: 1, rules: [{ ...RULE, when: 'size(lists.grey) > 0' }] }, '/rules/0/when'],
    ['a list', [], ''],
    ['a number', 5, ''],
    ['null', null, ''],
    ['a document that is no text', { document: 5 }, '/version'],
    ['a wrapped one', { document: 'version: 1\nmode: off\n' }, '/mode'],
    ['an alias', { document: 'version: 1\na: &x [1]\nb: *x\n' }, ''],
  ])('is refused for %s, with its place', async (_, document, pointer) => {
    const { active } = (await one.get('/v1/policy')).body;
    const { status, headers, body } = await one.post('/v1/policy/versions', document);
    expect([status, body.code, headers.get('content-type')]).toEqual([
      422,
      'policy.invalid',
      'application/problem+json',
    ]);
    expect(body.errors.map((error: { pointer: string }) => error.pointer)).toContain(pointer);
    for (const error of body.errors) {
      expect(error).toEqual({
        pointer: expect.any(String),
        message: expect.any(String),
        line: expect.any(Number),
        column: expect.any(Number),
      });
    }
    expect((await one.get('/v1/policy')).body.active).toEqual(active);
  });

  it('is no document at all', async () => {
    expect((await one.call('POST', '/v1/policy/versions')).status).toBe(400);
  });
});

it.each(['0', '-1', '1.5', '999', '1e3', '2147483648', '99999999999999999999', 'latest', '%00', '01'])(
  'there is no version %s to activate',
  async (version) => {
    const { status, body } = await activate(version);
    expect([status, body.code]).toEqual([404, 'policy.not_found']);
  },
);

it('a client reads and changes the policy of its own program, as far as its scopes go', async () => {
  const access = one.service.app.get(AccessService);
  const operator = { kind: 'person', id: 'tester' } as const;
  await access.createProgram({ name: 'other', mode: 'live', policyText: 'version: 1\nmode: observe\n' }, operator);
  const tokenWith = async (clientId: string, scopes: string[]) => {
    const { secret } = await access.createClient({ programName: 'other', clientId, scopes }, operator);
    return { authorization: `Bearer ${await one.token(clientId, secret)}` };
  };
  const reader = await tokenWith('reader', ['policy:read']);
  const writer = await tokenWith('writer', ['policy']);
  const nobody = await tokenWith('nobody', ['decisions']);
  expect((await one.get('/v1/policy', reader)).body.document).toBe('version: 1\nmode: observe\n');
  expect((await one.get('/v1/policy', nobody)).body.code).toBe('auth.scope');
  expect((await one.post('/v1/policy/versions', { version: 1 }, reader)).body.code).toBe('auth.scope');
  expect((await one.call('POST', '/v1/policy/versions/1/activate', undefined, reader)).body.code).toBe('auth.scope');
  // the first program has this version, the second has not
  expect((await one.call('POST', '/v1/policy/versions/2/activate', undefined, writer)).status).toBe(404);
  expect((await one.post('/v1/policy/versions', { version: 1 }, writer)).body.version).toBe(2);
  expect((await one.call('POST', '/v1/policy/versions/2/activate', undefined, writer)).status).toBe(200);
  expect((await one.get('/v1/policy', writer)).body.active.version).toBe(2);
  expect((await one.get('/v1/policy')).body.document).not.toContain('observe');
});
