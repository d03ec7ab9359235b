/**
 * Who runs PostgreSQL. It refuses to run as root; then it runs as the user `postgres`, where there is none as `nobody`.
 * An ordinary user runs it as himself.
 */
import { readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

export interface SystemUser {
  uid: number;
  gid: number;
}

const CANDIDATES = ['postgres', 'nobody'];
/** `nobody` by convention, for an image without /etc/passwd. */
const NOBODY: SystemUser = { uid: 65_534, gid: 65_534 };

/** The unprivileged user of an /etc/passwd: `postgres`, else `nobody`. */
export function unprivilegedUser(passwd: string): SystemUser {
  const entries = passwd.split('\n').map((line) => line.split(':'));
  for (const name of CANDIDATES) {
    const entry = entries.find((fields) => fields[0] === name);
    const [uid, gid] = [Number(entry?.[2]), Number(entry?.[3])];
    if (Number.isInteger(uid) && Number.isInteger(gid) && uid > 0) return { uid, gid };
  }
  return NOBODY;
}

function passwdFile(): string {
  try {
    return readFileSync('/etc/passwd', 'utf8');
  } catch {
    return '';
  }
}

/** The user that PostgreSQL is to run as; undefined: whoever we are. */
export function postgresUser(): SystemUser | undefined {
  return process.getuid?.() === 0 ? unprivilegedUser(passwdFile()) : undefined;
}

/** Whether a user may enter a directory and all above it, by their modes. Without a user: ourselves, who are there already. */
export function canEnter(user: SystemUser | undefined, directory: string): boolean {
  if (!user) return true;
  const stat = statSync(directory);
  const bit = stat.uid === user.uid ? 0o100 : stat.gid === user.gid ? 0o010 : 0o001;
  if ((stat.mode & bit) === 0) return false;
  const parent = dirname(directory);
  return parent === directory || canEnter(user, parent);
}
