import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ApiClient, createApiClient } from '../../../src/cli/api-client.js';
import { readOverview } from '../../../src/cli/demo/overview.js';
import { liveTraffic, samplePlan, whatFollows } from '../../../src/cli/demo/plan.js';
import { playOn, playSample } from '../../../src/cli/demo/play.js';
import { curlLines, exampleLines, liveText, outcomeLines, paintFor } from '../../../src/cli/demo/screen.js';
import type { Said } from '../../../src/cli/simulate/send.js';
import { decisionRequest, requestErrors } from '../../../src/decision/decision.schema.js';
import { requestOf } from '../../../src/simulator/core/request.js';
import { ATTACK_KINDS, DAY_MS } from '../../../src/simulator/core/transaction.js';
import { type Answer, CLIENT, type FakeService, startFakeService } from './fake-service.js';

const fits = (request: unknown): unknown => {
  const parsed = decisionRequest.safeParse(request);
  return parsed.success ? requestErrors(parsed.data) : parsed.error.issues;
};

const plan = samplePlan();
const idsOf = (transactions: typeof plan.transactions): string[] =>
  transactions.map(({ draft }) => draft.transactionId);

describe('the sample', () => {
  it('is the same every time, some hundred transactions, with every attack and every follow-up', () => {
    expect(idsOf(samplePlan().transactions)).toEqual(idsOf(plan.transactions));
    expect(plan.transactions.length).toBeGreaterThan(300);
    expect(plan.transactions.length).toBeLessThan(1000);
    expect(new Set(plan.attacks.map(({ kind }) => kind))).toEqual(new Set(ATTACK_KINDS));
    const followUps = new Set(plan.transactions.map(whatFollows));
    expect(followUps).toEqual(new Set(['commit', 'commit part', 'cancel', 'reverse', 'forget']));
  });

  it('asks only what the API takes, and goes on with other ids day after day, each start with its own', () => {
    for (const { draft } of plan.transactions) expect(fits(requestOf(draft, Date.now()))).toEqual([]);
    const days = (run: number): (typeof plan.transactions)[] => {
      const traffic = liveTraffic(run);
      return ATTACK_KINDS.map(() => (traffic.next().value as typeof plan.transactions | undefined) ?? []);
    };
    const live = days(1_790_000_000_000);
    for (const { draft } of live.flat().slice(0, 300)) expect(fits(requestOf(draft, Date.now()))).toEqual([]);
    const classes = live.map((day) => new Set(day.map(({ truth }) => truth.class)));
    expect(classes).toEqual(ATTACK_KINDS.map((kind) => new Set(['member', kind])));
    const all = [...idsOf(plan.transactions), ...idsOf(live.flat()), ...idsOf(days(1_790_000_000_100).flat())];
    expect(new Set(all).size).toBe(all.length);
  });
});

describe('the player', () => {
  let service: FakeService;
  let client: ApiClient;
  let calls: string[];
  let outcomeOf: (transactionId: string) => [outcome: string, status: string];
  beforeEach(async () => {
    service = await startFakeService();
    client = createApiClient({ url: service.url, ...CLIENT });
    calls = [];
    outcomeOf = () => ['allow', 'held'];
    const known = new Map<string, Answer>();
    service.interfere = (path, body) => {
      const [, id, call] = /^\/v1\/decisions\/([^/]+)\/(\w+)$/.exec(path) ?? [];
      if (id && call) {
        calls.push(`${call} ${id}`);
        return known.get(id);
      }
      const asked = /^\/v1\/decisions\?transactionId=(.*)$/.exec(path)?.[1];
      if (asked) return { status: 200, body: { items: [known.get(asked)?.body].filter(Boolean) } };
      if (path !== '/v1/decisions') return undefined;
      const transactionId = String(body['transactionId']);
      const [outcome, status] = outcomeOf(transactionId);
      service.began = true;
      service.decisions.push({ request: body, atMs: service.clockMs });
      const before = known.get(transactionId);
      if (before) return { ...before, status: 200 };
      const evaluatedAt = new Date(service.clockMs).toISOString();
      known.set(transactionId, {
        status: 201,
        body: { ...body, decisionId: transactionId, outcome, status, evaluatedAt },
      });
      return known.get(transactionId);
    };
  });
  afterEach(async () => {
    client.close();
    await service.stop();
  });

  const play = (signal = new AbortController().signal, onSaid: (said: Said) => void = () => undefined) =>
    playSample(plan, { client, signal, onSaid });
  const sentIds = () => service.decisions.map(({ request }) => String(request['transactionId']));

  it('walks to now, each transaction at its time, a race side by side', async () => {
    const beganMs = Date.now();
    const clock = await play();
    expect(sentIds().toSorted()).toEqual(idsOf(plan.transactions).toSorted());
    const startMs = Date.parse(service.clockMoves[0] ?? '');
    expect(startMs + plan.horizonMs).toBeGreaterThanOrEqual(beganMs);
    for (const { request, atMs } of service.decisions) {
      const early = Date.parse(String(request['occurredAt'])) - atMs;
      expect(early >= 0 && early <= 50).toBe(true);
    }
    expect(clock.nowMs).toBe(startMs + plan.horizonMs);
  });

  it('asks again what is known, at its old time, and follows up on nothing twice', async () => {
    await play();
    const [followUps, moves] = [calls.length, service.clockMoves.length];
    service.began = true;
    const outcomes: string[] = [];
    const clock = await play(undefined, ({ outcome }) => outcomes.push(outcome));
    expect(outcomes).toHaveLength(plan.transactions.length);
    expect(calls).toHaveLength(followUps);
    // it asks where the clock stands, and leaves it there
    expect(service.clockMoves.length - moves).toBeLessThanOrEqual(2);
    expect(clock.nowMs).toBe(service.clockMs);
    const again = new Set(
      service.decisions.map(({ request }) => `${String(request['transactionId'])} ${String(request['occurredAt'])}`),
    );
    expect(again.size).toBe(plan.transactions.length);
  });

  it('goes on where it was interrupted', async () => {
    const end = new AbortController();
    await play(end.signal, () => service.decisions.length >= 100 && end.abort());
    const played = service.decisions.length;
    expect(played).toBeLessThan(150);
    const startMs = Date.parse(service.clockMoves[0] ?? '');
    const clock = await play();
    expect(new Set(sentIds()).size).toBe(plan.transactions.length);
    expect(clock.nowMs).toBe(startMs + plan.horizonMs);
  });

  it('starts where a clock stands that is already past', async () => {
    service.began = true;
    service.clockMs = Date.now() + DAY_MS;
    const standsAt = service.clockMs;
    const clock = await play();
    expect(clock.nowMs).toBe(standsAt + plan.horizonMs);
  });

  it('follows up on what holds and on nothing else', async () => {
    const held = new Set(idsOf(plan.transactions.filter((_, at) => at % 2 === 0)));
    outcomeOf = (id) => (held.has(id) ? ['allow', 'held'] : ['review', 'in_review']);
    await play();
    const followed = new Set(calls.map((call) => call.split(' ')[1] ?? ''));
    expect([...followed].filter((id) => !held.has(id))).toEqual([]);
    const verbs = new Set(calls.map((call) => call.split(' ')[0]));
    expect(verbs).toEqual(new Set(['commit', 'cancel', 'reverse']));
  });

  it('keeps deciding beside the real time until it is told to stop', async () => {
    const clock = await play();
    const before = service.decisions.length;
    const end = new AbortController();
    const live: Said[] = [];
    const onSaid = (said: Said) => {
      live.push(said);
      end.abort();
    };
    await playOn(clock, { client, signal: end.signal, onSaid });
    expect(live.length).toBeGreaterThan(0);
    const sent = service.decisions.slice(before);
    expect(sent).toHaveLength(live.length);
    for (const { request, atMs } of sent) expect(Date.parse(String(request['occurredAt']))).toBe(atMs);
  });
});

describe('the screen', () => {
  const decision = (outcome: string, status: string, codes: string[] = []) => ({
    outcome,
    status,
    type: 'burn',
    points: 1500,
    reasons: codes.map((code) => ({ code, message: `message of ${code}` })),
  });

  it('counts all pages and shows one example a reason, not what was done about it', async () => {
    const service = await startFakeService();
    const client = createApiClient({ url: service.url, ...CLIENT });
    const pages: Record<string, Answer> = {
      '/v1/decisions?limit=200': {
        status: 200,
        body: {
          items: [
            decision('allow', 'committed', ['limit.near']),
            decision('review', 'in_review', ['step_up.unavailable', 'limit.a']),
          ],
          nextCursor: 'a+b',
        },
      },
      '/v1/decisions?limit=200&cursor=a%2Bb': {
        status: 200,
        body: {
          items: [decision('review', 'in_review', ['limit.a']), decision('deny', 'denied', ['limit.b'])],
          nextCursor: null,
        },
      },
    };
    service.interfere = (path) => pages[path];
    const overview = await readOverview(client);
    client.close();
    await service.stop();
    const paint = paintFor(process.stdout, { NO_COLOR: '1' });
    const lines = [...outcomeLines(overview, paint), ...exampleLines(overview, paint)];
    const text = lines.join('\n');
    expect(text).toMatch(/^review +2 .* in_review 2$/m);
    expect(text).toMatch(/^challenge +0$/m);
    expect(text.match(/message of limit\.a/g)).toHaveLength(1);
    expect(text).not.toMatch(/step_up|near/);
    expect(text).not.toContain('\u001b');
  });

  it('keeps to 80 columns, however much there is to tell', () => {
    const paint = paintFor(process.stdout, { NO_COLOR: '1' });
    const statuses = new Map(
      ['committed', 'cancelled', 'in_review', 'challenged', 'expired'].map((status) => [status, 123_456]),
    );
    const message = 'More than twenty accounts sent points to one account within a day, which nobody does';
    const overview = {
      decisions: 617_280,
      counts: new Map([['challenge', statuses]]),
      examples: [{ outcome: 'challenge', type: 'transfer', points: 1_000_000, code: 'x', message }],
    };
    const live = liveText(
      new Map(Object.entries({ allow: 1234, challenge: 56, review: 78, deny: 90 })),
      123_456,
      1_234_567,
      paint,
    );
    const lines = [...outcomeLines(overview, paint), ...exampleLines(overview, paint), live];
    for (const line of lines) expect({ line, tooLong: line.length > 80 }).toEqual({ line, tooLong: false });
    expect(live).toMatch(/allow 1,234 · challenge 56 · review 78 · deny 90 · .*10 % stopped$/);
  });

  it('prints curl lines that a shell runs as they stand, whatever the secret', () => {
    const directory = mkdtempSync(join(tmpdir(), 'curl-'));
    const address = { url: 'http://127.0.0.1:8080', clientId: 'demo', clientSecret: `it's "$(date)" \\ %2B+` };
    const script = [
      `curl() { printf '%s\\n' "$@" >> ${directory}/seen; printf -- '--\\n' >> ${directory}/seen`,
      `  case "$*" in *oauth*) echo '{"access_token":"to-ken","token_type":"Bearer"}';; *) echo '{"decisionId":"dec_1","status":"held"}';; esac; }`,
      ...curlLines(address),
    ].join('\n');
    writeFileSync(join(directory, 'try.sh'), script);
    execFileSync('bash', ['-u', join(directory, 'try.sh')]);
    const seen = readFileSync(join(directory, 'seen'), 'utf8').split(/^--\n/m);
    rmSync(directory, { recursive: true });
    const all = seen.map((call) => call.trim().split('\n'));
    expect(all[0]).toEqual(
      expect.arrayContaining([`client_secret=${address.clientSecret}`, 'http://127.0.0.1:8080/oauth/token']),
    );
    expect(all[1]).toContain('Authorization: Bearer to-ken');
    const body: unknown = JSON.parse(all[1]?.find((argument) => argument.startsWith('{')) ?? 'null');
    expect(fits(body)).toEqual([]);
    expect(all[2]).toContain('http://127.0.0.1:8080/v1/decisions/dec_1');
    expect(all[3]).toEqual(expect.arrayContaining(['{}', 'http://127.0.0.1:8080/v1/decisions/dec_1/commit']));
    expect(all[4]).toContain('http://127.0.0.1:8080/v1/decisions?outcome=deny&limit=3');
  });
});
