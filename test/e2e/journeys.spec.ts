/** Where a member was last seen: what follows from one decision to the next, what is kept of it, and what is forgotten. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestService, type TestService, transaction } from '../support/service.js';
import { type Answer, type Backend, backendOf } from './backend.js';

const NOON = '2026-03-01T12:00:00Z';

const PARIS = { lat: 48.856_613, lon: 2.352_222 };
const VERSAILLES = { lat: 48.8049, lon: 2.1204 };
const TOKYO = { lat: 35.676_423, lon: 139.650_027 };
const SYDNEY = { lat: -33.8688, lon: 151.2093 };
const AT_GERMAN = '84.128.0.1';
const AT_FRENCH = '90.0.0.1';
const HOSTED_IN_GERMANY = '5.9.0.1';

const JOURNEYS = `
version: 1
rules:
  # the space and the comment are no way round what is remembered
  - {id: speed, when: "signals . impossibleSpeed // nobody is that fast", outcome: review, reason: Nobody travels that fast}
  - {id: country, when: signals.countryChanged, outcome: score, weight: 20, reason: Another country}
  - {id: store, when: 'storeId == "deny"', outcome: deny, reason: A store}
`;

let service: TestService;
let backend: Backend;
const running: TestService[] = [];

async function start(policy: object | string, more: object = {}): Promise<TestService> {
  const started = await startTestService({ policy, ...more });
  running.push(started);
  return started;
}

beforeAll(async () => {
  service = await start(JOURNEYS);
  backend = await backendOf(service);
  await backend.clock(NOON);
});
afterAll(async () => {
  // an instance that was opened on another's database ends before it
  for (const one of running.toReversed()) await one.stop();
});

const codes = ({ body }: Pick<Answer, 'body'>): string[] => body.reasons.map(({ code }: { code: string }) => code);
let members = 0;
const newMember = (): string => `traveller-${++members}`;
const seenRows = (of = service) =>
  of.database.query<{ account_key: Buffer; seen: Buffer }>('select account_key, seen from pointguard.account_seen');

describe('between two decisions', () => {
  /** What a second decision finds, so many minutes after the first. */
  async function second(first: object, minutes: number, then: object, accountId = newMember()): Promise<Answer> {
    await backend.decide({ accountId, ...first });
    if (minutes > 0) await backend.clock(`PT${minutes}M`);
    return backend.decide({ accountId, ...then });
  }

  it.each<[string, object, number, object, string[]]>([
    ['Paris to Tokyo in ten minutes', { location: PARIS }, 10, { location: TOKYO }, ['rule.speed']],
    ['Paris to Tokyo in nine hours', { location: PARIS }, 540, { location: TOKYO }, ['rule.speed']],
    ['Paris to Tokyo in ten hours', { location: PARIS }, 600, { location: TOKYO }, []],
    ['Paris to Versailles at once', { location: PARIS }, 0, { location: VERSAILLES }, []],
    ['Paris to nowhere', { location: PARIS }, 1, {}, []],
    ['Paris to 0°/0°, which is no place', { location: PARIS }, 1, { location: { lat: 0, lon: 0 } }, []],
    ['nowhere to Tokyo', {}, 1, { location: TOKYO }, []],
    ['Germany to France within a day', { ip: AT_GERMAN }, 1439, { ip: AT_FRENCH }, ['rule.country']],
    ['Germany to France after a day', { ip: AT_GERMAN }, 1440, { ip: AT_FRENCH }, []],
    ['Germany to Germany', { ip: AT_GERMAN }, 1, { ip: AT_GERMAN }, []],
    ['a German data centre to France', { ip: HOSTED_IN_GERMANY }, 1, { ip: AT_FRENCH }, []],
    ['France to a German data centre', { ip: AT_FRENCH }, 1, { ip: HOSTED_IN_GERMANY }, []],
    ['Germany to a private address', { ip: AT_GERMAN }, 1, { ip: '10.0.0.1' }, []],
  ])('%s', async (_, first, minutes, then, reasons) => {
    expect(codes(await second(first, minutes, then))).toEqual(reasons);
  });

  it('the reason says that it was too fast, and not from where to where', async () => {
    const { body } = await second({ location: PARIS }, 10, { location: TOKYO });
    expect(body).toMatchObject({ outcome: 'review', status: 'in_review' });
    expect(body.reasons[0]).toMatchObject({ code: 'rule.speed', detail: { 'signals.impossibleSpeed': 'true' } });
    expect(JSON.stringify(body)).not.toMatch(/48\.8|2\.35|35\.6|139\.6/);
  });

  it('leaving the place out once does not switch the signal off', async () => {
    const accountId = newMember();
    await second({ location: PARIS }, 1, {}, accountId);
    expect(codes(await backend.decide({ accountId, location: TOKYO }))).toEqual(['rule.speed']);
  });

  it('another member was elsewhere', async () => {
    await backend.decide({ accountId: newMember(), location: PARIS });
    expect(codes(await backend.decide({ accountId: newMember(), location: TOKYO }))).toEqual([]);
  });

  it('at the same time: who is first believed in one place is in no other', async () => {
    const accountId = newMember();
    const places = Array.from({ length: 20 }, (_, n) => (n % 2 ? PARIS : TOKYO));
    const answers = await Promise.all(places.map((location) => backend.decide({ accountId, location })));
    const believed = new Set(places.filter((_, n) => answers[n]!.body.outcome === 'allow'));
    expect(believed.size).toBe(1);
    expect(answers.filter(({ body }) => body.outcome === 'allow')).toHaveLength(10);
    expect(answers.filter(({ body }) => body.outcome === 'review')).toHaveLength(10);
  });

  it('decided by another instance', async () => {
    const other = await start(JOURNEYS, { database: service.database });
    const accountId = newMember();
    await other.post('/v1/decisions', transaction({ accountId, location: PARIS }));
    expect(codes(await backend.decide({ accountId, location: TOKYO }))).toEqual(['rule.speed']);
  });
});

describe('only a member who is believed was there', () => {
  it.each<[string, (accountId: string) => Promise<Answer>]>([
    ['a dry run', (accountId) => backend.decide({ accountId, location: TOKYO }, '?dryRun=true')],
    ['a denied one', (accountId) => backend.decide({ accountId, location: TOKYO, storeId: 'deny' })],
    ['one that waits for a person', (accountId) => backend.decide({ accountId, location: TOKYO })],
  ])('%s is not remembered', async (_, ask) => {
    const accountId = newMember();
    await backend.decide({ accountId, location: PARIS });
    const rows = await seenRows();
    await ask(accountId);
    expect(await seenRows()).toEqual(rows);
    expect(codes(await backend.decide({ accountId, location: VERSAILLES }))).toEqual([]);
  });

  it.each<[string, string, object]>([
    ['a dry run', '?dryRun=true', {}],
    ['a denied one', '', { storeId: 'deny' }],
  ])('%s makes no row of a member who was never seen', async (_, query, more) => {
    const before = (await seenRows()).length;
    await backend.decide({ accountId: newMember(), location: TOKYO, ip: AT_GERMAN, ...more }, query);
    expect(await seenRows()).toHaveLength(before);
  });

  it('a decision repeated is not seen anew', async () => {
    const body = transaction({ accountId: newMember(), location: PARIS });
    await backend.post('/v1/decisions', body);
    const rows = await seenRows();
    await backend.clock('PT10M');
    expect((await backend.post('/v1/decisions', body)).status).toBe(200);
    expect(await seenRows()).toEqual(rows);
  });
});

describe('at rest', () => {
  /** As they could be found in clear: as sent, and as they are rounded. */
  const CANARY = { location: { lat: -37.813_629, lon: 144.963_058 }, ip: '1.120.0.9' };
  const CANARIES = ['37.813629', '144.963058', '37.8', '144.9', '145', '1.120.0'];

  it('coordinates are in no row of any table in clear', async () => {
    const rules = ['lat', 'lon'].map((name) => ({
      id: name,
      when: `location.${name} != 0 && network.prefix != "" && ip != "" && signals.distanceKm < 9999`,
      outcome: 'score',
      weight: 1,
      reason: 'asks for all of it',
    }));
    const asking = await start({ version: 1, rules });
    for (let n = 0; n < 3; n++) {
      const { body } = await asking.post('/v1/decisions', transaction({ accountId: 'canary', ...CANARY }));
      expect(body.reasons).toHaveLength(n === 0 ? 0 : 2);
    }
    const [row] = await seenRows(asking);
    expect(row?.seen.length).toBeGreaterThan(40);
    const tables = await asking.database.query<{ name: string }>(
      `select format('%I.%I', n.nspname, c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relkind in ('r', 'm') and n.nspname like 'pointguard%' order by 1`,
    );
    expect(tables.map(({ name }) => name)).toContain('pointguard.account_seen');
    const hex = CANARIES.map((text) => Buffer.from(text).toString('hex'));
    // the short ones are looked for where numbers do not stand by chance
    const needles = [...CANARIES.filter((text) => text.includes('.') && text !== '37.8'), ...hex.slice(0, 2), hex[5]];
    for (const { name } of tables) {
      const rows = await asking.database.query(`select t::text as row from ${name} t where t::text like any($1)`, [
        needles.map((needle) => `%${needle}%`),
      ]);
      expect([name, rows]).toEqual([name, []]);
    }
    const seen = (await seenRows(asking)).map(({ seen: bytes }) => bytes.toString('latin1')).join();
    for (const text of [...CANARIES, 'lat', 'place', 'country']) expect(seen).not.toContain(text);
  });

  it('the same place is never the same bytes', async () => {
    const accountIds = [newMember(), newMember()];
    for (const accountId of accountIds) await backend.decide({ accountId, location: PARIS });
    const rows = await seenRows();
    expect(new Set(rows.map(({ seen }) => seen.toString('hex'))).size).toBe(rows.length);
  });

  it('of a policy that asks for no journeys nothing is kept', async () => {
    const rules = [
      { id: 'place', when: 'location.lat > 80 || network.country == "XX"', outcome: 'review', reason: 'far north' },
      { id: 'words', when: 'storeId == "signals.speedKmh"', outcome: 'review', reason: 'a text is no fact' },
    ];
    const unasked = await start({ version: 1, rules });
    await unasked.post('/v1/decisions', transaction({ location: PARIS, ip: AT_GERMAN }));
    expect(await seenRows(unasked)).toEqual([]);
    const drafted = await unasked.post('/v1/policy/versions', JOURNEYS, { 'content-type': 'application/yaml' });
    await unasked.post(`/v1/policy/versions/${drafted.body.version}/activate`);
    await unasked.post('/v1/decisions', transaction({ location: PARIS, ip: AT_GERMAN }));
    expect(await seenRows(unasked)).toHaveLength(1);
  });
});

describe('forgotten', () => {
  it('with the key that sealed it, in every process that opens the record anew; and then remembered again', async () => {
    const first = await start(JOURNEYS);
    const accountId = 'forgotten';
    await first.post('/v1/decisions', transaction({ accountId, location: PARIS }));
    const gone = await first.database.query(
      "delete from pointguard_keys.wrapped_key where name like 'data.%' returning 1",
    );
    expect(gone).toHaveLength(1);
    const anew = await start(JOURNEYS, { database: first.database });
    const ask = async (location: object) =>
      codes(await anew.post('/v1/decisions', transaction({ accountId, location })));
    expect(await ask(TOKYO)).toEqual([]);
    expect(await ask(PARIS)).toEqual(['rule.speed']);
    expect(await seenRows(first)).toHaveLength(1);
  });

  it.each<[string, (bytes: Buffer, other: Buffer) => Buffer]>([
    ['damaged', (bytes) => Buffer.concat([bytes.subarray(0, -1), Buffer.from([(bytes.at(-1) ?? 0) ^ 1])])],
    ['of another account', (_, other) => other],
    ['cut short', (bytes) => bytes.subarray(0, 5)],
    ['empty', () => Buffer.alloc(0)],
  ])('a value that is %s tells nothing, and stops nobody', async (_, change) => {
    const broken = await start(JOURNEYS);
    const ask = (accountId: string, location: object) =>
      broken.post('/v1/decisions', transaction({ accountId, location }));
    await ask('other', TOKYO);
    const [other] = await seenRows(broken);
    await ask('broken', PARIS);
    const own = (await seenRows(broken)).find(({ account_key: key }) => !key.equals(other!.account_key))!;
    await broken.database.query('update pointguard.account_seen set seen = $1 where account_key = $2', [
      change(own.seen, other!.seen),
      own.account_key,
    ]);
    // far from both
    const [broke, kept] = await Promise.all([ask('broken', SYDNEY), ask('other', PARIS)]);
    expect([broke.status, codes(broke)]).toEqual([201, []]);
    expect([kept.status, codes(kept)]).toEqual([201, ['rule.speed']]);
    expect(codes(await ask('broken', PARIS)), 'seen in Sydney since').toEqual(['rule.speed']);
  });
});

it('time that is asked for is the program’s, not the process’s', async () => {
  const far = await start(JOURNEYS);
  const by = await backendOf(far);
  await by.clock('2031-07-01T00:00:00Z');
  const accountId = 'far';
  await by.decide({ accountId, location: PARIS });
  await by.clock('PT10H');
  expect(codes(await by.decide({ accountId, location: TOKYO }))).toEqual([]);
  await by.clock('PT1H');
  expect(codes(await by.decide({ accountId, location: PARIS }))).toEqual(['rule.speed']);
});
