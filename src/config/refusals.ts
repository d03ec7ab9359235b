/** What a single value cannot tell: settings that do not go together, and what production refuses. */
import { isSameDatabase, leavesHostInPlaintext } from './database-place.js';
import type { Settings } from './settings.types.js';

/** 20 characters of base64 are 120 bits: below that a secret given by hand is taken to be guessable. */
const LEAST_SECRET_LENGTH = 20;

interface Refusal {
  /** Holds in production only. */
  production: boolean;
  when(settings: Settings): boolean;
  sentence: string;
}

const plaintext = (name: string, urlOf: (settings: Settings) => string | undefined): Refusal => ({
  production: true,
  when: (settings) => {
    const url = urlOf(settings);
    return url !== undefined && leavesHostInPlaintext(url) && !settings.allowPlaintext.has('postgres');
  },
  sentence: `${name} must say sslmode=require, verify-ca or verify-full, since its connection leaves the host (or name postgres in ALLOW_PLAINTEXT).`,
});

const REFUSALS: readonly Refusal[] = [
  {
    // two instances with keys of their own could not read each other's rows
    production: false,
    when: (settings) => settings.databaseUrl !== undefined && settings.masterKey === undefined,
    sentence: 'MASTER_KEY or MASTER_KEY_FILE must be given with DATABASE_URL.',
  },
  {
    production: false,
    when: (settings) => settings.databaseUrl === undefined && settings.migrationDatabaseUrl !== undefined,
    sentence: 'MIGRATION_DATABASE_URL must not be given without DATABASE_URL.',
  },
  {
    production: true,
    when: (settings) => settings.databaseUrl !== undefined && settings.keyDatabaseUrl === undefined,
    sentence: 'KEY_DATABASE_URL must be given with DATABASE_URL: keys kept in the record come back with its backups.',
  },
  {
    production: true,
    when: ({ databaseUrl, keyDatabaseUrl }) =>
      databaseUrl !== undefined && keyDatabaseUrl !== undefined && isSameDatabase(databaseUrl, keyDatabaseUrl),
    sentence: 'KEY_DATABASE_URL must name another database than DATABASE_URL.',
  },
  plaintext('DATABASE_URL', (settings) => settings.databaseUrl),
  plaintext('MIGRATION_DATABASE_URL', (settings) => settings.migrationDatabaseUrl),
  plaintext('KEY_DATABASE_URL', (settings) => settings.keyDatabaseUrl),
  {
    production: true,
    when: ({ bootstrap }) =>
      bootstrap.clientSecret !== undefined && bootstrap.clientSecret.length < LEAST_SECRET_LENGTH,
    sentence: `BOOTSTRAP_CLIENT_SECRET must have at least ${LEAST_SECRET_LENGTH} characters in production.`,
  },
  {
    // a generated secret would be printed into a log
    production: true,
    when: ({ bootstrap }) => (bootstrap.clientId === undefined) !== (bootstrap.clientSecret === undefined),
    sentence: 'BOOTSTRAP_CLIENT_ID and BOOTSTRAP_CLIENT_SECRET must be given together in production.',
  },
  {
    production: true,
    when: ({ bootstrap }) => bootstrap.clientId !== undefined && bootstrap.program === undefined,
    sentence: 'BOOTSTRAP_PROGRAM must be given with BOOTSTRAP_CLIENT_ID in production.',
  },
];

/** Sentences of everything that the settings may not be together; none where they may. */
export const refusals = (settings: Settings): string[] =>
  REFUSALS.filter((refusal) => (settings.production || !refusal.production) && refusal.when(settings)).map(
    (refusal) => refusal.sentence,
  );
