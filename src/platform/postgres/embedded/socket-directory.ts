import { chownSync, existsSync, mkdtempSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { RecordError } from '../record-error.js';
import { canEnter, type SystemUser } from './system-user.js';

/** A socket's path is at most 107 bytes on Linux; `.s.PGSQL.5432` and some room are taken off. */
const MAX_PATH_BYTES = 90;
const PREFIX = 'pointguard-';

/**
 * A fresh directory (0700, the user's) for PostgreSQL's socket, below the first place that is writable, short enough
 * and open to him. It is the only lock on the record: see postmaster.ts.
 */
export function makeSocketDirectory(user: SystemUser | undefined, fallback: string): string {
  for (const parent of [tmpdir(), '/tmp', '/var/tmp', '/run', fallback]) {
    const length = Buffer.byteLength(join(parent, `${PREFIX}XXXXXX`));
    if (length > MAX_PATH_BYTES || !existsSync(parent) || !canEnter(user, parent)) continue;
    try {
      const directory = mkdtempSync(join(parent, PREFIX));
      if (user) chownSync(directory, user.uid, user.gid);
      return directory;
    } catch {
      // not writable: the next one
    }
  }
  throw new RecordError('There is no place for the socket of PostgreSQL: /tmp is not writable. Set TMPDIR.');
}

/** Removes a socket directory, also one of an earlier process; only what PostgreSQL puts there is deleted. */
export function removeSocketDirectory(directory: string): void {
  if (!basename(directory).startsWith(PREFIX)) return;
  try {
    for (const name of readdirSync(directory)) if (name.startsWith('.s.PGSQL.')) rmSync(join(directory, name));
    rmdirSync(directory);
  } catch {
    // gone already, or not empty: not ours to delete
  }
}
