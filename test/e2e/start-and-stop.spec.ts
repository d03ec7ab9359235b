/** A service that is told to end while it starts, and one that cannot start, leave nothing behind. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { build, PROJECT } from '../support/clone.js';

beforeAll(build);

/** Command lines of processes that name a path. */
const processesNaming = (path: string): string[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      } catch {
        return '';
      }
    })
    .filter((line) => line.includes(path));

function run(script: string, args: readonly string[], dataDir: string, port: number) {
  const child = spawn(process.execPath, [join(PROJECT, 'dist', script), ...args], {
    cwd: PROJECT,
    env: { PATH: process.env.PATH, DATA_DIR: dataDir, PORT: String(port) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += String(chunk)));
  return { child, ended: once(child, 'exit').then(([status]) => status as number | null), said: () => said };
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(5);
}

async function inDataDir(work: (dataDir: string) => Promise<void>): Promise<void> {
  // below /tmp whatever TMPDIR is: PostgreSQL's user has to get there
  const home = mkdtempSync('/tmp/pointguard-stop-');
  try {
    await work(join(home, 'data'));
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

describe('SIGTERM while it starts', () => {
  it.each([
    ['before PostgreSQL has its files', (dataDir: string) => existsSync(join(dataDir, 'pointguard.lock'))],
    ['when PostgreSQL runs', (dataDir: string) => existsSync(join(dataDir, 'running.json'))],
  ])('%s: no PostgreSQL is left', (_, reached) =>
    inDataDir(async (dataDir) => {
      const { child, ended, said } = run('main.js', [], dataDir, 0);
      await until(() => reached(dataDir));
      child.kill('SIGTERM');
      expect(await ended).toBe(0);
      expect(processesNaming(dataDir)).toEqual([]);
      // what was made in that start is shown, since it never is again
      expect(said()).toContain('shown once');
    }),
  );
});

it.each([
  ['main.js', []],
  ['cli/main.js', ['demo']],
])('a port that is in use ends %s %s with a sentence', (script, args) =>
  inDataDir(async (dataDir) => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    try {
      const { ended, said } = run(script, args, dataDir, port);
      expect(await ended).toBe(1);
      expect(said()).toContain(`Port ${port} is in use`);
      expect(processesNaming(dataDir)).toEqual([]);
    } finally {
      server.close();
    }
  }),
);
