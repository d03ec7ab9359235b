/** How PostgreSQL's programs are run: as their user, with nothing of our environment, which holds secrets. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { basename } from 'node:path';
import { RecordError } from '../record-error.js';
import type { SystemUser } from './system-user.js';

/** Options of a child that runs as `user`. The working directory is `/`: ours may be one that he cannot enter. */
export const asUser = (user: SystemUser | undefined): SpawnOptions => ({
  cwd: '/',
  env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
  ...user,
});

/** Starts a program; a file that cannot be run is an error of this call, never an unhandled event. */
export async function launch(program: string, args: readonly string[], options: SpawnOptions): Promise<ChildProcess> {
  const child = spawn(program, args, options);
  try {
    await once(child, 'spawn');
  } catch (cause) {
    throw new RecordError(`PostgreSQL's program ${program} cannot be run.`, { cause });
  }
  return child;
}

/** Runs a program to its end; throws with the last line that it said where it fails. */
export async function run(program: string, args: readonly string[], user: SystemUser | undefined): Promise<void> {
  const child = await launch(program, args, { ...asUser(user), stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-4000);
  });
  await once(child, 'close');
  if (child.exitCode === 0) return;
  throw new RecordError(`PostgreSQL's ${basename(program)} failed: ${lastLine(said)}`);
}

/** The last error that a program wrote, else its last line. */
export function lastLine(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return (lines.findLast((line) => /(FATAL|PANIC|error):/.test(line)) ?? lines.at(-1) ?? 'it said nothing').trim();
}
