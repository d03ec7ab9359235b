import { Client, Pool } from 'pg';
import { codeOf } from '../postgres/record-error.js';
import { openFileKeyStore } from './file-key-store.js';
import { type KeyRing, openKeyRing } from './key-ring.js';
import { KeyStoreError, type KeyStore } from './key-store.js';
import { masterKey, masterKeyOfDataDir } from './master-key.js';
import { keyStoreIsMigrated, migrateKeyStore, openPostgresKeyStore } from './postgres-key-store.js';

export interface KeySettings {
  dataDir: string;
  databaseUrl?: string;
  migrationDatabaseUrl?: string;
  keyDatabaseUrl?: string;
  /** 32 bytes; without it, the one of `DATA_DIR`. */
  masterKey?: Buffer;
}

export interface OpenKeys {
  ring: KeyRing;
  close: () => Promise<void>;
}

interface OpenStore {
  store: KeyStore;
  close: () => Promise<void>;
}

/**
 * Opens the key store that the settings name and the ring on it: `KEY_DATABASE_URL`; else with `DATABASE_URL` a schema
 * beside the record (the settings refuse that in production); else files in `DATA_DIR`.
 * @throws KeyStoreError with a sentence
 */
export async function openKeys(settings: KeySettings): Promise<OpenKeys> {
  const { store, close } = await openStore(settings);
  try {
    const master = settings.masterKey
      ? masterKey(settings.masterKey)
      : await masterKeyOfDataDir(settings.dataDir, (await store.list('')).length === 0);
    return { ring: await openKeyRing(store, master), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function openStore(settings: KeySettings): Promise<OpenStore> {
  const { dataDir, databaseUrl, migrationDatabaseUrl, keyDatabaseUrl } = settings;
  if (keyDatabaseUrl) return openDatabase('KEY_DATABASE_URL', keyDatabaseUrl, keyDatabaseUrl);
  if (databaseUrl) return openDatabase('DATABASE_URL', databaseUrl, migrationDatabaseUrl ?? databaseUrl);
  return { store: await openFileKeyStore(dataDir), close: async () => {} };
}

/** Two connections are plenty: keys are read at start, and then once a program and month. */
const POOL = { max: 2, connectionTimeoutMillis: 5000, query_timeout: 5000, application_name: 'pointguard keys' };

async function openDatabase(variable: string, url: string, ownerUrl: string): Promise<OpenStore> {
  const pool = new Pool({ ...POOL, connectionString: url });
  // a connection lost while idle is replaced when next needed; without a listener it would end the process
  pool.on('error', () => {});
  try {
    if (!(await keyStoreIsMigrated(pool))) await migrateAs(ownerUrl);
    return { store: openPostgresKeyStore(pool), close: () => pool.end() };
  } catch (error) {
    await pool.end();
    // the driver's message can name hosts and users: the code is enough
    throw new KeyStoreError(
      `The key store of ${variable} cannot be used (${codeOf(error) ?? 'the connection failed'}).`,
    );
  }
}

async function migrateAs(ownerUrl: string): Promise<void> {
  const owner = new Client({ ...POOL, connectionString: ownerUrl });
  owner.on('error', () => {});
  await owner.connect();
  try {
    await migrateKeyStore(owner);
  } finally {
    await owner.end();
  }
}
