/**
 * The PostgreSQL server of an embedded record, as a child of ours.
 *
 * It runs in a session of its own, so that Ctrl-C at the terminal reaches us and not it; it listens on a Unix socket
 * only. Whoever can open the socket may log in as any role (`local all all trust`): `peer` would refuse root, who runs
 * the service when PostgreSQL runs as somebody else, and a password would have to lie in a file that exactly the same
 * people can read. So the socket's directory, 0700 and PostgreSQL's own, is the only lock.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fstatSync, ftruncateSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type ClientConfig } from 'pg';
import { codeOf, RecordError } from '../record-error.js';
import { type Cluster, OWNER_ROLE } from './cluster.js';
import { asUser, lastLine, launch } from './programs.js';

const START_LIMIT_MS = 120_000;
/** Leftover backends of a killed postmaster keep the shared memory for a moment. */
const LEFTOVERS_LIMIT_MS = 15_000;
const FAST_SHUTDOWN_LIMIT_MS = 30_000;
const MAX_LOG_BYTES = 1_048_576;

/** Given at each start, so that a later version of ours changes them on a record that is there. */
const SETTINGS = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  fsync: 'on',
  full_page_writes: 'on',
  synchronous_commit: 'on',
  max_connections: '60',
  shared_buffers: '64MB',
  max_wal_size: '512MB',
  // one lane uses one connection: parallel plans would only compete with it, and need /dev/shm, 64 MB in a container
  max_parallel_workers_per_gather: '0',
  // compiling costs more than any statement of ours
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_destination: 'stderr',
  log_checkpoints: 'off',
  // errors of statements reach us anyway; their values must not reach a log
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
};

export interface Postmaster {
  readonly pid: number;
  /** Fast shutdown; answers when the server has ended. */
  stop(): Promise<void>;
}

export const ownerLogin = (socketDirectory: string, database: string): ClientConfig => ({
  host: socketDirectory,
  user: OWNER_ROLE,
  database,
});

/** The log of the server; begun anew when it has grown large. */
function openLog(path: string): number {
  const log = openSync(path, 'a', 0o600);
  if (fstatSync(log).size > MAX_LOG_BYTES) ftruncateSync(log);
  return log;
}

async function launchServer(cluster: Cluster, socketDirectory: string, logFile: string): Promise<ChildProcess> {
  const settings = Object.entries(SETTINGS).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const log = openLog(logFile);
  try {
    return await launch(join(cluster.bin, 'postgres'), ['-D', cluster.directory, '-k', socketDirectory, ...settings], {
      ...asUser(cluster.user),
      detached: true,
      stdio: ['ignore', log, log],
    });
  } finally {
    closeSync(log);
  }
}

/** Not there yet, not listening yet, starting up: worth another try. */
const NOT_YET = new Set(['ENOENT', 'ECONNREFUSED', 'ECONNRESET', '57P03']);

async function answers(socketDirectory: string): Promise<boolean> {
  const client = new Client(ownerLogin(socketDirectory, 'postgres'));
  client.on('error', () => undefined);
  try {
    await client.connect();
    return true;
  } catch (error) {
    if (NOT_YET.has(codeOf(error) ?? '')) return false;
    throw error;
  } finally {
    await client.end().catch(() => undefined);
  }
}

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

/** Waits for the first connection; answers false where the server ended instead. */
async function comesUp(child: ChildProcess, socketDirectory: string): Promise<boolean> {
  for (let leftMs = START_LIMIT_MS; leftMs > 0; leftMs -= 25) {
    if (hasEnded(child)) return false;
    if (await answers(socketDirectory)) return true;
    await sleep(25);
  }
  child.kill('SIGQUIT');
  throw new RecordError(`PostgreSQL did not come up within ${START_LIMIT_MS / 1000} s.`);
}

/** What the server wrote since its last start. */
function lastWords(logFile: string): string {
  return lastLine(readFileSync(logFile, 'utf8').slice(-4000));
}

async function startChild(cluster: Cluster, socketDirectory: string, logFile: string): Promise<ChildProcess> {
  for (let leftMs = LEFTOVERS_LIMIT_MS; ; leftMs -= 250) {
    const child = await launchServer(cluster, socketDirectory, logFile);
    if (await comesUp(child, socketDirectory)) return child;
    const words = lastWords(logFile);
    if (leftMs <= 0 || !words.includes('is still in use')) {
      throw new RecordError(`PostgreSQL did not start: ${words} (log: ${logFile})`);
    }
    await sleep(250);
  }
}

/** Ends a server: fast shutdown, and after 30 s the immediate one, from which the next start recovers. */
async function endChild(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  child.ref();
  const ended = once(child, 'exit');
  child.kill('SIGINT');
  const impatient = setTimeout(() => child.kill('SIGQUIT'), FAST_SHUTDOWN_LIMIT_MS);
  await ended;
  clearTimeout(impatient);
}

/**
 * Starts the server and waits until it answers. `onLost` is called with a sentence when it ends without being told to.
 * Throws RecordError with the server's last words where it does not start.
 */
export async function startPostmaster(
  cluster: Cluster,
  socketDirectory: string,
  logFile: string,
  onLost: (sentence: string) => void,
): Promise<Postmaster> {
  const child = await startChild(cluster, socketDirectory, logFile);
  let stopping = false;
  child.once('exit', (code, signal) => {
    if (!stopping) onLost(`The embedded PostgreSQL ended by itself (${signal ?? `status ${code}`}); see ${logFile}.`);
  });
  // a service that has nothing left to do may end; the next start stops what it left
  child.unref();
  return {
    pid: child.pid ?? 0,
    async stop() {
      stopping = true;
      await endChild(child);
    },
  };
}
