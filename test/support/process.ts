/** Instances of the built service as processes of their own, that can be killed, frozen and let go on. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PROJECT } from './clone.js';
import type { TestDatabase } from './postgres.js';
import { CLIENT } from './service.js';

export interface ServiceProcess {
  readonly pid: number;
  readonly url: string;
  /** What it has said on stderr and stdout. */
  readonly said: () => string;
  signal(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT' | 'SIGTERM'): void;
  /** Until it has ended; answers its exit status, or the signal that ended it. */
  ended(): Promise<number | string>;
  kill(): Promise<void>;
}

export interface ServiceHome {
  /** Starts an instance, and waits until it answers. Throws with its last words where it ends instead. */
  start(more?: NodeJS.ProcessEnv): Promise<ServiceProcess>;
  /** Kills what still runs, and deletes the directory. */
  clear(): Promise<void>;
  readonly directory: string;
}

/** Where instances of one service live: its data directory, policy and settings. Without a database: embedded. */
export function serviceHome(options: { database?: TestDatabase; policy: object }): ServiceHome {
  // below /tmp whatever TMPDIR is, and open: an embedded PostgreSQL has to get here as its own user
  const directory = mkdtempSync('/tmp/pointguard-process-');
  chmodSync(directory, 0o711);
  const policyFile = join(directory, 'policy.json');
  writeFileSync(policyFile, JSON.stringify(options.policy));
  const running = new Set<ServiceProcess>();
  const { database } = options;
  return {
    directory,
    async start(more = {}) {
      const instance = await startProcess({
        PATH: process.env.PATH,
        NODE_ENV: 'test',
        PORT: '0',
        LOG_LEVEL: 'warn',
        DATA_DIR: join(directory, 'data'),
        MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
        POLICY_FILE: policyFile,
        BOOTSTRAP_PROGRAM: 'acme',
        BOOTSTRAP_CLIENT_ID: CLIENT.id,
        BOOTSTRAP_CLIENT_SECRET: CLIENT.secret,
        ...(database && { DATABASE_URL: database.serviceUrl, MIGRATION_DATABASE_URL: database.ownerUrl }),
        ...more,
      });
      running.add(instance);
      return instance;
    },
    async clear() {
      for (const instance of running) await instance.kill();
      await stopEmbedded(join(directory, 'data'));
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** The PostgreSQL that a killed service has left; waits until it writes no more. */
async function stopEmbedded(dataDir: string): Promise<void> {
  try {
    const { pid } = JSON.parse(readFileSync(join(dataDir, 'running.json'), 'utf8')) as { pid: number };
    process.kill(pid, 'SIGQUIT');
    // throws once it is gone
    for (let left = 500; left > 0 && process.kill(pid, 0); left--) await sleep(10);
  } catch {
    // there is none, or it has gone
  }
}

async function startProcess(env: NodeJS.ProcessEnv): Promise<ServiceProcess> {
  const flags = ['--disable-warning=ExperimentalWarning', '--enable-source-maps'];
  const child: ChildProcess = spawn(process.execPath, [...flags, join(PROJECT, 'dist/main.js')], {
    cwd: PROJECT,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  const listen = (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-20_000);
  };
  child.stdout?.on('data', listen);
  child.stderr?.on('data', listen);
  const ended = once(child, 'close').then(([status, signal]) => (status ?? signal) as number | string);
  let url: string | undefined;
  while (url === undefined) {
    const over = await Promise.race([ended, once(child.stderr!, 'data').then(() => undefined)]);
    url = /answers at (http:\S+)/.exec(said)?.[1];
    if (over !== undefined && url === undefined) throw new Error(`the service ended (${over}): ${said.slice(-2000)}`);
  }
  return {
    pid: child.pid ?? Number.NaN,
    url,
    said: () => said,
    signal: (signal) => void child.kill(signal),
    ended: () => ended,
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
