import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ApiClient, createApiClient } from '../../../src/cli/api-client.js';
import { readOverview } from '../../../src/cli/demo/overview.js';
import { demoPlan, liveTraffic, PLAN_SECONDS } from '../../../src/cli/demo/plan.js';
import { playOn, playPlan } from '../../../src/cli/demo/play.js';
import { curlLines, overviewLines, paintFor } from '../../../src/cli/demo/screen.js';
import { decisionRequest, requestErrors } from '../../../src/decision/decision.schema.js';
import { type Answer, CLIENT, type FakeService, startFakeService } from './fake-service.js';

const fits = (request: unknown): unknown => {
  const parsed = decisionRequest.safeParse(request);
  return parsed.success ? requestErrors(parsed.data) : parsed.error.issues;
};

describe('the plan', () => {
  it('is the same every time, in order, with an id for each step', () => {
    expect(demoPlan()).toEqual(demoPlan());
    const times = demoPlan().map(({ atSeconds }) => atSeconds);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(times.every((atSeconds) => atSeconds >= 0 && atSeconds <= PLAN_SECONDS)).toBe(true);
    expect(new Set(demoPlan().map(({ request }) => request.transactionId)).size).toBe(demoPlan().length);
  });

  it('asks only what the API takes', () => {
    for (const { request } of demoPlan()) expect({ request, wrong: fits(request) }).toEqual({ request, wrong: [] });
    const next = liveTraffic('run');
    for (let number = 0; number < 500; number++) expect(fits(next(number))).toEqual([]);
  });

  it('has every follow-up', () => {
    const followUps = new Set(demoPlan().map(({ followUp }) => followUp));
    expect(followUps).toEqual(new Set(['commit', 'commit part', 'cancel', 'reverse', 'nothing']));
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
      if (asked) return { status: 200, body: { items: known.has(asked) ? [{}] : [] } };
      if (path !== '/v1/decisions') return undefined;
      const transactionId = String(body['transactionId']);
      const [outcome, status] = outcomeOf(transactionId);
      service.began = true;
      service.decisions.push({ request: body, atMs: service.clockMs });
      known.set(transactionId, { status: 201, body: { ...body, decisionId: transactionId, outcome, status } });
      return known.get(transactionId);
    };
  });
  afterEach(async () => {
    client.close();
    await service.stop();
  });

  it('walks from two hours ago to now, and plays nothing the second time', async () => {
    const plan = demoPlan();
    const beganMs = Date.now();
    const clock = await playPlan(client, () => undefined);
    expect(service.decisions.map(({ request }) => request['transactionId'])).toEqual(
      plan.map(({ request }) => request.transactionId),
    );
    const startMs = Date.parse(service.clockMoves[0] ?? '');
    expect(startMs + PLAN_SECONDS * 1000).toBeGreaterThanOrEqual(beganMs);
    expect(service.decisions.map(({ atMs }) => atMs)).toEqual(plan.map(({ atSeconds }) => startMs + atSeconds * 1000));
    expect(clock.nowMs).toBe(startMs + PLAN_SECONDS * 1000);
    await playPlan(client, () => undefined);
    expect(service.decisions).toHaveLength(plan.length);
  });

  it('follows up on what holds and on nothing else', async () => {
    const held = new Set(
      demoPlan()
        .filter((_, at) => at % 2 === 0)
        .map(({ request }) => request.transactionId),
    );
    outcomeOf = (id) => (held.has(id) ? ['allow', 'held'] : ['review', 'in_review']);
    await playPlan(client, () => undefined);
    const followed = new Set(calls.map((call) => call.split(' ')[1] ?? ''));
    expect([...followed].filter((id) => !held.has(id))).toEqual([]);
    const verbs = new Set(calls.map((call) => call.split(' ')[0]));
    expect(verbs).toEqual(new Set(['commit', 'cancel', 'reverse']));
  });

  it('starts where a clock stands that is already past two hours ago', async () => {
    service.began = true;
    service.clockMs = Date.now();
    const standsAt = service.clockMs;
    const clock = await playPlan(client, () => undefined);
    expect(clock.nowMs).toBe(standsAt + PLAN_SECONDS * 1000);
  });

  it('stops between two steps', async () => {
    const end = new AbortController();
    await playPlan(client, (done) => done === 3 && end.abort(), end.signal);
    expect(service.decisions).toHaveLength(3);
  });

  it('keeps deciding until it is told to stop', async () => {
    const clock = await playPlan(client, () => undefined);
    const before = service.decisions.length;
    const end = new AbortController();
    const outcomes: string[] = [];
    await playOn(client, clock, end.signal, (outcome) => {
      outcomes.push(outcome);
      end.abort();
    });
    expect(outcomes).toEqual(['allow']);
    expect(service.decisions).toHaveLength(before + 1);
    expect(service.decisions.at(-1)?.atMs).toBeGreaterThan(clock.nowMs - 1000);
  });
});

describe('the screen', () => {
  const decision = (outcome: string, status: string, codes: string[] = []) => ({
    outcome,
    status,
    type: 'burn',
    points: 1500,
    accountId: 'm-1',
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
    const text = overviewLines(overview, paintFor(process.stdout, { NO_COLOR: '1' })).join('\n');
    expect(text).toMatch(/^review +2 .* 2 +·$/m);
    expect(text).toMatch(/^challenge +0 /m);
    expect(text.match(/message of limit\.a/g)).toHaveLength(1);
    expect(text).not.toMatch(/step_up|near/);
    expect(text).not.toContain('\u001b');
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(120);
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
