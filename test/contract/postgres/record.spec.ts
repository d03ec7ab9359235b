/** The record in server mode: what is checked before the service starts, and what is said when it cannot. */
import { Client } from 'pg';
import { readMigrations } from '../../../src/platform/postgres/migrate.js';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  migrateRecord,
  type OpenRecord,
  openRecord,
  type RecordSettings,
} from '../../../src/platform/postgres/record.js';
import { RecordError } from '../../../src/platform/postgres/record-error.js';
import { sharedPostgres, startTestPostgres, type TestDatabase, type TestPostgres } from '../../support/postgres.js';

let postgres: TestPostgres;
let database: TestDatabase;

beforeAll(async () => {
  postgres = await sharedPostgres();
});
beforeEach(async () => {
  database = await postgres.emptyDatabase();
});

const using = async <T>(settings: RecordSettings, use: (record: OpenRecord) => Promise<T>): Promise<T> => {
  const record = await openRecord(settings, 'serve');
  try {
    return await use(record);
  } finally {
    await record.close();
  }
};

/** The sentence that opening ends with. It must be one, and must not hold the password. */
async function refusal(settings: RecordSettings): Promise<string> {
  const error: unknown = await openRecord(settings, 'serve').then(
    () => undefined,
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(RecordError);
  const { message } = error as RecordError;
  const { password } = new URL(database.ownerUrl);
  expect(password.length).toBeGreaterThan(10);
  expect(message).not.toContain(password);
  expect(message).toMatch(/^[A-Z`].*\.$/);
  return message;
}

const production = (): RecordSettings => ({ ...database.settings, production: true });

describe('outside production', () => {
  test('it is migrated on the way, and the service logs in as itself, in the schema', async () => {
    await using(database.settings, async ({ pool, embedded, service }) => {
      expect(embedded).toBe(false);
      const { rows } = await pool.query("select current_user as who, to_regclass('decision')::text as found");
      expect(rows).toEqual([{ who: 'pointguard_app', found: 'decision' }]);
      const lane = new Client(service);
      await lane.connect();
      expect((await lane.query('select program_id from program')).rows).toEqual([{ program_id: 0 }]);
      await lane.end();
    });
  });

  test('two instances at once both open it', async () => {
    const records = await Promise.all([openRecord(database.settings, 'serve'), openRecord(database.settings, 'serve')]);
    for (const record of records) await record.close();
    expect(await database.query('select version from pointguard.schema_migration order by 1')).toEqual(
      readMigrations().map(({ version }) => ({ version })),
    );
  });

  test('one URL is enough where its role is the owner', async () => {
    const settings = { databaseUrl: database.ownerUrl, dataDir: './unused', production: false };
    expect(await using(settings, async ({ pool }) => (await pool.query('select from program')).rowCount)).toBe(1);
  });

  test('a statement of the pool ends after 2 s, and the pool survives the loss of its connections', async () => {
    await using(database.settings, async ({ pool }) => {
      await expect(pool.query('select pg_sleep(60)')).rejects.toMatchObject({ code: '57014' });
      const admin = new Client({ connectionString: postgres.superuserUrl });
      await admin.connect();
      await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [database.name]);
      await admin.end();
      await expect
        .poll(() =>
          pool.query('select 1 as one').then(
            ({ rows }) => rows,
            () => [],
          ),
        )
        .toEqual([{ one: 1 }]);
    });
  });

  test('the pool comes back with a server that was killed and started again', async () => {
    const own = await startTestPostgres();
    const { settings } = await own.freshRecord();
    await using(settings, async ({ pool }) => {
      const before = own.pid;
      await own.kill();
      await expect(pool.query('select 1')).rejects.toMatchObject({ code: expect.stringMatching(/^ECONN/) });
      await own.restart();
      expect(own.pid).not.toBe(before);
      expect((await pool.query('select program_id from program')).rows).toEqual([{ program_id: 0 }]);
    });
    await own.stop();
  });

  test('options in the URL are kept beside the search path', async () => {
    const url = `${database.serviceUrl}?application_name=x&options=${encodeURIComponent('-c work_mem=5MB')}`;
    const found = await using({ ...database.settings, databaseUrl: url }, async ({ pool }) => {
      return (await pool.query("select current_setting('work_mem') as memory, current_schema as schema")).rows;
    });
    expect(found).toEqual([{ memory: '5MB', schema: 'pointguard' }]);
  });
});

describe('in production', () => {
  test('an empty database is refused, naming the command, and left empty', async () => {
    expect(await refusal(production())).toContain('pointguard migrate');
    expect(await database.query("select from pg_namespace where nspname = 'pointguard'")).toEqual([]);
  });

  test('after the command it opens', async () => {
    expect(await migrateRecord(production())).toHaveLength(readMigrations().length);
    expect(await using(production(), async ({ pool }) => (await pool.query('select from program')).rowCount)).toBe(1);
  });

  test('a record that lacks a migration is refused by its name', async () => {
    await migrateRecord(production());
    await database.query('delete from pointguard.schema_migration');
    expect(await refusal(production())).toBe('The record lacks migration 1 (record); run `pointguard migrate` first.');
  });

  test('a migration that was changed afterwards is refused', async () => {
    await migrateRecord(production());
    await database.query("update pointguard.schema_migration set checksum = 'other'");
    expect(await refusal(production())).toContain('has changed since');
  });

  test.each([
    ['the owner', () => database.ownerUrl],
    ['a superuser', () => postgres.superuserUrl.replace(/postgres$/, database.name)],
  ])('%s is refused as the login of the service', async (_who, url) => {
    await migrateRecord(production());
    expect(await refusal({ ...production(), databaseUrl: url() })).toContain('may change the tables');
  });

  test('a login that was given CREATE on the schema is refused', async () => {
    await migrateRecord(production());
    await database.query('grant create on schema pointguard to pointguard_app');
    expect(await refusal(production())).toContain('may change the tables');
  });
});

describe('a record that cannot be reached is a sentence without the password', () => {
  const through = (change: (url: string) => string): Promise<string> =>
    refusal({ ...database.settings, databaseUrl: change(database.serviceUrl) });

  test('nothing listens', async () => {
    expect(await through((url) => url.replace(/:\d+\//, ':1/'))).toBe(
      'The record at 127.0.0.1:1 (DATABASE_URL) cannot be used: nothing listens there.',
    );
  });
  test('wrong password', async () => {
    expect(await through((url) => url.replace(/:\w+@/, ':secret@'))).toMatch(/the password is wrong\.$/);
  });
  test('no password', async () => {
    expect(await through((url) => url.replace(/:\w+@/, '@'))).toMatch(/cannot be used: /);
  });
  test('no such database', async () => {
    expect(await through((url) => url.replace(/\w+$/, 'nowhere'))).toMatch(/there is no such database\.$/);
  });
  test('the owner has no way in', async () => {
    const migrationDatabaseUrl = database.ownerUrl.replace(/:\w+@/, ':secret@');
    expect(await refusal({ ...database.settings, migrationDatabaseUrl })).toMatch(
      /\(MIGRATION_DATABASE_URL\) .* wrong\.$/,
    );
  });
  test.each([
    '',
    'localhost',
    'mysql://u:secret@h/d',
    'postgres://u:secret@h:port/d',
    'postgres://u:se cret@h:99999/d',
  ])('no URL: %s', async (databaseUrl) => {
    expect(await refusal({ ...database.settings, databaseUrl })).toBe(
      'DATABASE_URL is not a URL of the form postgres://user:password@host:port/database.',
    );
  });
});
