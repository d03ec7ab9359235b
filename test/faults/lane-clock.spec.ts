/** Clocks of our processes two hours wrong, one ahead and one behind: they decide nothing. Needs libfaketime. */
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { RenderedDecision } from '../../src/decision/core/render.js';
import { build } from '../support/clone.js';
import { violationsIn } from '../support/invariants.js';
import { freshRecord } from '../support/postgres.js';
import { type ServiceHome, serviceHome } from '../support/process.js';
import { CLIENT, policyWith } from '../support/service.js';

const LIBRARY = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib']
  .map((directory) => `${directory}/faketime/libfaketime.so.1`)
  .find((path) => existsSync(path));

let home: ServiceHome;
beforeAll(build);
afterEach(() => home?.clear());

async function backendOf(url: string) {
  const answer = await fetch(`${url}/oauth/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${CLIENT.id}:${CLIENT.secret}`).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  });
  const { access_token: token } = (await answer.json()) as { access_token: string };
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  return {
    decide: async (transactionId: string) => {
      const body = JSON.stringify({ transactionId, accountId: 'a', type: 'burn', points: 1 });
      return (await (await fetch(`${url}/v1/decisions`, { method: 'POST', headers, body })).json()) as RenderedDecision;
    },
    read: async (id: string) =>
      (await (await fetch(`${url}/v1/decisions/${id}`, { headers })).json()) as RenderedDecision,
  };
}

// without the library there is nothing to run: the line says so, and where everything must be there it is a failure
if (!LIBRARY) process.stdout.write('not run: clocks two hours wrong (libfaketime is not installed)\n');
test.runIf(!LIBRARY && process.env.REQUIRE_SERVICES === '1')('libfaketime is there, as REQUIRE_SERVICES asks', () => {
  expect(LIBRARY).toBeDefined();
});

describe.runIf(LIBRARY)('instances two hours ahead and two hours behind', () => {
  test('share one time, the record’s: windows, holds and ends are right', async () => {
    const database = await freshRecord();
    home = serviceHome({
      database,
      policy: policyWith([['burns', 'account', ['burn'], 'count', 'PT4S', 4]], {
        holdTtl: 'PT2S',
        onHoldEnd: 'release',
      }),
    });
    const wrong = (offset: string) =>
      home.start({ LD_PRELOAD: LIBRARY, FAKETIME: offset, FAKETIME_DONT_FAKE_MONOTONIC: '1' });
    const ahead = await wrong('+2h');
    const behind = await wrong('-2h');
    const backends = [await backendOf(ahead.url), await backendOf(behind.url)];

    const made: RenderedDecision[] = [];
    for (let index = 0; index < 6; index++) made.push(await backends[index % 2]!.decide(`t${index}`));
    expect(made.map((one) => one.outcome)).toEqual(['allow', 'allow', 'allow', 'allow', 'deny', 'deny']);
    const times = made.map((one) => Date.parse(one.evaluatedAt));
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    for (const time of times) expect(Math.abs(time - Date.now())).toBeLessThan(60_000);
    for (const one of made.slice(0, 4)) {
      expect(Date.parse(one.hold?.expiresAt ?? '') - Date.parse(one.evaluatedAt)).toBe(2000);
    }
    for (const backend of backends) expect((await backend.read(made[3]!.decisionId)).status).toBe('held');
    await sleep(4500);
    for (const backend of backends) expect((await backend.read(made[0]!.decisionId)).status).toBe('expired');
    for (const [index, backend] of backends.entries())
      expect((await backend.decide(`u${index}`)).outcome).toBe('allow');
    // the sweep of either instance has ended each hold at its own end
    expect(await violationsIn(database.query, 'acme')).toEqual([]);
    const rows = await database.query<{ late: number }>(
      `select (status_changed_ms - evaluated_at_ms)::int as late from pointguard.decision where status = 'expired'`,
    );
    expect(rows.map((row) => row.late)).toEqual([2000, 2000, 2000, 2000]);
  });
});
