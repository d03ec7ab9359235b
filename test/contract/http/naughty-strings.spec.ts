/** The Big List of Naughty Strings (515) in every text field and every id: kept byte for byte, or refused. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { open, sealedKid } from '../../../src/platform/keys/seal.js';
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
