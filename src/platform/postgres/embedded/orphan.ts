/**
 * What a crash of ours leaves behind: PostgreSQL runs in a session of its own, so it outlives a `kill -9` of the
 * service. We hold the data directory's lock, hence nobody uses it any more: it is stopped, and started anew.
 */
import { readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf, RecordError } from '../record-error.js';
import type { Cluster } from './cluster.js';

/** Signal and how long it may take, ms: fast shutdown, immediate shutdown, the end. */
const INSISTENCE = [
  ['SIGINT', 5000],
  ['SIGQUIT', 5000],
  ['SIGKILL', 5000],
] as const;

function recordedPid(cluster: Cluster): number | undefined {
  try {
    const pid = Number(readFileSync(join(cluster.directory, 'postmaster.pid'), 'utf8').split('\n')[0]);
    return Number.isInteger(pid) && pid > 1 ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** The arguments of a process, empty where there is none (a zombie has none either). */
function argumentsOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean);
  } catch {
    return [];
  }
}

/**
 * Whether a process is a postmaster of this cluster: pids are given again, after a reboot or in another container, and
 * anybody may write anything into his own command line. So it must run as the cluster's user, too.
 */
function isPostmaster(pid: number, cluster: Cluster): boolean {
  const args = argumentsOf(pid);
  const data = args.indexOf('-D');
  if (!args[0]?.endsWith('/postgres') || data < 0 || args[data + 1] !== cluster.directory) return false;
  return statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid === (cluster.user?.uid ?? process.getuid?.());
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

/** Waits until a condition holds; answers false when it still does not after `limitMs`. */
async function holdsWithin(limitMs: number, condition: () => boolean): Promise<boolean> {
  for (let leftMs = limitMs; leftMs > 0; leftMs -= 20) {
    if (condition()) return true;
    await sleep(20);
  }
  return condition();
}

function signalTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error;
  }
}

async function end(pid: number, cluster: Cluster): Promise<void> {
  for (const [signal, patienceMs] of INSISTENCE) {
    signalTo(pid, signal);
    if (await holdsWithin(patienceMs, () => !isPostmaster(pid, cluster))) return;
  }
  throw new RecordError(`The PostgreSQL left behind by a crash (pid ${pid}) does not end.`);
}

/**
 * Stops a postmaster that a crash left running. A pid file that then names a living process still names a stranger, or
 * a zombie that nobody reaps: PostgreSQL would take either for a postmaster and not start, so the file is removed.
 * Backends without a postmaster it finds by their shared memory, whose key comes from the directory's inode.
 */
export async function stopOrphan(cluster: Cluster): Promise<void> {
  const pid = recordedPid(cluster);
  if (pid === undefined) return;
  if (isPostmaster(pid, cluster)) await end(pid, cluster);
  if (isAlive(pid)) rmSync(join(cluster.directory, 'postmaster.pid'), { force: true });
}
