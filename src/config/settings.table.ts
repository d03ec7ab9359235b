/**
 * Every setting of the service, once: how it is read, what it means, what a wrong one is told.
 * `docs/configuration.md` is generated from this table, and `settings.ts` reads the environment by it.
 */
import { isIP } from 'node:net';
import { z } from 'zod';
import { CLIENT_ID, CLIENT_SECRET, PROGRAM_NAME } from '../access/core/names.js';
import { databasePlace } from './database-place.js';

export interface Setting {
  schema: z.ZodType;
  /** Completes "NAME must be …". Never names the value: it may be a secret. */
  expected: string;
  /** The default as the documentation shows it. */
  default: string;
  about: string;
  /** May also be given as NAME_FILE, and is never shown. */
  secret?: true;
}

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

/** Connections that may leave the host in plaintext where the operator says so. */
export const PLAINTEXT_NAMES = ['postgres', 'redis', 'kafka', 'smtp'] as const;
export type PlaintextName = (typeof PLAINTEXT_NAMES)[number];

const wholeNumber = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/)
    .transform(Number)
    .refine((value) => value >= least && value <= most);

const commaList = z.string().transform((text) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== ''),
);

const postgresUrl = z.string().refine((text) => databasePlace(text) !== undefined);

/** An address, or a network as address/prefix. */
function isNetwork(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128));
}

const httpUrl = z.string().refine((text) => {
  if (!URL.canParse(text)) return false;
  const { protocol, search, hash, username, password } = new URL(text);
  return /^https?:$/.test(protocol) && search + hash + username + password === '';
});

export const SETTINGS = {
  NODE_ENV: {
    schema: z.enum(['production', 'development', 'test']).default('development'),
    expected: 'production, development or test',
    default: 'development',
    about:
      'With `production`, weak or missing secrets, plaintext connections that leave the host and migrations at start are refused.',
  },
  PORT: {
    schema: wholeNumber(0, 65_535).default(8080),
    expected: 'a port, 0 to 65535 (0: any free one)',
    default: '8080',
    about: 'Port of the HTTP API.',
  },
  HOST: {
    schema: z.string().max(253).default('127.0.0.1'),
    expected: 'an address or a host name',
    default: '127.0.0.1 (0.0.0.0 in the image)',
    about: 'Address that the HTTP API listens on.',
  },
  PUBLIC_URL: {
    schema: httpUrl.transform((text) => text.replace(/\/+$/, '')).optional(),
    expected: 'an http or https URL without credentials, query and fragment',
    default: '`http://localhost:PORT`',
    about: 'Where clients reach the service; the same for all instances.',
  },
  INTERNAL_PORT: {
    schema: wholeNumber(1, 65_535).optional(),
    expected: 'a port, 1 to 65535',
    default: '—',
    about: 'With it, `/metrics` and `/docs` answer on this port only.',
  },
  TRUSTED_PROXIES: {
    schema: commaList.refine((networks) => networks.every(isNetwork)).default([]),
    expected: 'IP addresses or networks (10.0.0.0/8), separated by commas',
    default: '—',
    about: "Proxies whose word about the caller's address counts; from anyone else it is the socket's.",
  },
  DATABASE_URL: {
    schema: postgresUrl.optional(),
    expected: 'a URL like postgres://user:password@host:5432/database',
    default: 'embedded PostgreSQL in `DATA_DIR`',
    about: "The record, as the service's role (no DDL).",
    secret: true,
  },
  MIGRATION_DATABASE_URL: {
    schema: postgresUrl.optional(),
    expected: 'a URL like postgres://owner:password@host:5432/database',
    default: '`DATABASE_URL`, outside production',
    about: 'The record, as the role that owns the schema; only `pointguard migrate` needs it.',
    secret: true,
  },
  DATA_DIR: {
    schema: z.string().default('./data'),
    expected: 'a directory',
    default: './data',
    about: 'Where the embedded record and the keys live.',
  },
  KEY_DATABASE_URL: {
    schema: postgresUrl.optional(),
    expected: 'a URL like postgres://user:password@host:5432/keys',
    default: '`DATA_DIR`; with `DATABASE_URL` a schema of its own there, refused in production',
    about:
      'The key store: a PostgreSQL database apart from the record, so that keys do not come back with its backups.',
    secret: true,
  },
  MASTER_KEY: {
    schema: z
      .string()
      .regex(/^[A-Za-z0-9+/]{43}=$/)
      .transform((text) => Buffer.from(text, 'base64'))
      .optional(),
    expected: '32 bytes in base64 (44 characters; `openssl rand -base64 32` makes one)',
    default: 'made in `DATA_DIR`; required with `DATABASE_URL`',
    about: 'Wraps every other key. Without it nothing sealed can be read: keep a copy apart from the backups.',
    secret: true,
  },
  SIGNAL_DEADLINE_MS: {
    schema: wholeNumber(1, 10_000).default(150),
    expected: 'milliseconds, 1 to 10000',
    default: '150',
    about: 'Signals that take longer are degraded.',
  },
  DECISION_DEADLINE_MS: {
    schema: wholeNumber(50, 60_000).default(2000),
    expected: 'milliseconds, 50 to 60000',
    default: '2000',
    about: 'A decision that could not be recorded by then is answered 503.',
  },
  POLICY_FILE: {
    schema: z.string().default('policies/default.yaml'),
    expected: 'a file',
    default: 'policies/default.yaml',
    about: "The first version of a new program's policy; relative to the package.",
  },
  BOOTSTRAP_PROGRAM: {
    schema: z.string().regex(PROGRAM_NAME).optional(),
    expected: 'a program name: lower-case letters, digits and hyphens, at most 63',
    default: '`demo`; none in production',
    about: 'Program that is made at start where it is missing.',
  },
  BOOTSTRAP_PROGRAM_MODE: {
    schema: z.enum(['live', 'test']).optional(),
    expected: 'live or test',
    default: 'test; live in production',
    about: 'Its mode.',
  },
  BOOTSTRAP_CLIENT_ID: {
    schema: z.string().regex(CLIENT_ID).optional(),
    expected: 'a client id: letters, digits and . _ ~ -, at most 128',
    default: '`demo`; none in production',
    about: 'Client of that program with all scopes, made at start where it is missing.',
  },
  BOOTSTRAP_CLIENT_SECRET: {
    schema: z.string().regex(CLIENT_SECRET).optional(),
    expected: 'at most 256 printable ASCII characters without space and %',
    default: 'made and printed once; in production only as given, at least 20 characters',
    about: "That client's secret.",
    secret: true,
  },
  LOG_LEVEL: {
    schema: z.enum(LOG_LEVELS).default('info'),
    expected: `one of ${LOG_LEVELS.join(', ')}`,
    default: 'info',
    about: 'What is logged.',
  },
  ALLOW_PLAINTEXT: {
    schema: commaList.pipe(z.array(z.enum(PLAINTEXT_NAMES))).default([]),
    expected: `names among ${PLAINTEXT_NAMES.join(', ')}, separated by commas`,
    default: '—',
    about: 'Connections that production lets leave the host unencrypted.',
  },
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof SETTINGS;
/** What the table's schemas make of an environment. */
export type SettingValues = { [Name in SettingName]: z.output<(typeof SETTINGS)[Name]['schema']> };

export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[];

/** The one schema of all settings. */
export const settingsSchema = z.object(
  Object.fromEntries(Object.entries(SETTINGS).map(([name, setting]) => [name, setting.schema])),
);
