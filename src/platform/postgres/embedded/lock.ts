/**
 * The lock that comes before anything else: an exclusive SQLite transaction, held open on an empty file.
 *
 * The kernel keeps it, by inode: it holds between containers that share the volume, where a pid says nothing, and it is
 * free the moment its process ends, `kill -9` included. Nothing is ever written to the file.
 */
import { closeSync, existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { RecordError } from '../record-error.js';

/** Another process holds this data directory. */
export class DataDirectoryInUseError extends RecordError {
  constructor(dataDir: string) {
    super(`The data directory ${dataDir} is in use by another process of Pointguard; stop it first, or set DATA_DIR.`);
    this.name = 'DataDirectoryInUseError';
  }
}

export interface Lock {
  release(): void;
}

/** SQLITE_BUSY; the extended codes keep it in their low byte. */
const isBusy = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'errcode' in error && (Number(error.errcode) & 0xff) === 5;

/**
 * Makes the lock file, for our eyes only: who can read it could take a shared lock and keep us out. An existing one is
 * not opened, since closing any descriptor of a file gives up all of a process's locks on it.
 */
function makeFile(file: string): void {
  if (!existsSync(file)) closeSync(openSync(file, 'a', 0o600));
}

/** Takes the lock of a directory, or answers undefined where another process (or this one) has it. */
export function tryLock(directory: string): Lock | undefined {
  const file = join(directory, 'pointguard.lock');
  let database: DatabaseSync | undefined;
  try {
    makeFile(file);
    database = new DatabaseSync(file);
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database?.close();
    if (isBusy(error)) return undefined;
    throw new RecordError(`The lock file ${file} cannot be used; is the directory writable?`, { cause: error });
  }
  const held = database;
  return { release: () => held.close() };
}

/**
 * Takes the lock; throws DataDirectoryInUseError where it is not free within `patienceMs`, which covers a command that
 * is about to end.
 */
export async function lockDirectory(directory: string, patienceMs = 500): Promise<Lock> {
  for (let leftMs = patienceMs; ; leftMs -= 100) {
    const lock = tryLock(directory);
    if (lock) return lock;
    if (leftMs <= 0) throw new DataDirectoryInUseError(directory);
    await sleep(100);
  }
}
