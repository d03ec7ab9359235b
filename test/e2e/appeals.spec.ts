/** A member objects, people are told, and one of them answers: upheld or rejected, under their name. */
import { Command } from 'commander';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { AccessService } from '../../src/access/access.service.js';
import type { CliContext, OpenedRecord } from '../../src/cli/context.js';
import { register } from '../../src/cli/reviews.command.js';
import { operator } from '../../src/cli/with-access.js';
import { DecisionService } from '../../src/decision/decision.service.js';
import { uuidOf } from '../../src/kernel/ids.js';
import { open, sealedKid } from '../../src/platform/keys/seal.js';
import { policyWith, startTestService, type TestService } from '../support/service.js';
import { type Answer, type Backend, backendOf } from './backend.js';

const NOON = '2026-03-01T12:00:00.000Z';
const POLICY = policyWith([['hard', 'account', ['burn'], 'count', 'P90D', 1]]);

let service: TestService;
let backend: Backend;
let stranger: Backend;
let decisions: DecisionService;

beforeAll(async () => {
  service = await startTestService({ policy: POLICY });
  backend = await backendOf(service);
  decisions = service.service.app.get(DecisionService);
  const access = service.service.app.get(AccessService);
  const actor = { kind: 'person', id: 'test' } as const;
  const secret = 'another-secret-0123456789';
  await access.createProgram({ name: 'other', mode: 'test', policyText: JSON.stringify(POLICY) }, actor);
  await access.createClient({ programName: 'other', clientId: 'stranger', scopes: ['decisions'], secret }, actor);
  stranger = await backendOf(service, 'stranger', secret);
  await backend.clock(NOON);
});
afterAll(() => service.stop());

let accounts = 0;
const newAccount = (): string => `appeals-${++accounts}`;
/** The second of an account is denied; the first is given back, so that there is room for it again. */
async function denied(accountId = newAccount()): Promise<Answer> {
  const first = await backend.decide({ accountId });
  const second = await backend.decide({ accountId });
  expect(second.body.status).toBe('denied');
  await backend.cancel(first.body.decisionId);
  return second;
}
const appeal = (id: string, note = 'It was me.', by = backend) => by.post(`/v1/decisions/${id}/appeal`, { note });

interface AppealRow {
  program_id: number;
  state: string;
  at_ms: string;
  due_at_ms: string;
  note: Buffer;
}
const rowsOf = (id: string) =>
  service.database.query<AppealRow>('select * from pointguard.appeal where decision_id = $1 order by appeal_id', [
    uuidOf('dec', id),
  ]);
const statesOf = async (id: string): Promise<string[]> => (await rowsOf(id)).map(({ state }) => state);
const trailOf = (id: string) =>
  service.database.query<{ actor: string; action: string }>(
    "select actor_kind || ':' || actor_id as actor, action from pointguard.audit where target = $1 order by seq",
    [id],
  );

describe('an appeal', () => {
  it('answers the decision as it is and by when it is answered; nothing of it changes but its version', async () => {
    const made = await denied();
    const { decisionId } = made.body;
    const answer = await appeal(decisionId);
    expect(answer.status).toBe(201);
    expect(answer.body).toEqual({
      decision: made.body,
      appeal: { at: NOON, dueAt: '2026-03-04T12:00:00.000Z' },
    });
    expect((await backend.find(decisionId)).body).toEqual(made.body);
    const events = await service.database.query<{ type: string; version: string; data: string }>(
      'select type, version::text, data from pointguard.event where aggregate_id = $1 order by seq',
      [decisionId],
    );
    expect(events.map(({ type, version }) => [type, Number(version)])).toEqual([
      ['decision.made', 1],
      ['decision.appealed', 2],
    ]);
    expect(JSON.parse(events[1]!.data)).toEqual(made.body);
    expect((await trailOf(decisionId)).at(-1)).toEqual({ actor: 'client:backend', action: 'decision.appealed' });
  });

  it('is kept sealed, and in clear nowhere', async () => {
    const note = 'Canary: I was in Melbourne, ✓\nplease';
    const { decisionId } = (await denied()).body;
    expect(JSON.stringify((await appeal(decisionId, note)).body)).not.toContain('Canary');
    const [row] = await rowsOf(decisionId);
    expect(row).toMatchObject({ state: 'open', at_ms: String(Date.parse(NOON)) });
    const key = (await service.service.platform.keys.sealKeyById(sealedKid(row!.note) ?? ''))!;
    expect(open(key, row!.note, 'appeal/1')).toBe(note);
    const tables = await service.database.query<{ name: string }>(
      `select format('%I.%I', table_schema, table_name) as name from information_schema.tables
        where table_type = 'BASE TABLE' and table_schema like 'pointguard%'`,
    );
    const patterns = ['%Canary%', `%${Buffer.from('Canary').toString('hex')}%`];
    for (const { name } of tables) {
      const found = await service.database.query(`select from ${name} t where t::text like any($1)`, [patterns]);
      expect([name, found.length]).toEqual([name, 0]);
    }
  });

  it('twice is two, each with its version', async () => {
    const { decisionId } = (await denied()).body;
    for (const note of ['once', 'twice']) expect((await appeal(decisionId, note)).status).toBe(201);
    expect(await statesOf(decisionId)).toEqual(['open', 'open']);
    const versions = await service.database.query(
      "select version::int from pointguard.event where aggregate_id = $1 and type = 'decision.appealed' order by seq",
      [decisionId],
    );
    expect(versions).toEqual([{ version: 2 }, { version: 3 }]);
  });

  it('of a hold that has ended says so, after the end', async () => {
    const { body } = await backend.decide({ accountId: newAccount(), onHoldEnd: 'release' });
    await backend.clock(body.hold.expiresAt);
    expect((await appeal(body.decisionId)).body.decision.status).toBe('expired');
    const events = await service.database.query(
      'select type, version::int from pointguard.event where aggregate_id = $1 order by seq',
      [body.decisionId],
    );
    expect(events.slice(1)).toEqual([
      { type: 'decision.expired', version: 2 },
      { type: 'decision.appealed', version: 3 },
    ]);
  });

  it('of another program’s decision, or of none: 404, one answer, and nothing is kept', async () => {
    const { decisionId } = (await denied()).body;
    const said = async (id: string, by: Backend) => {
      const { status, body } = await appeal(id, 'mine', by);
      return { status, body: { ...body, traceId: '' } };
    };
    const unknown = await said('dec_00000000000000000000000000', backend);
    expect(unknown).toMatchObject({ status: 404, body: { code: 'decision.not_found' } });
    expect(await said('no id', backend)).toEqual(unknown);
    expect(await said(decisionId, stranger)).toEqual(unknown);
    expect(await rowsOf(decisionId)).toEqual([]);
  });

  it('of a transaction that was cancelled before it was seen has nothing to object to', async () => {
    const { body } = await backend.post('/v1/decisions/cancel', { transactionId: 'unseen' });
    expect(body.decisionId).toBeUndefined();
    expect((await appeal('unseen')).status).toBe(404);
  });

  it.each<[string, unknown]>([
    ['nothing', ''],
    ['too much', 'x'.repeat(2001)],
    ['a number', 7],
  ])('with a note of %s: 422', async (_, note) => {
    const { decisionId } = (await denied()).body;
    const answer = await backend.post(`/v1/decisions/${decisionId}/appeal`, { note });
    expect([answer.status, answer.body.errors[0].pointer]).toEqual([422, '/note']);
  });
});

describe('pointguard reviews', () => {
  const PERSON = `${operator().kind}:${operator().id}`;
  afterEach(() => {
    process.exitCode = 0;
  });

  async function reviews(...words: string[]): Promise<string> {
    const said: string[] = [];
    vi.spyOn(console, 'log').mockImplementation((line: string) => void said.push(line));
    vi.spyOn(console, 'error').mockImplementation((line: string) => void said.push(line));
    const program = new Command();
    const access = service.service.app.get(AccessService);
    const opened = { access, decisions, close: async () => undefined } as unknown as OpenedRecord;
    register(program, { open: async () => opened } as CliContext);
    const named = words.includes('--program') ? [] : ['--program', 'acme'];
    await program.parseAsync(['node', 'pointguard', 'reviews', ...words, ...named]);
    vi.restoreAllMocks();
    return said.join('\n');
  }
  /** The lines below the heading of open appeals. */
  const appealsIn = (listed: string): string[] => listed.split('\nOpen appeals\n')[1]?.split('\n').slice(1) ?? [];

  it('list shows reviews first, then open appeals with what is due first, and the note in one harmless line', async () => {
    const review = await backend.decideAs('review', { accountId: newAccount() });
    const late = await denied();
    const { decisionId } = (await denied()).body;
    await appeal(decisionId, `It was me.\n\u001b[2J\u202eDECISION \u0000 ${'x'.repeat(500)}`);
    await backend.clock('PT1M');
    await appeal(late.body.decisionId, 'late');
    const listed = await reviews('list', '--limit', '200');
    const [reviewed, appealed] = listed.split('\nOpen appeals\n') as [string, string];
    expect(reviewed).toContain(review.body.decisionId);
    expect(reviewed).not.toContain(decisionId);
    expect(appealed.split('\n')[0]).toMatch(/^DECISION +ACCOUNT +TYPE +POINTS +STATUS +APPEALED +DUE +NOTE$/);
    const lines = appealsIn(listed);
    const own = lines.findIndex((line) => line.includes(decisionId));
    expect(lines[own]).toMatch(
      /^dec_\w{26} +appeals-\d+ +burn +100 +denied +2026-03-0\dT\S+Z +2026-03-0\dT\S+Z +It was me\. \[2J DECISION x+…$/,
    );
    expect(lines.findIndex((line) => line.includes(late.body.decisionId))).toBeGreaterThan(own);
    // oxlint-disable-next-line no-control-regex -- what must not reach a terminal
    expect(listed).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
  });

  it('list of a program without appeals has no table of them; each program has its own', async () => {
    expect(await reviews('list', '--program', 'other')).not.toContain('appeals');
    const theirs = await stranger.decide();
    await appeal(theirs.body.decisionId, 'theirs', stranger);
    expect(appealsIn(await reviews('list', '--program', 'other'))).toHaveLength(1);
    expect(await reviews('list')).not.toContain(theirs.body.decisionId);
  });

  it('release upholds: held again, all its appeals answered, under the operator’s name', async () => {
    const { decisionId } = (await denied()).body;
    await appeal(decisionId, 'once');
    await appeal(decisionId, 'twice');
    expect(await reviews('release', decisionId)).toContain('held');
    expect(await statesOf(decisionId)).toEqual(['upheld', 'upheld']);
    expect((await trailOf(decisionId)).slice(-2)).toEqual([
      { actor: PERSON, action: 'decision.approved' },
      { actor: PERSON, action: 'appeal.upheld' },
    ]);
    expect(await reviews('list')).not.toContain(decisionId);
    const trail = await trailOf(decisionId);
    await reviews('release', decisionId);
    expect(await trailOf(decisionId), 'twice is once').toEqual(trail);
  });

  it('release without room is one sentence, and the appeal stays open', async () => {
    const accountId = newAccount();
    await backend.decide({ accountId });
    const { decisionId } = (await backend.decide({ accountId })).body;
    await appeal(decisionId);
    const trail = await trailOf(decisionId);
    expect(await reviews('release', decisionId)).toMatch(/no room/);
    expect(process.exitCode).toBe(1);
    expect(await statesOf(decisionId)).toEqual(['open']);
    expect(await trailOf(decisionId)).toEqual(trail);
  });

  it('deny rejects: still denied, under the operator’s name; twice is once', async () => {
    const { decisionId } = (await denied()).body;
    await appeal(decisionId);
    expect(await reviews('deny', decisionId)).toContain('denied');
    expect(await statesOf(decisionId)).toEqual(['rejected']);
    const trail = await trailOf(decisionId);
    expect(trail.at(-1)).toEqual({ actor: PERSON, action: 'appeal.rejected' });
    await reviews('deny', decisionId);
    expect(await trailOf(decisionId)).toEqual(trail);
  });

  it('a review that is denied rejects its appeal with it; a new one opens anew and can be upheld', async () => {
    const { decisionId } = (await backend.decideAs('review', { accountId: newAccount() })).body;
    await appeal(decisionId);
    await reviews('deny', decisionId);
    expect((await trailOf(decisionId)).slice(-2).map(({ action }) => action)).toEqual([
      'decision.denied',
      'appeal.rejected',
    ]);
    await appeal(decisionId, 'again');
    expect(await statesOf(decisionId)).toEqual(['rejected', 'open']);
    await reviews('release', decisionId);
    expect(await statesOf(decisionId)).toEqual(['rejected', 'upheld']);
    expect((await backend.find(decisionId)).body).toMatchObject({ outcome: 'review', status: 'held' });
  });

  it.each<[string, () => Promise<Answer>]>([
    ['held', () => backend.decide({ accountId: newAccount() })],
    ['committed', async () => backend.commit((await backend.decide({ accountId: newAccount() })).body.decisionId)],
    ['cancelled', async () => backend.cancel((await backend.decide({ accountId: newAccount() })).body.decisionId)],
  ])('an appeal of what is %s can be answered, too: rejected, and nothing of it changes', async (status, make) => {
    const { decisionId } = (await make()).body;
    await appeal(decisionId);
    const before = await backend.find(decisionId);
    expect(await reviews('deny', decisionId)).toContain(status);
    expect(process.exitCode).not.toBe(1);
    expect(await statesOf(decisionId)).toEqual(['rejected']);
    expect((await backend.find(decisionId)).body).toEqual(before.body);
    await reviews('deny', decisionId);
    expect(process.exitCode, 'without an open appeal there is nothing to refuse').toBe(1);
  });

  it('commit, cancel and reverse answer no appeal', async () => {
    const { decisionId } = (await backend.decide({ accountId: newAccount() })).body;
    await appeal(decisionId);
    await backend.commit(decisionId);
    await backend.reverse(decisionId, { reversalId: 'r' });
    expect(await statesOf(decisionId)).toEqual(['open']);
  });

  it('one whose note cannot be read any more is listed without it, beside the others', async () => {
    const [erased, other] = [await denied(), await denied()];
    for (const { body } of [erased, other]) await appeal(body.decisionId, 'still here');
    await service.database.query('update pointguard.appeal set note = $1 where decision_id = $2', [
      Buffer.from('sealed under a key that is gone'),
      uuidOf('dec', erased.body.decisionId),
    ]);
    const lines = appealsIn(await reviews('list'));
    expect(lines.find((line) => line.includes(erased.body.decisionId))).toMatch(/\(erased\)$/);
    expect(lines.find((line) => line.includes(other.body.decisionId))).toMatch(/still here$/);
  });
});
