/**
 * Settings come from the environment, once, at start. A wrong one ends the start with a sentence that names the
 * variable and what was expected, never its value.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { refusals } from './refusals.js';
import {
  SETTING_NAMES,
  SETTINGS,
  type Setting,
  type SettingName,
  type SettingValues,
  settingsSchema,
} from './settings.table.js';
import type { Settings } from './settings.types.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The start ends here; each sentence names one variable. */
export class SettingsError extends Error {
  constructor(readonly sentences: readonly string[]) {
    super(sentences.join('\n'));
    this.name = 'SettingsError';
  }
}

const PACKAGE_ROOT = resolve(import.meta.dirname, '../..');

/**
 * Reads the settings of an environment; unknown variables are ignored and empty ones are unset.
 * @throws SettingsError with a sentence for each variable that is wrong
 */
export function loadSettings(env: Environment): Settings {
  const { given, problems } = givenValues(env);
  const parsed = settingsSchema.safeParse(given);
  const wrong = parsed.success ? [] : parsed.error.issues.map((issue) => issue.path[0] as SettingName);
  problems.push(...new Set(wrong.map((name) => `${name} must be ${SETTINGS[name].expected}.`)));
  if (!parsed.success || problems.length > 0) throw new SettingsError(problems);

  // the shape of the schema is the table's, name by name
  const settings = settingsOf(parsed.data as SettingValues);
  const refused = refusals(settings);
  if (refused.length > 0) throw new SettingsError(refused);
  return settings;
}

/** The values as they were given, secrets read from their files. */
function givenValues(env: Environment): { given: Record<string, string>; problems: string[] } {
  const given: Record<string, string> = {};
  const problems: string[] = [];
  for (const name of SETTING_NAMES) {
    const setting: Setting = SETTINGS[name];
    const file = setting.secret && env[`${name}_FILE`];
    if (file && env[name]) problems.push(`${name} and ${name}_FILE must not both be given.`);
    try {
      const value = file ? readFileSync(file, 'utf8').replace(/\r?\n$/, '') : env[name];
      if (value) given[name] = value;
      else if (file) problems.push(`${name}_FILE must name a file that is not empty.`);
    } catch {
      problems.push(`${name}_FILE must name a file that can be read.`);
    }
  }
  return { given, problems };
}

function settingsOf(values: SettingValues): Settings {
  const production = values.NODE_ENV === 'production';
  return {
    production,
    port: values.PORT,
    host: values.HOST,
    publicUrl: values.PUBLIC_URL ?? `http://localhost:${values.PORT}`,
    internalPort: values.INTERNAL_PORT,
    trustedProxies: values.TRUSTED_PROXIES,
    databaseUrl: values.DATABASE_URL,
    migrationDatabaseUrl: values.MIGRATION_DATABASE_URL,
    dataDir: resolve(values.DATA_DIR),
    keyDatabaseUrl: values.KEY_DATABASE_URL,
    masterKey: values.MASTER_KEY,
    signalDeadlineMs: values.SIGNAL_DEADLINE_MS,
    decisionDeadlineMs: values.DECISION_DEADLINE_MS,
    policyFile: resolve(PACKAGE_ROOT, values.POLICY_FILE),
    bootstrap: {
      program: values.BOOTSTRAP_PROGRAM ?? (production ? undefined : 'demo'),
      programMode: values.BOOTSTRAP_PROGRAM_MODE ?? (production ? 'live' : 'test'),
      clientId: values.BOOTSTRAP_CLIENT_ID ?? (production ? undefined : 'demo'),
      clientSecret: values.BOOTSTRAP_CLIENT_SECRET,
    },
    logLevel: values.LOG_LEVEL,
    allowPlaintext: new Set(values.ALLOW_PLAINTEXT),
  };
}
