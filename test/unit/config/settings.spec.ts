import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { Client } from 'pg';
import { afterAll, describe, expect, test } from 'vitest';
import { configurationMarkdown } from '../../../src/config/configuration-markdown.js';
import { leavesHostInPlaintext } from '../../../src/config/database-place.js';
import { type Environment, loadSettings, SettingsError } from '../../../src/config/settings.js';
import { SETTING_NAMES, SETTINGS, type Setting } from '../../../src/config/settings.table.js';

const directory = mkdtempSync(join(tmpdir(), 'pointguard-settings-'));
afterAll(() => rmSync(directory, { recursive: true }));

const MASTER_KEY = Buffer.alloc(32, 7).toString('base64');

/** The sentences that the start ends with; none where it goes on. */
function sentencesOf(env: Environment): readonly string[] {
  try {
    loadSettings(env);
    return [];
  } catch (error) {
    if (error instanceof SettingsError) return error.sentences;
    throw error;
  }
}

function secretFile(name: string, content: string): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

describe('defaults', () => {
  test('an empty environment is an embedded service on 127.0.0.1:8080 with a demo program', () => {
    const settings = loadSettings({});
    expect(settings).toMatchObject({
      production: false,
      port: 8080,
      host: '127.0.0.1',
      publicUrl: 'http://localhost:8080',
      databaseUrl: undefined,
      masterKey: undefined,
      signalDeadlineMs: 150,
      decisionDeadlineMs: 2000,
      trustedProxies: [],
      logLevel: 'info',
      bootstrap: { program: 'demo', programMode: 'test', clientId: 'demo', clientSecret: undefined },
    });
    expect(isAbsolute(settings.dataDir)).toBe(true);
    expect(settings.policyFile).toMatch(/\/policies\/default\.yaml$/);
  });

  test('empty values are unset, unknown variables are ignored', () => {
    const emptied = Object.fromEntries(SETTING_NAMES.map((name) => [name, '']));
    expect(loadSettings({ ...emptied, SOMETHING_ELSE: 'x', PORTS: '1' })).toEqual(loadSettings({}));
  });

  test('the public URL follows the port, and loses its trailing slash', () => {
    expect(loadSettings({ PORT: '9000' }).publicUrl).toBe('http://localhost:9000');
    expect(loadSettings({ PUBLIC_URL: 'https://guard.example.com/' }).publicUrl).toBe('https://guard.example.com');
  });

  test('production makes nothing by itself', () => {
    expect(loadSettings({ NODE_ENV: 'production' }).bootstrap).toEqual({
      program: undefined,
      programMode: 'live',
      clientId: undefined,
      clientSecret: undefined,
    });
  });
});

describe('wrong values end the start with a sentence that names the variable', () => {
  const WRONG: [name: string, value: string][] = [
    ['NODE_ENV', 'staging'],
    ['PORT', '65536'],
    ['PORT', '-1'],
    ['PORT', '80.5'],
    ['PORT', '0x50'],
    ['PORT', '8080 '],
    ['INTERNAL_PORT', '0'],
    ['PUBLIC_URL', 'guard.example.com'],
    ['PUBLIC_URL', 'ftp://guard.example.com'],
    ['PUBLIC_URL', 'https://user:pass@guard.example.com'],
    ['PUBLIC_URL', 'https://guard.example.com/?a=b'],
    ['TRUSTED_PROXIES', '10.0.0.0/33'],
    ['TRUSTED_PROXIES', '10.0.0.1,proxy.example.com'],
    ['TRUSTED_PROXIES', '::1/129'],
    ['TRUSTED_PROXIES', '10.0.0.0/8/8'],
    ['DATABASE_URL', 'mysql://db/x'],
    ['DATABASE_URL', 'postgres://:::/'],
    ['MIGRATION_DATABASE_URL', 'nonsense'],
    ['KEY_DATABASE_URL', 'nonsense'],
    ['MASTER_KEY', Buffer.alloc(31).toString('base64')],
    ['MASTER_KEY', Buffer.alloc(33).toString('base64')],
    ['MASTER_KEY', 'x'.repeat(32)],
    ['MASTER_KEY', `${'!'.repeat(43)}=`],
    ['SIGNAL_DEADLINE_MS', '10001'],
    ['DECISION_DEADLINE_MS', '2s'],
    ['DECISION_DEADLINE_MS', '60001'],
    ['BOOTSTRAP_PROGRAM', 'Demo'],
    ['BOOTSTRAP_PROGRAM', '-demo'],
    ['BOOTSTRAP_PROGRAM', 'a'.repeat(64)],
    ['BOOTSTRAP_PROGRAM_MODE', 'system'],
    ['BOOTSTRAP_CLIENT_ID', 'a b'],
    ['BOOTSTRAP_CLIENT_ID', 'a'.repeat(129)],
    ['BOOTSTRAP_CLIENT_SECRET', 'with space'],
    ['BOOTSTRAP_CLIENT_SECRET', 'with%percent'],
    ['LOG_LEVEL', 'loud'],
    ['ALLOW_PLAINTEXT', 'postgres,everything'],
  ];

  test.each(WRONG)('%s=%s', (name, value) => {
    const sentences = sentencesOf({ [name]: value });
    expect(sentences).toHaveLength(1);
    expect(sentences[0]).toMatch(new RegExp(`^${name} must be .+\\.$`));
    expect(sentences[0]).not.toContain(value);
  });

  test('all of them at once, each once', () => {
    const sentences = sentencesOf({ PORT: 'x', LOG_LEVEL: 'loud', ALLOW_PLAINTEXT: 'a,b,c' });
    expect(sentences.map((sentence) => sentence.split(' ')[0])).toEqual(['PORT', 'LOG_LEVEL', 'ALLOW_PLAINTEXT']);
  });

  test.each(['8080', '0', '65535'])('PORT=%s is good', (port) => {
    expect(loadSettings({ PORT: port }).port).toBe(Number(port));
  });

  test('lists are read', () => {
    const settings = loadSettings({ TRUSTED_PROXIES: '10.0.0.0/8, ::1 ,', ALLOW_PLAINTEXT: 'postgres, smtp' });
    expect(settings.trustedProxies).toEqual(['10.0.0.0/8', '::1']);
    expect([...settings.allowPlaintext]).toEqual(['postgres', 'smtp']);
  });
});

describe('secrets from files', () => {
  const secrets = SETTING_NAMES.filter((name) => (SETTINGS[name] as Setting).secret);

  test('the settings that hold secrets are these', () => {
    expect(secrets.toSorted()).toEqual([
      'BOOTSTRAP_CLIENT_SECRET',
      'DATABASE_URL',
      'KEY_DATABASE_URL',
      'MASTER_KEY',
      'MIGRATION_DATABASE_URL',
    ]);
  });

  test('one newline at the end does not count, a second one does', () => {
    expect(loadSettings({ MASTER_KEY_FILE: secretFile('a', `${MASTER_KEY}\n`) }).masterKey).toEqual(
      Buffer.alloc(32, 7),
    );
    expect(loadSettings({ MASTER_KEY_FILE: secretFile('b', `${MASTER_KEY}\r\n`) }).masterKey).toHaveLength(32);
    expect(sentencesOf({ MASTER_KEY_FILE: secretFile('c', `${MASTER_KEY}\n\n`) })[0]).toMatch(/^MASTER_KEY must be/);
  });

  test.each(secrets)('%s_FILE that is not there', (name) => {
    expect(sentencesOf({ [`${name}_FILE`]: join(directory, 'absent') })).toEqual([
      `${name}_FILE must name a file that can be read.`,
    ]);
  });

  test('an empty file, and both at once', () => {
    expect(sentencesOf({ MASTER_KEY_FILE: secretFile('empty', '\n') })).toEqual([
      'MASTER_KEY_FILE must name a file that is not empty.',
    ]);
    expect(sentencesOf({ MASTER_KEY, MASTER_KEY_FILE: secretFile('d', MASTER_KEY) })).toEqual([
      'MASTER_KEY and MASTER_KEY_FILE must not both be given.',
    ]);
  });

  test('what holds no secret is not read from a file', () => {
    expect(loadSettings({ PORT_FILE: secretFile('port', '9000') }).port).toBe(8080);
  });
});

describe('production refuses', () => {
  const LOCAL = 'postgres://app:pw@127.0.0.1/record';
  const GOOD = {
    NODE_ENV: 'production',
    DATABASE_URL: LOCAL,
    KEY_DATABASE_URL: 'postgres://keys:pw@127.0.0.1/keys',
    MASTER_KEY,
  };

  test('nothing of this', () => {
    expect(sentencesOf(GOOD)).toEqual([]);
    expect(sentencesOf({ NODE_ENV: 'production' })).toEqual([]);
  });

  const REFUSED: [what: string, env: Environment, named: string][] = [
    ['no master key', { ...GOOD, MASTER_KEY: '' }, 'MASTER_KEY'],
    ['no key database', { ...GOOD, KEY_DATABASE_URL: '' }, 'KEY_DATABASE_URL'],
    [
      'the record as key database',
      { ...GOOD, KEY_DATABASE_URL: 'postgres://k:p@127.0.0.1:5432/record' },
      'KEY_DATABASE_URL',
    ],
    ['plaintext to another host', { ...GOOD, DATABASE_URL: 'postgres://a:pw@db.example.com/r' }, 'DATABASE_URL'],
    [
      'plaintext of migrations',
      { ...GOOD, MIGRATION_DATABASE_URL: 'postgres://a:pw@10.0.0.5/r' },
      'MIGRATION_DATABASE_URL',
    ],
    [
      'plaintext of keys',
      { ...GOOD, KEY_DATABASE_URL: 'postgres://a:pw@10.0.0.5/k?sslmode=prefer' },
      'KEY_DATABASE_URL',
    ],
    [
      'a weak secret',
      { ...GOOD, BOOTSTRAP_PROGRAM: 'p', BOOTSTRAP_CLIENT_ID: 'c', BOOTSTRAP_CLIENT_SECRET: 'n1neteen-characters' },
      'BOOTSTRAP_CLIENT_SECRET',
    ],
    ['a client without a secret', { ...GOOD, BOOTSTRAP_PROGRAM: 'p', BOOTSTRAP_CLIENT_ID: 'c' }, 'BOOTSTRAP_CLIENT_ID'],
    [
      'a client without a program',
      { ...GOOD, BOOTSTRAP_CLIENT_ID: 'c', BOOTSTRAP_CLIENT_SECRET: 'x'.repeat(20) },
      'BOOTSTRAP_PROGRAM',
    ],
  ];

  test.each(REFUSED)('%s', (_what, env, named) => {
    const sentences = sentencesOf(env);
    expect(sentences).toHaveLength(1);
    expect(sentences[0]?.split(' ')[0]).toBe(named);
    for (const secret of ['pw', 'n1neteen', 'example.com', '10.0.0.5']) expect(sentences[0]).not.toContain(secret);
  });

  test('each of these outside production is fine, but for the master key', () => {
    const elsewhere = REFUSED.map(([what, env]) => [what, sentencesOf({ ...env, NODE_ENV: 'development' })] as const);
    expect(elsewhere.filter(([, sentences]) => sentences.length > 0).map(([what]) => what)).toEqual(['no master key']);
  });

  test('a bootstrap with all its values and a strong secret passes, and so does plaintext that is allowed', () => {
    const bootstrap = { BOOTSTRAP_PROGRAM: 'p', BOOTSTRAP_CLIENT_ID: 'c', BOOTSTRAP_CLIENT_SECRET: 'x'.repeat(20) };
    expect(sentencesOf({ ...GOOD, ...bootstrap })).toEqual([]);
    const remote = { ...GOOD, DATABASE_URL: 'postgres://a:pw@db.example.com/r' };
    expect(sentencesOf({ ...remote, ALLOW_PLAINTEXT: 'postgres' })).toEqual([]);
    expect(sentencesOf({ ...remote, ALLOW_PLAINTEXT: 'redis' })).toHaveLength(1);
  });
});

describe('where a database URL leads', () => {
  test.each([
    'postgres://a:p@localhost/r',
    'postgres://a:p@127.0.0.9:6000/r',
    'postgres://a:p@[::1]/r',
    'postgres://a@/r?host=/run/postgresql',
    'postgres://a@%2Frun%2Fpostgresql/r',
    'postgresql://a:p@db.example.com/r?sslmode=require',
    'postgres://a:p@db.example.com/r?sslmode=verify-ca',
    'postgres://a:p@db.example.com/r?sslmode=disable&sslmode=verify-full',
  ])('stays here or is encrypted: %s', (url) => {
    expect(leavesHostInPlaintext(url)).toBe(false);
  });

  test.each([
    'postgres://a:p@db.example.com/r',
    'postgres://a:p@db.example.com/r?sslmode=disable',
    'postgres://a:p@db.example.com/r?sslmode=no-verify',
    'postgres://a:p@db.example.com/r?sslmode=verify-full&sslmode=disable',
    'postgres://a:p@localhost/r?host=db.example.com',
    'postgres://a:p@127.evil.example/r',
    'postgres://a:p@localhost.evil.example/r',
    'postgres:///r',
    'postgres://a@/r',
  ])('may leave the host in plaintext: %s', (url) => {
    expect(leavesHostInPlaintext(url)).toBe(true);
  });

  test('the driver reads such URLs the same way', () => {
    const host = (url: string) => new Client({ connectionString: url }).host;
    expect(host('postgres://a:p@localhost/r?host=db.example.com')).toBe('db.example.com');
    expect(host('postgres://a@/r?host=/run/postgresql')).toBe('/run/postgresql');
    expect(new Client({ connectionString: 'postgres://a:p@h/r?sslmode=disable&sslmode=verify-full' }).ssl).toBeTruthy();
  });
});

describe('docs/configuration.md', () => {
  test('has a row for every setting, and the file form of secrets only', () => {
    const markdown = configurationMarkdown();
    for (const name of SETTING_NAMES) expect(markdown).toContain(`| \`${name}\``);
    expect(markdown).toContain('`MASTER_KEY_FILE`');
    expect(markdown).not.toContain('PORT_FILE');
    const columns = markdown.split('\n').filter((line) => line.startsWith('|'));
    expect(columns).toHaveLength(SETTING_NAMES.length + 2);
    for (const line of columns) expect(line.replaceAll('\\|', '').split('|')).toHaveLength(5);
  });
});
