/** The Big List of Naughty Strings (515) in every text field and every id: kept byte for byte, or refused. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { open, sealedKid } from '../../../src/platform/keys/seal.js';
import { unseal } from '../../../src/platform/keys/seal-now.js';
import { startTestService, type TestService, transaction } from '../../support/service.js';
import { faultsOf, pointerFaultsOf, withValue } from './surface.js';

const strings = JSON.parse(
  readFileSync(new URL('../../../../shared/data/vectors/blns/blns.json', import.meta.url), 'utf8'),
) as string[];

const TEXTS = [
  'device.userAgent',
  'authentication.method',
  'reward.category',
  'account.tier',
  'externalSignals.0.source',
  'externalSignals.0.code',
  'recipient.email',
];
const IDS = [
  'transactionId',
  'accountId',
  'counterpartyAccountId',
  'activity.campaignId',
  'activity.orderId',
  'partnerId',
  'storeId',
  'franchiseId',
  'employeeId',
  'employeeAccountId',
  'instrumentId',
  'device.id',
  'reward.id',
];

let service: TestService;
beforeAll(async () => {
  service = await startTestService({ policy: { version: 1, maxOpenHolds: 100_000 } });
});
afterAll(async () => {
  await service.stop();
});

/** In a few lanes: one after another would take a batch for each. */
async function each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  await Promise.all(
    Array.from({ length: 16 }, async () => {
      for (const item of rest) await work(item);
    }),
  );
}

const base = () => ({ ...transaction(), externalSignals: [{ source: 's', code: 'c' }] });
const valueAt = (body: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>((at, name) => (at as Record<string, unknown>)?.[name], body);

/** Requests as the record keeps them, personal fields unsealed, by transaction id. */
async function keptRequests(transactionIds: readonly string[]): Promise<Map<string, object>> {
  const rows = await service.database.query<{ id: string; program_id: number; request: string; sealed: Buffer | null }>(
    `select d.transaction_id as id, e.program_id, e.request, e.sealed from pointguard.decision_evidence e
     join pointguard.decision d using (program_id, decision_id) where d.transaction_id = any($1)`,
    [transactionIds],
  );
  const kept = new Map<string, object>();
  for (const { id, program_id, request, sealed } of rows) {
    const { device, ...rest } = JSON.parse(request) as Record<string, object>;
    const { userAgent, ...personal } = sealed ? await unsealed(program_id, sealed) : {};
    kept.set(id, { ...rest, ...personal, device: { ...device, userAgent } });
  }
  return kept;
}

async function unsealed(programId: number, sealed: Buffer): Promise<Record<string, unknown>> {
  const key = await service.service.platform.keys.sealKeyById(sealedKid(sealed) ?? '');
  if (!key) throw new Error('no key');
  return JSON.parse(open(key, sealed, `decision_evidence/${programId}`)) as Record<string, unknown>;
}

test('all strings are here', () => {
  expect(strings).toHaveLength(515);
});

/** Sends each string in a field; answers the strings that were taken, all of which the record has kept as they are. */
async function taken(field: string): Promise<string[]> {
  const path = field.split('.');
  const sent = new Map<string, string>();
  // each once: two transactions of one id are a mismatch
  await each([...new Set(strings)], async (string) => {
    const body = withValue(base(), path, string) as { transactionId: string };
    const answer = await service.post('/v1/decisions', body);
    const isTaken = answer.status === 201;
    if (isTaken) sent.set(body.transactionId, string);
    expect(isTaken ? [] : [...faultsOf(answer, [422]), ...pointerFaultsOf(answer, path)]).toEqual([]);
  });
  const kept = await keptRequests([...sent.keys()]);
  for (const [transactionId, string] of sent) expect(valueAt(kept.get(transactionId), path)).toBe(string);
  return [...sent.values()];
}

test.each(TEXTS)('%s', async (field) => {
  // an address is no free text; of the others most strings are one line of ordinary length
  expect((await taken(field)).length).toBeGreaterThan(field === 'recipient.email' ? 0 : 300);
});

test.each(IDS)('%s', async (field) => {
  const ids = [...new Set(strings)].filter((string) => /^[A-Za-z0-9._~-]{1,128}$/.test(string));
  expect((await taken(field)).sort()).toEqual(ids.sort());
});

test('ids in a query find what they name, or are refused', async () => {
  await each(strings, async (string) => {
    for (const name of ['transactionId', 'accountId']) {
      const answer = await service.get(`/v1/decisions?${name}=${encodeURIComponent(string.toWellFormed())}`);
      const others = answer.body.items?.filter((item: Record<string, string>) => item[name] !== string);
      expect(others ?? faultsOf(answer, [422])).toEqual([]);
    }
    const answer = await service.get(`/v1/decisions/${encodeURIComponent(string.toWellFormed())}`);
    // the empty string and the dots are other paths
    const isList = answer.status === 200 && ['', '.'].includes(string);
    expect(isList ? [] : faultsOf(answer, [400, 404, 405, 413])).toEqual([]);
  });
});

test('the reason of a reversal, read back from the audit', async () => {
  const body = transaction({ points: 1_000_000 });
  const { decisionId } = (await service.post('/v1/decisions', body)).body;
  await service.post(`/v1/decisions/${decisionId}/commit`, {});
  const accepted: string[] = [];
  await each([...strings.entries()], async ([at, reason]) => {
    const answer = await service.post(`/v1/decisions/${decisionId}/reverse`, {
      reversalId: `r-${at}`,
      points: 1,
      reason,
    });
    const isTaken = answer.status === 200;
    if (isTaken) accepted.push(reason);
    expect(isTaken ? [] : faultsOf(answer, [422])).toEqual([]);
  });
  const rows = await service.database.query<{ reason: string }>(
    `select reason from pointguard.audit where target = $1 and reason is not null`,
    [decisionId],
  );
  expect(rows.map(({ reason }) => reason).sort()).toEqual(accepted.sort());
  expect(accepted.length).toBeGreaterThan(300);
});

interface FreeText {
  path(at: number): string;
  /** Names what it is of by the number of the string. */
  body(text: string, at: number): object;
  /** What the record has kept, by those names. */
  rows: string;
  /** The seal's purpose, where it is sealed. */
  sealedFor?: string;
}

/** Decisions and entries that the texts are about, one a string, by the string's number. */
const decisions: string[] = [];
const entries: string[] = [];

const FREE_TEXTS: Record<string, FreeText> = {
  'the note of a label': {
    path: () => '/v1/labels',
    body: (note, at) => ({ eventId: `note-${at}`, label: 'fraud', source: 'chargeback', note }),
    rows: `select event_id as name, note as text from pointguard.label where event_id like 'note-%'`,
    sealedFor: 'label',
  },
  'the source of a label': {
    path: () => '/v1/labels',
    body: (source, at) => ({ eventId: `source-${at}`, label: 'legitimate', source }),
    rows: `select event_id as name, source as text from pointguard.label where event_id like 'source-%'`,
  },
  'the note of an appeal': {
    path: (at) => `/v1/decisions/${decisions[at]}/appeal`,
    body: (note) => ({ note }),
    rows: `select replace(d.transaction_id, 'appeal', 'note') as name, a.note as text
      from pointguard.appeal a join pointguard.decision d using (program_id, decision_id)`,
    sealedFor: 'appeal',
  },
  'the reason of a list entry': {
    path: () => '/v1/lists/watch/entries',
    body: (reason, at) => ({ subject: 'device', value: `reason-${at}`, reason }),
    rows: `select value as name, reason as text from pointguard.list_entry where value like 'reason-%'`,
  },
  'the reason of its removal': {
    path: (at) => `/v1/lists/watch/entries/${entries[at]}/remove`,
    body: (reason) => ({ reason }),
    rows: `select value as name, removed_reason as text from pointguard.list_entry
      where value like 'removal-%' and removed_reason is not null`,
  },
};

test('what the texts are about is made', async () => {
  await each([...strings.keys()], async (at) => {
    const body = transaction({ transactionId: `appeal-${at}` });
    decisions[at] = (await service.post('/v1/decisions', body)).body.decisionId;
    const entry = { subject: 'device', value: `removal-${at}`, reason: 'because' };
    entries[at] = (await service.post('/v1/lists/watch/entries', entry)).body.entryId;
  });
  expect([...decisions, ...entries].filter((id) => !/^(dec|lst)_/.test(id))).toEqual([]);
});

test.each(Object.entries(FREE_TEXTS))('%s', async (_name, { path, body, rows, sealedFor }) => {
  const sent = new Map<string, string>();
  await each([...strings.entries()], async ([at, text]) => {
    const answer = await service.post(path(at), body(text, at));
    const isTaken = answer.status === 200 || answer.status === 201;
    if (isTaken) sent.set(String(at), text);
    expect(isTaken ? [] : faultsOf(answer, [422])).toEqual([]);
  });
  const kept = new Map<string, string>();
  for (const { name, text } of await service.database.query<{ name: string; text: string | Buffer }>(rows)) {
    const at = name.replace(/^\w+-/, '');
    kept.set(at, typeof text === 'string' ? text : await opened(text, sealedFor ?? ''));
  }
  expect(kept).toEqual(sent);
  // a note has lines, and is sealed: all but the empty one are taken
  const least = sealedFor ? strings.filter((text) => text !== '').length : 301;
  expect(sent.size).toBeGreaterThanOrEqual(least);
});

/** Of the only program of this record. */
const opened = (sealed: Buffer, purpose: string): Promise<string> =>
  unseal(service.service.platform.keys, 1, sealed, purpose);
