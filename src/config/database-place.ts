/** Where a database URL leads, read as the driver reads it: parameters win over the URL, the last of several wins. */
import { isIP } from 'node:net';

export interface DatabasePlace {
  /** Every host that it names; empty: the driver goes where PGHOST says. */
  hosts: readonly string[];
  port: string;
  database: string;
  sslMode?: string;
}

/** The place, or undefined where the text is no `postgres://` URL. */
export function databasePlace(text: string): DatabasePlace | undefined {
  // `user@/database?host=/socket` has an empty host, which URL does not take
  const noHost = text.includes('@/');
  const url = /^postgres(ql)?:\/\//.test(text) ? URL.parse(noHost ? text.replace('@/', '@localhost/') : text) : null;
  if (!url) return undefined;
  const { searchParams } = url;
  const hosts = [noHost ? '' : decodeURIComponent(url.hostname), ...searchParams.getAll('host')];
  return {
    hosts: hosts.filter((host) => host !== ''),
    port: searchParams.getAll('port').at(-1) ?? (url.port || '5432'),
    database: url.pathname.slice(1),
    sslMode: searchParams.getAll('sslmode').at(-1),
  };
}

const ENCRYPTED_MODES: ReadonlySet<string | undefined> = new Set(['require', 'verify-ca', 'verify-full']);

/** Whether what is sent there may cross a network unencrypted. */
export function leavesHostInPlaintext(text: string): boolean {
  const place = databasePlace(text);
  if (!place) return true;
  const local = place.hosts.length > 0 && place.hosts.every(isLocal);
  return !local && !ENCRYPTED_MODES.has(place.sslMode);
}

function isLocal(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  return (
    host.startsWith('/') || bare === 'localhost' || bare === '::1' || (isIP(bare) === 4 && bare.startsWith('127.'))
  );
}

export function isSameDatabase(a: string, b: string): boolean {
  const key = (text: string) => {
    const place = databasePlace(text);
    return place && [place.hosts.at(-1), place.port, place.database].join(' ');
  };
  return key(a) === key(b);
}
