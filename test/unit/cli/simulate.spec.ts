import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ApiClient, createApiClient } from '../../../src/cli/api-client.js';
import { PlainFailure } from '../../../src/cli/plain-failure.js';
import { paceOf, type SimulateOptions, simulationOptionsOf } from '../../../src/cli/simulate/options.js';
import { reportJson, reportLines } from '../../../src/cli/simulate/report.js';
import { type Said, send, together } from '../../../src/cli/simulate/send.js';
import { startSimulationTally } from '../../../src/cli/simulate/tally.js';
import { writeFiles } from '../../../src/cli/simulate/write.js';
import { addressOf } from '../../../src/cli/with-client.js';
import { NO_ATTACKS } from '../../../src/simulator/core/mix.js';
import { simulate } from '../../../src/simulator/core/simulation.js';
import { DAY_MS } from '../../../src/simulator/core/transaction.js';
import { CLIENT, type FakeService, problem, startFakeService } from './fake-service.js';

const SMALL = { seed: 3, size: 20, days: 10, mimicry: 0 };
const simulation = simulate(SMALL);
const given: SimulateOptions = { seed: '1', size: '300' };

describe('the options', () => {
  it('have defaults', () => {
    expect(simulationOptionsOf(given)).toMatchObject({ seed: 1, size: 300, days: 30, mimicry: 0.5 });
    expect(simulationOptionsOf({ ...given, mimicry: '1', days: '7', mix: 'mule-ring=3' })).toMatchObject({
      mimicry: 1,
      days: 7,
      mix: { ...NO_ATTACKS, 'mule-ring': 3 },
    });
    expect([paceOf(undefined), paceOf('0.5')]).toEqual([undefined, 0.5]);
  });

  it.each<[string, Partial<SimulateOptions>]>([
    ['--seed', { seed: '-1' }],
    ['--seed', { seed: '1e3' }],
    ['--seed', { seed: '' }],
    ['--seed', { seed: '99999999999999999999' }],
    ['--size', { size: '9' }],
    ['--size', { size: '100001' }],
    ['--size', { size: '1.5' }],
    ['--days', { days: '0' }],
    ['--mimicry', { mimicry: '1.1' }],
    ['--mimicry', { mimicry: 'half' }],
    ['--mix', { mix: 'everything' }],
  ])('%s is refused where it is wrong: %j', (option, wrong) => {
    expect(() => simulationOptionsOf({ ...given, ...wrong })).toThrow(PlainFailure);
    expect(() => simulationOptionsOf({ ...given, ...wrong })).toThrow(option);
  });

  it('take a pace above 0, and an address in full or not at all', () => {
    for (const wrong of ['0', '-1', 'fast', '100000']) expect(() => paceOf(wrong)).toThrow('--pace');
    expect(addressOf({})).toBeUndefined();
    expect(() => addressOf({ url: 'http://localhost' })).toThrow('go together');
  });
});

describe('the files', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'simulate-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('hold a request a line, and the truth of each beside', async () => {
    const paths = await writeFiles(join(directory, 'new', 'place'), simulation);
    const requests = readFileSync(paths.transactions, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const [header, ...truth] = readFileSync(paths.truth, 'utf8').trimEnd().split('\n');
    expect(header).toBe('transactionId,accountId,class,attackId,valuePoints');
    expect(truth.map((row) => row.split(',').slice(0, 2))).toEqual(
      requests.map((one) => [one['transactionId'], one['accountId']]),
    );
    expect(requests).toHaveLength(simulation.transactions.length);
  });

  it('replace those of an earlier run', async () => {
    await writeFiles(directory, simulate({ ...SMALL, size: 100 }));
    const { truth } = await writeFiles(directory, simulation);
    expect(readFileSync(truth, 'utf8').trimEnd().split('\n')).toHaveLength(simulation.transactions.length + 1);
  });

  it('are refused with a sentence where they cannot be', async () => {
    writeFileSync(join(directory, 'file'), '');
    await expect(writeFiles(join(directory, 'file', 'in'), simulation)).rejects.toThrow(PlainFailure);
    await expect(writeFiles(join(directory, 'file'), simulation)).rejects.toThrow(/cannot be written .*EEXIST/);
  });
});

describe('sending', () => {
  let service: FakeService;
  let client: ApiClient;
  const outcomeOf = (body: Record<string, unknown>) => (body['type'] === 'burn' ? 'review' : 'allow');
  beforeEach(async () => {
    service = await startFakeService();
    client = createApiClient({ url: service.url, ...CLIENT });
    service.interfere = (path, body) => {
      if (path.startsWith('/v1/decisions?transactionId=')) return { status: 200, body: { items: [] } };
      if (path !== '/v1/decisions') return undefined;
      service.began = true;
      service.decisions.push({ request: body, atMs: service.clockMs });
      const reasons = [{ code: 'step_up.unavailable' }, { code: 'limit.x' }];
      return { status: 201, body: { ...body, decisionId: 'dec_1', outcome: outcomeOf(body), status: 'held', reasons } };
    };
  });
  afterEach(async () => {
    client.close();
    await service.stop();
  });
  const sendAll = (more: { onSaid?: (said: Said) => void; signal?: AbortSignal } = {}) =>
    send({ client, simulation, onSaid: () => undefined, signal: new AbortController().signal, ...more });

  it('sends each once, the clock at its time, from the next midnight of the program', async () => {
    const standsAt = Date.now() + 3 * DAY_MS;
    service.began = true;
    service.clockMs = standsAt;
    await sendAll();
    expect(service.decisions.map(({ request }) => String(request['transactionId'])).toSorted()).toEqual(
      simulation.transactions.map(({ draft }) => draft.transactionId).toSorted(),
    );
    const originMs = Math.ceil(standsAt / DAY_MS) * DAY_MS;
    const [first] = simulation.transactions;
    expect(service.decisions[0]?.atMs).toBe(originMs + (first?.draft.atMs ?? 0));
    for (const { request, atMs } of service.decisions) {
      const early = Date.parse(String(request['occurredAt'])) - atMs;
      expect(early >= 0 && early <= 50).toBe(true);
    }
  });

  it('says what the truth makes of it', async () => {
    const tally = startSimulationTally(simulation);
    await sendAll({ onSaid: tally.add });
    const assessment = tally.assessment();
    // every burn was stopped, so nothing left
    expect(assessment.all).toMatchObject({ leftPoints: 0, stoppedShare: 1 });
    const burners = new Set(
      simulation.transactions
        .filter(({ draft, truth }) => truth.class === 'member' && draft.type === 'burn')
        .map(({ draft }) => draft.account.accountId),
    );
    expect(assessment.botheredMembers).toBe(burners.size);
    expect([...tally.reasons.values()].every((codes) => [...codes.keys()].every((code) => code === 'limit.x'))).toBe(
      true,
    );
    const options = simulationOptionsOf({ seed: '3', size: '20', days: '10', mimicry: '0' });
    const lines = reportLines(options, tally);
    for (const line of lines) expect({ line, tooLong: line.length > 80 }).toEqual({ line, tooLong: false });
    expect(lines.join('\n')).toMatch(/^all .* 100\.0 %$/m);
    const report = JSON.parse(reportJson(options, tally)) as Record<string, unknown>;
    expect(report).toMatchObject({
      seed: 3,
      mimicry: 0,
      transactions: simulation.transactions.length,
      all: { stoppedShare: 1 },
    });
  });

  it('takes the word of observe mode for what it would have been', async () => {
    const enforce = service.interfere;
    service.interfere = (path, body) => {
      const answer = enforce?.(path, body);
      if (path !== '/v1/decisions' || !answer) return answer;
      return { ...answer, body: { ...(answer.body as object), outcome: 'allow', wouldHaveBeen: 'deny' } };
    };
    const tally = startSimulationTally(simulation);
    await sendAll({ onSaid: tally.add });
    expect(tally.outcomes).toEqual({ allow: 0, challenge: 0, review: 0, deny: simulation.transactions.length });
  });

  it('refuses a program that has seen it, and a live one, before it sends anything', async () => {
    const fresh = service.interfere;
    service.interfere = (path, body) =>
      path.startsWith('/v1/decisions?transactionId=')
        ? { status: 200, body: { items: [{ outcome: 'allow' }] } }
        : fresh?.(path, body);
    await expect(sendAll()).rejects.toThrow(/has seen this simulation/);
    service.interfere = fresh;
    service.live = true;
    await expect(sendAll()).rejects.toThrow(/live program/);
    expect(service.decisions).toEqual([]);
  });

  it('ends with a sentence where a decision is refused', async () => {
    const fresh = service.interfere;
    service.interfere = (path, body) =>
      path === '/v1/decisions' ? problem(422, 'request.invalid') : fresh?.(path, body);
    await expect(sendAll()).rejects.toThrow(/refused: detail of request.invalid \(request.invalid\)/);
  });

  it('stops between two groups', async () => {
    const end = new AbortController();
    await sendAll({ signal: end.signal, onSaid: () => end.abort() });
    const [group] = together(simulation.transactions);
    expect(service.decisions).toHaveLength(group?.length ?? 0);
  });
});

describe('a race', () => {
  it('goes together, and nothing else does', () => {
    const groups = [...together(simulate({ ...SMALL, mix: { ...NO_ATTACKS, 'parallel-redemption': 1 } }).transactions)];
    const races = groups.filter((group) => group.length >= 8);
    expect(races.length).toBeGreaterThan(0);
    expect(races.flat().every(({ truth }) => truth.class === 'parallel-redemption')).toBe(true);
    for (const group of groups)
      expect((group.at(-1)?.draft.atMs ?? 0) - (group[0]?.draft.atMs ?? 0)).toBeLessThanOrEqual(50);
  });
});
