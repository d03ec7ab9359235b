/** Personal data is sealed in the record and nowhere else: not in any table in clear, not in logs, metrics or answers. */
import { createHash } from 'node:crypto';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commitmentOf } from '../../src/audit/core/chain.js';
import { loadSettings } from '../../src/config/settings.js';
import { open, SealError, sealedKid } from '../../src/platform/keys/seal.js';
import { createLogger } from '../../src/platform/telemetry/logger.js';
import { type Service, startService } from '../../src/service.js';
import { freshRecord, type TestDatabase } from '../support/postgres.js';
import { CLIENT, policyWith, transaction } from '../support/service.js';

const PERSONAL = {
  ip: '198.51.100.237',
  device: { id: 'canary-device-31', userAgent: 'CanaryAgent/7.31 (Wombat)' },
  location: { lat: 48.137_154, lon: 11.576_124 },
  recipient: { email: 'Canary.Person@example.org' },
};
/** As they could be found in clear, whole or in part. */
const CANARIES = ['198.51.100', 'CanaryAgent', 'Wombat', '48.137154', '11.576124', 'Canary.Person', 'example.org'];
/** Pseudonyms: they belong in the record, and in no log. */
const PSEUDONYMS = ['canary-account-77', 'canary-device-31', 'canary-receiver-9', 'canary-transaction'];
const ACCOUNT = 'canary-account-77';

const directory = mkdtempSync(join(tmpdir(), 'pointguard-personal-'));
const logFile = join(directory, 'log');
let database: TestDatabase;
let service: Service;
let flush: () => void;
let metrics = '';
const answers: string[] = [];

beforeAll(async () => {
  database = await freshRecord();
  const policyFile = join(directory, 'policy.json');
  const subjects = ['account', 'ip', 'network', 'device', 'counterparty'] as const;
  const policy = policyWith(
    subjects
      .map((subject) => [`of-${subject}`, subject, ['transfer'], 'count', 'P1D', 2] as const)
      .map((row) => [...row, {}] as never),
  );
  writeFileSync(policyFile, JSON.stringify(policy));
  const settings = loadSettings({
    DATABASE_URL: database.serviceUrl,
    MIGRATION_DATABASE_URL: database.ownerUrl,
    DATA_DIR: directory,
    MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
    POLICY_FILE: policyFile,
    BOOTSTRAP_PROGRAM: 'acme',
    BOOTSTRAP_CLIENT_ID: CLIENT.id,
    BOOTSTRAP_CLIENT_SECRET: CLIENT.secret,
  });
  const opened = createLogger('trace', openSync(logFile, 'a'));
  flush = opened.flush;
  service = await startService({ settings: { ...settings, port: 0 }, logger: opened.logger });
  await sendEverything();
});
afterAll(async () => {
  await service.stop();
  rmSync(directory, { recursive: true, force: true });
});

const body = (more: object = {}) => ({
  ...transaction({ accountId: ACCOUNT, type: 'transfer', counterpartyAccountId: 'canary-receiver-9', ...PERSONAL }),
  ...more,
});

/** Good and bad requests with personal data wherever a caller might put it. */
async function sendEverything(): Promise<void> {
  const token = await fetch(`${service.url}/oauth/token`, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'client_credentials', client_id: CLIENT.id, client_secret: CLIENT.secret }),
  });
  const { access_token } = (await token.json()) as { access_token: string };
  const headers = {
    authorization: `Bearer ${access_token}`,
    'content-type': 'application/json',
    'user-agent': PERSONAL.device.userAgent,
    'x-forwarded-for': PERSONAL.ip,
    from: PERSONAL.recipient.email,
  };
  const send = async (path: string, sent?: unknown, more: object = {}) => {
    const text = typeof sent === 'string' ? sent : JSON.stringify(sent);
    const answer = await fetch(service.url + path, {
      method: sent === undefined ? 'GET' : 'POST',
      headers: { ...headers, ...more },
      body: text,
    });
    answers.push(await answer.text());
  };
  const known = body({ transactionId: 'canary-transaction' });
  for (const path of ['/v1/decisions', '/v1/decisions?include=limits', '/v1/decisions?dryRun=true']) {
    await send(path, known);
    await send(path, body());
  }
  await send('/v1/decisions', { ...known, points: 7 });
  await send('/v1/decisions', body({ ip: `${PERSONAL.ip}.${PERSONAL.ip}` }));
  await send('/v1/decisions', body({ recipient: { email: `${PERSONAL.recipient.email}@` } }));
  await send('/v1/decisions', body({ accountId: PERSONAL.recipient.email }));
  await send('/v1/decisions', body({ [PERSONAL.recipient.email]: PERSONAL.ip }));
  await send('/v1/decisions', body({ location: { lat: '48.137154', lon: [11.576124] } }));
  await send('/v1/decisions', `{"ip":"${PERSONAL.ip}","userAgent":"${PERSONAL.device.userAgent}"`);
  await send('/v1/decisions', body(), { 'pointguard-test-outcome': PERSONAL.recipient.email });
  await send('/v1/decisions', body(), { traceparent: PERSONAL.recipient.email });
  await send('/v1/decisions/cancel', { transactionId: PERSONAL.recipient.email });
  await send('/v1/decisions/cancel', { transactionId: 'canary-transaction' });
  await send(`/v1/decisions/${PERSONAL.recipient.email}`);
  await send(`/v1/decisions/${PERSONAL.recipient.email}/commit`, {});
  await send(`/v1/decisions?accountId=${encodeURIComponent(PERSONAL.recipient.email)}`);
  await send(`/v1/decisions?accountId=${ACCOUNT}`);
  await send(`/${PERSONAL.recipient.email}?ip=${PERSONAL.ip}`);
  metrics = await (await fetch(`${service.url}/metrics`)).text();
  flush();
}

const found = (text: string, among: readonly string[]) =>
  among.filter((canary) => text.toLowerCase().includes(canary.toLowerCase()));

describe('in clear', () => {
  it('is in no row of any table, as text or as bytes', async () => {
    const tables = await database.query<{ name: string }>(
      `select format('%I.%I', n.nspname, c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relkind in ('r', 'm') and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast') order by 1`,
    );
    const names = tables.map(({ name }) => name);
    expect(names).toContain('pointguard.decision');
    expect(names.some((name) => name.startsWith('pointguard.decision_evidence_'))).toBe(true);
    // a whole row as text shows bytes in hex
    const patterns = CANARIES.flatMap((canary) => [canary, canary.toLowerCase()]).flatMap((text) => [
      `%${text}%`,
      `%${Buffer.from(text).toString('hex')}%`,
    ]);
    for (const name of names) {
      const rows = await database.query(`select t::text as row from ${name} t where t::text ilike any($1)`, [patterns]);
      expect([name, rows]).toEqual([name, []]);
    }
  });

  it('the search would find it', async () => {
    const rows = await database.query(`select from pointguard.decision_evidence t where t::text ilike any($1)`, [
      [`%${ACCOUNT}%`],
    ]);
    expect(rows.length).toBeGreaterThan(1);
    const sealed = await database.query('select from pointguard.decision_evidence where sealed is not null');
    expect(sealed.length).toBe(rows.length);
  });

  it('is in no answer', () => {
    expect(answers.length).toBeGreaterThan(20);
    for (const answer of answers) expect(found(answer, CANARIES)).toEqual([]);
  });

  it('neither it nor any id of a member is in the log, at its most talkative', () => {
    const log = readFileSync(logFile, 'utf8');
    expect(log.split('\n').length).toBeGreaterThan(20);
    expect(found(log, [...CANARIES, ...PSEUDONYMS])).toEqual([]);
    expect(found(log, [CLIENT.secret, 'eyJ'])).toEqual([]);
  });

  it('an error that holds it is logged without it', () => {
    const path = join(directory, 'errors');
    const { logger, flush: flushErrors } = createLogger('info', openSync(path, 'a'));
    const detail = `Failing row contains (${PERSONAL.ip}, ${PERSONAL.recipient.email}).`;
    const cause = Object.assign(new Error(`value "${PERSONAL.device.userAgent}" is too long\n${detail}`), {
      detail,
      code: '22001',
    });
    logger.error({ err: new Error('request failed', { cause }) }, 'request failed');
    flushErrors();
    const log = readFileSync(path, 'utf8');
    expect(log).toContain('22001');
    expect(log).toContain('personal-data.spec');
    expect(found(log, CANARIES)).toEqual([]);
  });

  it('nor in the metrics', () => {
    expect(metrics).toContain('pointguard_decisions_total');
    expect(found(metrics, [...CANARIES, ...PSEUDONYMS])).toEqual([]);
  });
});

it('names of subjects and accounts are keyed: nobody can make them from what they name', async () => {
  const rows = await database.query<{ key: string }>(`select encode(key, 'hex') as key from pointguard.subject
    union select encode(account_key, 'hex') from pointguard.decision where account_key is not null`);
  expect(rows.length).toBeGreaterThan(4);
  const values = [ACCOUNT, PERSONAL.ip, PERSONAL.device.id, 'canary-receiver-9', '198.51.100.0/24'];
  const guesses = values.flatMap((value) => [
    Buffer.from(value).toString('hex'),
    ...['sha256', 'sha1', 'md5', 'sha512'].map((hash) => createHash(hash).update(value).digest('hex').slice(0, 16)),
  ]);
  for (const { key } of rows) expect(found(key, guesses)).toEqual([]);
});

describe('sealed', () => {
  interface Sealed {
    decision_id: string;
    sealed: Buffer;
    salt: Buffer;
    request: string;
    commitment: Buffer;
    data: string;
  }
  const rows = () =>
    database.query<Sealed>(`select e.decision_id, e.sealed, e.salt, e.request, a.commitment, v.data
      from pointguard.decision_evidence e
      join pointguard.event v on v.program_id = e.program_id and v.type = 'decision.made'
        and (v.data::json ->> 'transactionId') = (e.request::json ->> 'transactionId')
      join pointguard.audit a on a.program_id = e.program_id and a.target = v.aggregate_id and a.action = 'decision.made'`);
  const keyOf = async (sealed: Buffer) => (await service.platform.keys.sealKeyById(sealedKid(sealed) ?? ''))!;

  it('opens with the program’s key of the month, and gives all of it back', async () => {
    for (const { sealed } of await rows()) {
      expect(sealedKid(sealed)).toMatch(/^data\.1\.\d{4}-\d\d$/);
      expect(JSON.parse(open(await keyOf(sealed), sealed, 'decision_evidence/1'))).toEqual({
        ip: PERSONAL.ip,
        userAgent: PERSONAL.device.userAgent,
        location: PERSONAL.location,
        recipient: PERSONAL.recipient,
      });
    }
  });

  it('does not open elsewhere, nor with another key, nor changed', async () => {
    const [{ sealed }] = (await rows()) as [Sealed];
    const key = await keyOf(sealed);
    const changed = Buffer.from(sealed);
    changed[changed.length - 1]! ^= 1;
    const otherKey = { ...key, key: (await service.platform.keys.sealKey(2, Date.now())).key };
    expect(() => open(key, sealed, 'decision_evidence/2')).toThrow(SealError);
    expect(() => open(key, changed, 'decision_evidence/1')).toThrow(SealError);
    expect(() => open(otherKey, sealed, 'decision_evidence/1')).toThrow(SealError);
  });

  it('the same twice is never the same bytes; the audit holds a salted commitment to it', async () => {
    const all = await rows();
    expect(all.length).toBeGreaterThan(1);
    expect(new Set(all.map(({ sealed }) => sealed.toString('hex'))).size).toBe(all.length);
    expect(new Set(all.map(({ salt }) => salt.toString('hex'))).size).toBe(all.length);
    for (const { sealed, salt, request, commitment, data } of all) {
      const personal = open(await keyOf(sealed), sealed, 'decision_evidence/1');
      expect(commitmentOf(salt, `${request}\n${personal}\n${data}`).equals(commitment)).toBe(true);
    }
  });
});
