/** Labels: what a decision, a ledger event or an account turned out to be. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AccessService } from '../../src/access/access.service.js';
import { open, sealedKid } from '../../src/platform/keys/seal.js';
import { startTestService, type TestService } from '../support/service.js';
import { type Backend, backendOf } from './backend.js';

const NOW = '2026-03-01T12:00:00.000Z';
const at = (ms: number): string => new Date(Date.parse(NOW) + ms).toISOString();
const MINUTES_5 = 300_000;

let service: TestService;
let backend: Backend;
let stranger: Backend;
let decisionId: string;

beforeAll(async () => {
  service = await startTestService();
  backend = await backendOf(service);
  const access = service.service.app.get(AccessService);
  const actor = { kind: 'person', id: 'test' } as const;
  const secret = 'another-secret-0123456789';
  await access.createProgram({ name: 'other', mode: 'test', policyText: 'version: 1\n' }, actor);
  await access.createClient(
    { programName: 'other', clientId: 'stranger', scopes: ['labels', 'decisions'], secret },
    actor,
  );
  stranger = await backendOf(service, 'stranger', secret);
  await backend.clock(NOW);
  decisionId = (await backend.decide({ accountId: 'labelled' })).body.decisionId;
});
afterAll(() => service.stop());

const label = (more: object, by = backend) => by.post('/v1/labels', { label: 'fraud', source: 'chargeback', ...more });

interface LabelRow {
  program_id: number;
  decision_id: string | null;
  event_id: string | null;
  account_key: Buffer | null;
  account_id: string | null;
  labelled_at_ms: string;
  note: Buffer | null;
}
/** Those of the first program last, the newest of them at the end. */
const rows = () =>
  service.database.query<LabelRow>('select * from pointguard.label order by program_id desc, label_id');

describe('a label', () => {
  it.each<[string, () => object, string]>([
    ['a decision', () => ({ decisionId }), 'decision_id'],
    ['a ledger event', () => ({ eventId: 'evt-of-the-ledger~1' }), 'event_id'],
    ['an account', () => ({ accountId: 'labelled' }), 'account_key'],
  ])('of %s is kept, answered and audited', async (_, target, column) => {
    const answer = await label({ ...target(), label: 'legitimate', source: 'verdict' });
    expect(answer).toMatchObject({ status: 201 });
    expect(answer.body).toEqual({
      labelId: expect.stringMatching(/^lab_[0-9a-z]{26}$/),
      ...target(),
      label: 'legitimate',
      source: 'verdict',
      labelledAt: NOW,
      recordedAt: NOW,
    });
    const row = (await rows()).at(-1)!;
    const given = (['decision_id', 'event_id', 'account_key'] as const).filter((name) => row[name] !== null);
    expect(given).toEqual([column]);
    const [audited] = await service.database.query(
      "select actor_kind, actor_id, action, target from pointguard.audit where action like 'label.%' order by seq desc limit 1",
    );
    const [[kind, id]] = Object.entries(target()) as [[string, string]];
    expect(audited).toEqual({
      actor_kind: 'client',
      actor_id: 'backend',
      action: 'label.legitimate',
      target: kind === 'decisionId' ? id : `${kind.replace('Id', '')}:${id}`,
    });
  });

  it('changes nothing of the decision', async () => {
    const before = await backend.find(decisionId);
    await label({ decisionId });
    expect((await backend.find(decisionId)).body).toEqual(before.body);
  });

  it('may be said again, and otherwise: each is kept', async () => {
    const before = (await rows()).length;
    for (const word of ['fraud', 'fraud', 'legitimate']) {
      expect((await label({ accountId: 'again', label: word })).status).toBe(201);
    }
    expect(await rows()).toHaveLength(before + 3);
  });

  it('of an account that nobody has seen is kept: labels may come before it', async () => {
    expect((await label({ accountId: 'never-seen' })).status).toBe(201);
  });
});

describe('when it became known', () => {
  it.each<[string, number, number]>([
    ['a month ago', -30 * 86_400_000, -30 * 86_400_000],
    ['now', 0, 0],
    ['five minutes ahead, by a clock that runs so', MINUTES_5, 0],
  ])('%s', async (_, said, kept) => {
    const { status, body } = await label({ decisionId, labelledAt: at(said) });
    expect([status, body.labelledAt, body.recordedAt]).toEqual([201, at(kept), NOW]);
    expect(Number((await rows()).at(-1)!.labelled_at_ms)).toBe(Date.parse(at(kept)));
  });

  it('in another zone is the same time', async () => {
    expect((await label({ decisionId, labelledAt: '2026-03-01T12:30:00+01:00' })).body.labelledAt).toBe(
      '2026-03-01T11:30:00.000Z',
    );
  });

  it('further ahead: 422, by the program’s clock, and nothing is kept', async () => {
    const before = (await rows()).length;
    for (const ms of [MINUTES_5 + 1, 86_400_000]) {
      const { status, body } = await label({ decisionId, labelledAt: at(ms) });
      expect([status, body.code]).toEqual([422, 'request.invalid']);
      expect(body.errors).toEqual([{ pointer: '/labelledAt', message: 'is in the future' }]);
    }
    expect(await rows()).toHaveLength(before);
  });
});

describe('refused', () => {
  it.each<[string, () => object, string[]]>([
    ['of nothing', () => ({}), ['']],
    ['of two things', () => ({ decisionId, accountId: 'a' }), ['/decisionId', '/accountId']],
    ['another word', () => ({ decisionId, label: 'bad' }), ['/label']],
    ['no source', () => ({ decisionId, source: '' }), ['/source']],
    ['a source of two lines', () => ({ decisionId, source: 'a\nb' }), ['/source']],
    ['an account that is an e-mail address', () => ({ accountId: 'a@b.example' }), ['/accountId']],
    ['a note of nothing', () => ({ decisionId, note: '' }), ['/note']],
    ['an unknown field', () => ({ decisionId, nonsense: 1 }), ['']],
    ['null', () => ({ decisionId, note: null }), ['/note']],
  ])('%s: 422', async (_, body, pointers) => {
    const before = (await rows()).length;
    const answer = await label(body());
    expect([answer.status, answer.body.code]).toEqual([422, 'request.invalid']);
    expect(answer.body.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual(pointers);
    expect(await rows()).toHaveLength(before);
  });

  it('of a decision that is not there, or another program’s: 404, one answer', async () => {
    const before = (await rows()).length;
    const said = async (id: string, by: Backend) => {
      const { status, body } = await label({ decisionId: id }, by);
      return { status, body: { ...body, traceId: '' } };
    };
    const unknown = await said('dec_00000000000000000000000000', backend);
    expect(unknown).toMatchObject({ status: 404, body: { code: 'decision.not_found' } });
    expect(await said('no id', backend)).toEqual(unknown);
    expect(await said(decisionId, stranger)).toEqual(unknown);
    expect(await rows()).toHaveLength(before);
  });
});

describe('two programs', () => {
  it('label the same account and event, each for itself', async () => {
    for (const target of [{ accountId: 'shared' }, { eventId: 'shared' }]) {
      expect((await label(target)).status).toBe(201);
      expect((await label(target, stranger)).status).toBe(201);
    }
    const shared = (await rows()).filter((row) => row.account_id === 'shared' || row.event_id === 'shared');
    expect(shared.map((row) => row.program_id)).toEqual([2, 2, 1, 1]);
    const keys = shared.flatMap(({ account_key: key }) => (key ? [key.toString('hex')] : []));
    expect(new Set(keys).size, 'keys of one account are not the same in the other program').toBe(2);
  });
});

describe('a note', () => {
  const NOTE = 'Canary: she called from +49 170 555, ✓\n and said so';

  it('is sealed, and in clear nowhere', async () => {
    const answer = await label({ accountId: 'noted', note: NOTE });
    expect(JSON.stringify(answer.body)).not.toContain('Canary');
    const { note } = (await rows()).at(-1)!;
    const key = (await service.service.platform.keys.sealKeyById(sealedKid(note!) ?? ''))!;
    expect(open(key, note!, 'label/1')).toBe(NOTE);
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

  it('the same twice is never the same bytes', async () => {
    await label({ accountId: 'noted', note: NOTE });
    const notes = (await rows()).flatMap(({ note }) => (note ? [note.toString('hex')] : []));
    expect(notes.length).toBeGreaterThan(1);
    expect(new Set(notes).size).toBe(notes.length);
  });
});
