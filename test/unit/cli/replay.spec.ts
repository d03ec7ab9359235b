import { Command } from 'commander';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { register } from '../../../src/cli/replay-api.command.js';
import { CLIENT, type FakeService, problem, startFakeService } from './fake-service.js';

let service: FakeService;
let directory: string;
beforeEach(async () => {
  service = await startFakeService();
  directory = mkdtempSync(join(tmpdir(), 'replay-'));
});
afterEach(async () => {
  await service.stop();
  rmSync(directory, { recursive: true });
});

const MAPS = ['transactionId=id', 'accountId=account', "type='burn'", 'points=points', 'occurredAt=at'];
const mapArguments = (maps: readonly string[]) => maps.flatMap((map) => ['--map', map]);
const at = (seconds: number) => new Date(Date.UTC(2018, 3, 1) + seconds * 1000).toISOString();

/** A file of [id, account, seconds]. */
function csv(rows: readonly (readonly [string, string, number])[], name = 'file.csv'): string {
  const path = join(directory, name);
  writeFileSync(
    path,
    ['id,account,at,points', ...rows.map(([id, account, s]) => `${id},${account},${at(s)},5`)].join('\n'),
  );
  return path;
}

interface Run {
  status: number;
  out: string;
  err: string;
}
let embeddedStops = 0;

async function run(...args: string[]): Promise<Run> {
  const out: string[] = [];
  const err: string[] = [];
  const spies = [
    vi.spyOn(console, 'log').mockImplementation((text: unknown) => void out.push(String(text))),
    vi.spyOn(console, 'error').mockImplementation((text: unknown) => void err.push(String(text))),
  ];
  const before = process.exitCode;
  process.exitCode = undefined;
  try {
    const program = new Command('pointguard').exitOverride();
    register(program, {
      serveEmbedded: async () => ({ url: service.url, ...CLIENT, stop: async () => void embeddedStops++ }),
    });
    await program.parseAsync(['node', 'pointguard', 'replay-api', ...args]);
    return { status: process.exitCode ?? 0, out: out.join('\n'), err: err.join('\n') };
  } finally {
    process.exitCode = before;
    for (const spy of spies) spy.mockRestore();
  }
}
const access = () => ['--url', service.url, '--client-id', CLIENT.clientId, '--client-secret', CLIENT.clientSecret];
const replay = (path: string, ...more: string[]) => run(path, ...mapArguments(MAPS), ...access(), ...more);

describe('replay-api', () => {
  it('decides every row at exactly its time and asks the clock once a time', async () => {
    const rows = Array.from({ length: 60 }, (_, i) => [`t${i}`, `a${i % 7}`, Math.floor(i / 3)] as const);
    const { status, out } = await replay(csv(rows));
    expect(status).toBe(0);
    expect(service.decisions).toHaveLength(60);
    expect(new Set(service.decisions.map(({ request }) => request['transactionId']))).toEqual(
      new Set(rows.map(([id]) => id)),
    );
    for (const { request, atMs } of service.decisions) {
      expect(new Date(atMs).toISOString()).toBe(request['occurredAt']);
    }
    expect(service.clockMoves).toEqual(Array.from({ length: 20 }, (_, second) => at(second)));
    expect(out).toMatch(/^rows +60$/m);
    expect(out).toMatch(/^errors +0$/m);
    expect(out).toMatch(/allow 60 \(100\.0 %\) · challenge 0/);
    expect(out).toMatch(/p50 [\d.]+ ms · p95 [\d.]+ ms · p99 [\d.]+ ms/);
    expect(out).toMatch(/\d+ rows\/s/);
  });

  it('sends rows of one time side by side, at most 16, and those of one account in the file’s order', async () => {
    let turn = 0;
    // later rows answer sooner, so that whoever does not wait is overtaken
    service.delayMs = () => 30 - (turn++ % 6) * 5;
    const rows = Array.from({ length: 200 }, (_, i) => [`t${i}`, `a${(i * i) % 23}`, 0] as const);
    expect((await replay(csv(rows))).status).toBe(0);
    expect(service.mostAtOnce).toBeGreaterThan(4);
    expect(service.mostAtOnce).toBeLessThanOrEqual(16);
    expect(service.overlaps).toBe(0);
    for (const account of new Set(rows.map(([, name]) => name))) {
      const sent = service.decisions.filter(({ request }) => request['accountId'] === account);
      const inFile = rows.filter(([, name]) => name === account).map(([id]) => id);
      expect(sent.map(({ request }) => request['transactionId'])).toEqual(inFile);
    }
  });

  it('never moves the clock back: a row out of order is decided at the clock’s time', async () => {
    const { status } = await replay(
      csv([
        ['t1', 'a', 10],
        ['t2', 'a', 5],
        ['t3', 'b', 10],
        ['t4', 'a', 11],
      ]),
    );
    expect(status).toBe(0);
    expect(service.clockMoves).toEqual([at(10), at(11)]);
    const late = service.decisions.find(({ request }) => request['transactionId'] === 't2');
    expect(late).toMatchObject({ atMs: Date.parse(at(10)), request: { occurredAt: at(5) } });
  });

  it('leaves the clock alone without occurredAt', async () => {
    const path = csv([
      ['t1', 'a', 1],
      ['t2', 'b', 2],
    ]);
    expect((await run(path, ...mapArguments(MAPS.slice(0, 4)), ...access())).status).toBe(0);
    expect(service.clockMoves).toEqual([]);
    expect(service.decisions).toHaveLength(2);
  });

  it('goes on where the program’s clock is past the file: the same file twice', async () => {
    const path = csv([
      ['t1', 'a', 1],
      ['t2', 'b', 2],
      ['t3', 'b', 3],
    ]);
    expect((await replay(path)).status).toBe(0);
    expect((await replay(path)).status).toBe(0);
    // the second run learns the clock's time at its first row and asks no more
    expect(service.clockMoves).toEqual([at(1), at(2), at(3), at(1)]);
    expect(service.decisions).toHaveLength(6);
  });

  it('stops after --limit rows', async () => {
    await replay(csv(Array.from({ length: 9 }, (_, i) => [`t${i}`, 'a', i] as const)), '--limit', '4');
    expect(service.decisions).toHaveLength(4);
  });

  it('without --url speaks to an embedded service and stops it, also when it fails', async () => {
    const stops = embeddedStops;
    expect((await run(csv([['t1', 'a', 1]]), ...mapArguments(MAPS))).status).toBe(0);
    expect(service.decisions).toHaveLength(1);
    service.live = true;
    expect((await run(csv([['t2', 'a', 9]]), ...mapArguments(MAPS))).status).toBe(1);
    expect(embeddedStops - stops).toBe(2);
  });

  it('takes a map file, which --map overrides', async () => {
    const path = join(directory, 'map.yaml');
    writeFileSync(path, `transactionId: id\naccountId: account\ntype: "'earn'"\npoints: points * 2\n`);
    await run(csv([['t1', 'a', 1]]), '--map-file', path, '--map', "type='burn'", ...access());
    expect(service.decisions[0]?.request).toEqual({ transactionId: 't1', accountId: 'a', type: 'burn', points: 10 });
  });
});

describe('replay-api counts as errors, goes on, and ends with 1', () => {
  it('rows that the service refuses', async () => {
    service.interfere = (path, body) =>
      path === '/v1/decisions' && body['transactionId'] === 't2' ? problem(422, 'request.invalid') : undefined;
    const { status, out } = await replay(
      csv([
        ['t1', 'a', 1],
        ['t2', 'b', 1],
        ['t3', 'c', 2],
      ]),
    );
    expect(status).toBe(1);
    expect(service.decisions).toHaveLength(2);
    expect(out).toMatch(/^rows +3$/m);
    expect(out).toMatch(/^errors +1$/m);
    expect(out).toMatch(/row 2: request\.invalid/);
  });

  it('rows that make no request', async () => {
    const path = join(directory, 'file.csv');
    writeFileSync(path, `id,account,at,points\nt1,a,${at(1)},5\nt2,a,${at(1)},many\nt3,a\nt4,a,${at(1)},5\n`);
    const { status, out } = await replay(path);
    expect(status).toBe(1);
    expect(service.decisions).toHaveLength(2);
    expect(out).toMatch(/^errors +2$/m);
    expect(out).not.toMatch(/many/);
  });
});

describe('replay-api ends with one sentence, before it sends a row', () => {
  const endings: [string, (path: string) => Promise<Run>, RegExp][] = [
    ['an unknown field', (path) => replay(path, '--map', "colour='red'"), /no field colour/],
    [
      'an unknown column',
      (path) => run(path, ...mapArguments(MAPS.slice(0, 3)), '--map', 'points=NOWHERE * 2', ...access()),
      /no column NOWHERE/,
    ],
    ['a missing field', (path) => run(path, ...mapArguments(MAPS.slice(0, 3)), ...access()), /lacks points/],
    [
      'no expression',
      (path) => run(path, ...mapArguments(MAPS.slice(0, 3)), '--map', 'points=max(1,', ...access()),
      /cannot be read/,
    ],
    [
      'a first row that does not fit',
      (path) => run(path, ...mapArguments(MAPS.slice(0, 3)), '--map', 'points=at', ...access()),
      /Row 1: points/,
    ],
    ['no such file', () => replay('/nowhere/file.csv'), /no file/],
    ['a bad limit', (path) => replay(path, '--limit', '0'), /--limit/],
    ['half an address', (path) => run(path, ...mapArguments(MAPS), '--url', service.url), /go together/],
    [
      'a wrong secret',
      (path) =>
        run(
          path,
          ...mapArguments(MAPS),
          '--url',
          service.url,
          '--client-id',
          CLIENT.clientId,
          '--client-secret',
          'wrong-secret',
        ),
      /secret is wrong/,
    ],
    [
      'no url',
      (path) => run(path, ...mapArguments(MAPS), '--url', 'nonsense', '--client-id', 'a', '--client-secret', 'b'),
      /must look like/,
    ],
    [
      'a url with a secret',
      (path) =>
        run(
          path,
          ...mapArguments(MAPS),
          '--url',
          'http://a:wrong-secret@127.0.0.1',
          '--client-id',
          'a',
          '--client-secret',
          'b',
        ),
      /must not hold credentials/,
    ],
    [
      'nobody there',
      (path) =>
        run(
          path,
          ...mapArguments(MAPS),
          '--url',
          'http://127.0.0.1:1',
          '--client-id',
          'a',
          '--client-secret',
          'wrong-secret',
        ),
      /Nothing answers/,
    ],
    ['a live program', (path) => ((service.live = true), replay(path)), /live program/],
    [
      'a live program, and no clock to lead',
      (path) => ((service.live = true), run(path, ...mapArguments(MAPS.slice(0, 4)), ...access())),
      /live program/,
    ],
    [
      'a client without the scope',
      (path) => (
        (service.interfere = (url) => (url === '/v1/test/clock' ? problem(403, 'auth.scope') : undefined)), replay(path)
      ),
      /auth\.scope/,
    ],
    [
      'another kind of service',
      (path) => ((service.interfere = () => ({ status: 404 })), replay(path)),
      /Is it a Pointguard service/,
    ],
  ];

  it.each(endings)('%s', async (_name, start, sentence) => {
    const { status, err, out } = await start(csv([['t1', 'a', 1]]));
    expect(err).toMatch(sentence);
    expect(err).not.toMatch(/\n|wrong-secret/);
    expect(out).toBe('');
    expect(status).toBe(1);
    expect(service.decisions).toEqual([]);
  });
});
