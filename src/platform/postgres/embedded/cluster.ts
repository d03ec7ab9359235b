/**
 * Where the record's files are: `DATA_DIR/postgres`, unless PostgreSQL's user cannot get there (we are root, and DATA_DIR
 * lies below a directory that only root may enter). Then they are in `/var/lib/pointguard/<random id>`, DATA_DIR holds a
 * pointer to them (`record.json`), and they name DATA_DIR (`owner.json`).
 *
 * A deleted DATA_DIR takes the pointer with it, so the next start is a fresh one. Files that no pointer names stay: we
 * cannot tell a DATA_DIR that was deleted from one that was moved away and will come back.
 */
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { RecordError } from '../record-error.js';
import { placeBinaries } from './binaries.js';
import { readJson, syncPath, writeJson } from './durable-file.js';
import { type Lock, lockDirectory } from './lock.js';
import { run } from './programs.js';
import { canEnter, postgresUser, type SystemUser } from './system-user.js';

/** Owner of the record's tables, and superuser of the embedded server. */
export const OWNER_ROLE = 'pointguard_owner';

/** Durable places that only root can write to, so that nobody can have prepared them. The first that works is taken. */
const HOMES = ['/var/lib/pointguard', '/var/local/pointguard'];
const MAJOR_VERSION = '18';

export interface Cluster {
  /** PostgreSQL's data directory. */
  directory: string;
  /** The folder of PostgreSQL's programs. */
  bin: string;
  /** Who it belongs to and runs as; undefined: ourselves. */
  user: SystemUser | undefined;
  /** A lock of its own where it lies outside of DATA_DIR: two copies of one DATA_DIR point to the same files. */
  lock?: Lock;
}

interface Place {
  directory: string;
  lock?: Lock;
}

/** The first home that is there or can be made, and where the user can go. */
function findHome(user: SystemUser | undefined): string {
  for (const home of HOMES) {
    try {
      if (mkdirSync(home, { recursive: true, mode: 0o711 })) chmodSync(home, 0o711);
      if (statSync(home).uid === 0 && canEnter(user, home)) return home;
    } catch {
      // read-only, or a file: the next one
    }
  }
  throw new RecordError(
    `PostgreSQL's user can enter neither the data directory nor ${HOMES.join(' nor ')}; set DATA_DIR to a directory that every user may enter.`,
  );
}

/** The place that `record.json` names, after a check that it is ours alone. */
async function placeElsewhere(dataDir: string, home: string): Promise<Place> {
  const named = (directory: string): unknown => readJson(join(directory, 'record.json'))['directory'];
  const owner = readJson(join(home, 'owner.json'))['dataDir'];
  if (!HOMES.includes(dirname(home)) || typeof owner !== 'string') {
    throw new RecordError(
      `The record of ${dataDir} was in ${home}, which is gone; put it back, or delete ${dataDir} to begin anew.`,
    );
  }
  if (owner !== dataDir && named(owner) === home) {
    throw new RecordError(`The data directory ${dataDir} is a copy of ${owner}, and both name one record, ${home}.`);
  }
  const lock = await lockDirectory(home);
  if (owner !== dataDir) writeJson(join(home, 'owner.json'), { dataDir });
  return { directory: join(home, 'postgres'), lock };
}

/** Whom existing files belong to: he runs PostgreSQL, whatever users there are by now. */
function ownerOf(directory: string): SystemUser | undefined {
  const { uid, gid } = statSync(directory);
  const ourUid = process.getuid?.();
  if (uid === ourUid && uid !== 0) return undefined;
  if (ourUid !== 0 || uid === 0) {
    throw new RecordError(
      `The record in ${directory} belongs to another user (uid ${uid}); run as that user or as root.`,
    );
  }
  return { uid, gid };
}

function existing(place: Place): Cluster {
  const { directory } = place;
  const user = ownerOf(directory);
  if (!canEnter(user, directory)) {
    throw new RecordError(`PostgreSQL's user (uid ${user?.uid}) cannot enter ${directory} any more.`);
  }
  const version = readFileSync(join(directory, 'PG_VERSION'), 'utf8').trim();
  if (version !== MAJOR_VERSION) {
    throw new RecordError(`The record in ${directory} was made by PostgreSQL ${version}; this is ${MAJOR_VERSION}.`);
  }
  return { ...place, user, bin: placeBinaries(user, () => dirname(directory)) };
}

/** Deletes what earlier attempts left, as far as that goes: an initdb of theirs may still be writing there. */
function removeUnfinished(directory: string): void {
  const parent = dirname(directory);
  for (const name of readdirSync(parent)) {
    if (!name.startsWith(`${basename(directory)}.unfinished-`)) continue;
    try {
      rmSync(join(parent, name), { recursive: true, force: true });
    } catch {
      // the next start tries again
    }
  }
}

/**
 * Makes an empty cluster, synced to disk, and only then gives it its name: one that a crash cut short is never used.
 * Each attempt has a directory of its own, since an initdb outlives us when we are killed.
 * Everybody who gets through the socket's directory may log in (`trust`): see postmaster.ts.
 */
async function initialise(bin: string, directory: string, user: SystemUser | undefined): Promise<void> {
  removeUnfinished(directory);
  const unfinished = mkdtempSync(`${directory}.unfinished-`);
  if (user) chownSync(unfinished, user.uid, user.gid);
  const options = ['-D', unfinished, '-U', OWNER_ROLE, '--auth-local=trust', '--auth-host=reject'];
  await run(join(bin, 'initdb'), [...options, '--encoding=UTF8', '--no-locale'], user);
  renameSync(unfinished, directory);
  syncPath(dirname(directory));
}

/**
 * Lets PostgreSQL's user pass through a DATA_DIR of root's (0700, as mkdtemp makes it) where he can go up to it: better
 * than a record elsewhere, which a deletion or a backup of DATA_DIR would miss. He cannot list it, and all that we put
 * there is 0600.
 */
function letPass(user: SystemUser | undefined, dataDir: string): void {
  const { uid, mode } = statSync(dataDir);
  if (user && uid === 0 && canEnter(user, dirname(dataDir))) chmodSync(dataDir, mode | 0o011);
}

async function create(dataDir: string): Promise<Cluster> {
  const user = postgresUser();
  letPass(user, dataDir);
  if (canEnter(user, dataDir)) {
    const directory = join(dataDir, 'postgres');
    const bin = placeBinaries(user, () => dataDir);
    await initialise(bin, directory, user);
    return { directory, bin, user };
  }
  const shared = findHome(user);
  const bin = placeBinaries(user, () => shared);
  const home = join(shared, randomBytes(16).toString('hex'));
  mkdirSync(home, { mode: 0o711 });
  const lock = await lockDirectory(home);
  await initialise(bin, join(home, 'postgres'), user);
  writeJson(join(home, 'owner.json'), { dataDir });
  // last: what a crash leaves before this line, nothing names
  writeJson(join(dataDir, 'record.json'), { directory: home });
  return { directory: join(home, 'postgres'), bin, user, lock };
}

/**
 * The cluster of a data directory (its real path; we hold its lock), made where there is none yet. Throws RecordError
 * where it is gone, another user's, or of another PostgreSQL.
 */
export async function openCluster(dataDir: string): Promise<Cluster> {
  const here = join(dataDir, 'postgres');
  if (existsSync(here)) return existing({ directory: here });
  const home = readJson(join(dataDir, 'record.json'))['directory'];
  return typeof home === 'string' ? existing(await placeElsewhere(dataDir, home)) : create(dataDir);
}
