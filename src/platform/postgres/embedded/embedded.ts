/**
 * The embedded record: a real PostgreSQL in the data directory, for one service at a time.
 *
 * The lock comes first; who has it starts the server. Commands join a server that runs: its place (the socket's
 * directory) is in `running.json`, and a shared advisory lock, held as long as they use it, tells a command that started
 * the server for itself to wait for the others before it stops it. `serve` does not wait.
 */
import { chmodSync, mkdirSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type ClientConfig } from 'pg';
import { codeOf, RecordError } from '../record-error.js';
import { type Cluster, openCluster } from './cluster.js';
import { readJson, writeJson } from './durable-file.js';
import { DataDirectoryInUseError, type Lock, lockDirectory, tryLock } from './lock.js';
import { stopOrphan } from './orphan.js';
import { ownerLogin, type Postmaster, startPostmaster } from './postmaster.js';
import { makeSocketDirectory, removeSocketDirectory } from './socket-directory.js';

export const DATABASE = 'pointguard';
export const SERVICE_ROLE = 'pointguard_service';

/** Who holds the server up: shared by those who joined, exclusive for who wants to stop it. Any fixed number. */
const USE_LOCK = 7_040_173_302;
/** How long a command waits for a server that is just starting or stopping. */
const JOIN_LIMIT_MS = 20_000;

export interface EmbeddedServer {
  /** Login as the owner of the tables, for migrations. */
  readonly owner: ClientConfig;
  /** Login of the service. */
  readonly service: ClientConfig;
  /** Lets commands join. To be called once the database is migrated. */
  announce(): void;
  /** Stops the server, or leaves it where it is another's. */
  close(): Promise<void>;
}

type OnLost = (sentence: string) => void;

/**
 * Makes the data directory where it is missing and answers its real path. Root makes it 0711, since PostgreSQL's user
 * has to pass; keys in it are 0600.
 */
export function prepareDataDirectory(dataDir: string): string {
  try {
    const mode = process.getuid?.() === 0 ? 0o711 : 0o700;
    if (mkdirSync(dataDir, { recursive: true })) chmodSync(dataDir, mode);
    return realpathSync(dataDir);
  } catch (cause) {
    throw new RecordError(`The data directory ${dataDir} cannot be made or entered (${codeOf(cause)}).`, { cause });
  }
}

const logins = (socketDirectory: string): Pick<EmbeddedServer, 'owner' | 'service'> => ({
  owner: ownerLogin(socketDirectory, DATABASE),
  service: { host: socketDirectory, user: SERVICE_ROLE, database: DATABASE },
});

/** Makes the database where it is missing; the roles come with the migration. */
async function ensureDatabase(socketDirectory: string): Promise<void> {
  const client = new Client(ownerLogin(socketDirectory, 'postgres'));
  await client.connect();
  try {
    const found = await client.query('select from pg_database where datname = $1', [DATABASE]);
    if (found.rowCount === 0) await client.query(`create database ${DATABASE}`);
    await client.query(`revoke temporary on database ${DATABASE} from public`);
  } finally {
    await client.end();
  }
}

/** A connection that holds the use lock; undefined where the server is gone or going. */
async function holdInUse(service: ClientConfig, mode: 'shared' | 'exclusive'): Promise<Client | undefined> {
  const client = new Client(service);
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query(`select pg_advisory_lock${mode === 'shared' ? '_shared' : ''}($1)`, [USE_LOCK]);
    return client;
  } catch {
    await client.end().catch(() => undefined);
    return undefined;
  }
}

/** Clears away what a crash left, and starts the server with its database. */
async function startServer(dataDir: string, cluster: Cluster, onLost: OnLost): Promise<[Postmaster, string]> {
  const place = join(dataDir, 'running.json');
  await stopOrphan(cluster);
  const before = readJson(place)['socketDirectory'];
  if (typeof before === 'string') removeSocketDirectory(before);
  rmSync(place, { force: true });
  const socketDirectory = makeSocketDirectory(cluster.user, dataDir);
  let postmaster: Postmaster | undefined;
  try {
    postmaster = await startPostmaster(cluster, socketDirectory, join(dataDir, 'postgres.log'), onLost);
    await ensureDatabase(socketDirectory);
    return [postmaster, socketDirectory];
  } catch (error) {
    await postmaster?.stop();
    removeSocketDirectory(socketDirectory);
    throw error;
  }
}

/** Starts the server under a lock that we have; the lock is given back when it is stopped, or does not start. */
async function startOwn(dataDir: string, lock: Lock, waitsForOthers: boolean, onLost: OnLost): Promise<EmbeddedServer> {
  const place = join(dataDir, 'running.json');
  let cluster: Cluster | undefined;
  const unlock = (): void => {
    cluster?.lock?.release();
    lock.release();
  };
  try {
    cluster = await openCluster(dataDir);
    const [postmaster, socketDirectory] = await startServer(dataDir, cluster, onLost);
    const { owner, service } = logins(socketDirectory);
    return {
      owner,
      service,
      announce: () => writeJson(place, { socketDirectory, pid: postmaster.pid }),
      async close() {
        const last = waitsForOthers ? await holdInUse(service, 'exclusive') : undefined;
        rmSync(place, { force: true });
        await postmaster.stop();
        await last?.end().catch(() => undefined);
        removeSocketDirectory(socketDirectory);
        unlock();
      },
    };
  } catch (error) {
    unlock();
    throw error;
  }
}

/** Uses the server of another process; undefined where there is none to be reached. */
async function joinRunning(dataDir: string, onLost: OnLost): Promise<EmbeddedServer | undefined> {
  const { socketDirectory } = readJson(join(dataDir, 'running.json'));
  if (typeof socketDirectory !== 'string') return undefined;
  const { owner, service } = logins(socketDirectory);
  const use = await holdInUse(service, 'shared');
  if (!use) return undefined;
  let leaving = false;
  use.once('end', () => {
    if (!leaving) onLost('The process that ran the embedded record has stopped.');
  });
  return {
    owner,
    service,
    announce: () => undefined,
    async close() {
      leaving = true;
      await use.end().catch(() => undefined);
    },
  };
}

/** The record for one service: nobody else may hold the data directory. Throws DataDirectoryInUseError within 2 s. */
export async function serveEmbedded(dataDir: string, onLost: OnLost): Promise<EmbeddedServer> {
  const directory = prepareDataDirectory(dataDir);
  return startOwn(directory, await lockDirectory(directory), false, onLost);
}

/** The record for a command: of the service that runs, else started for the command's own duration. */
export async function joinEmbedded(dataDir: string, onLost: OnLost): Promise<EmbeddedServer> {
  const directory = prepareDataDirectory(dataDir);
  for (let leftMs = JOIN_LIMIT_MS; leftMs > 0; leftMs -= 100) {
    const lock = tryLock(directory);
    if (lock) return startOwn(directory, lock, true, onLost);
    const server = await joinRunning(directory, onLost);
    if (server) return server;
    await sleep(100);
  }
  throw new DataDirectoryInUseError(directory);
}
