/** A population that is there already: rows of subjects, packed by the core as the lane packs them, and loaded by SQL. */
import { Client } from 'pg';
import type { SubjectKind } from '../../src/policy/core/policy.js';
import { openKeys } from '../../src/platform/keys/open-keys.js';
import { byteaArray } from '../../src/platform/postgres/binary-array.js';
import { windowKey } from '../../src/velocity/core/subject-key.js';
import { emptyWindow, enterWindow, packWindow } from '../../src/velocity/core/window.js';
import type { BenchDatabase } from '../harness/postgres.js';
import { accountOf, addressOf, deviceOf, instrumentOf, seeded } from '../harness/requests.js';
import { MASTER_KEY, PROGRAM_ID } from './ourselves.js';

/** Movements of an active account, over the last ninety days. */
const ENTRIES = 5;
const DAY_MS = 86_400_000;
const ROWS_A_STATEMENT = 5000;
/** So many different rows are packed; which subject has which one makes no difference. */
const VARIANTS = 1000;

function packedVariants(nowMs: number): Buffer[] {
  const random = seeded(2);
  return Array.from({ length: VARIANTS }, () => {
    const state = emptyWindow();
    const agesMs = Array.from({ length: ENTRIES }, () => Math.floor(random() ** 2 * 89 * DAY_MS));
    for (const ageMs of agesMs.sort((a, b) => b - a)) {
      const seq = Math.floor(5_000_000 * (1 - ageMs / (90 * DAY_MS)));
      enterWindow(state, { atMs: nowMs - ageMs, seq, points: 100 + Math.floor(random() * 5000) });
    }
    return packWindow(state, nowMs);
  });
}

/** What each account brings along; two share an address. */
const SUBJECTS: readonly [SubjectKind, (account: number) => string, every: number][] = [
  ['account', accountOf, 1],
  ['device', deviceOf, 1],
  ['instrument', instrumentOf, 1],
  ['ip', addressOf, 2],
];

export interface Population {
  /** Loads the rows of so many accounts with their devices, addresses and instruments, or puts them back. */
  load(accounts: number): Promise<void>;
  close(): Promise<void>;
}

const UPSERT = `insert into pointguard.subject (program_id, key, state)
  select ${PROGRAM_ID}, * from unnest($1::bytea[], $2::bytea[]) on conflict (program_id, key) do update set state = excluded.state`;
/** What an instance keeps of rows between its batches is only good while nobody else raises this number. */
const SOMEBODY_ELSE = `update pointguard.lane set batch = batch + 1 where program_id = ${PROGRAM_ID}`;

/** The population of a record in which our service has made its keys and its program already. */
export async function openPopulation({ ownerUrl, serviceUrl }: BenchDatabase): Promise<Population> {
  const { ring, close } = await openKeys({
    dataDir: '.',
    databaseUrl: serviceUrl,
    migrationDatabaseUrl: ownerUrl,
    masterKey: MASTER_KEY,
  });
  const states = packedVariants(Date.now());
  const client = new Client({ connectionString: ownerUrl });
  await client.connect();

  async function loadKind(kind: SubjectKind, values: string[]): Promise<void> {
    const keys = values.map((value) =>
      Buffer.from(windowKey(ring.subjectName(PROGRAM_ID, kind, value), 'burn'), 'hex'),
    );
    await client.query(UPSERT, [
      byteaArray(keys),
      byteaArray(keys.map((key) => states[key.readUInt16BE(0) % VARIANTS]!)),
    ]);
  }

  return {
    async load(accounts) {
      await client.query('begin');
      await client.query(SOMEBODY_ELSE);
      for (const [kind, valueOf, every] of SUBJECTS) {
        for (let from = 0; from < accounts; from += ROWS_A_STATEMENT * every) {
          const count = Math.min(ROWS_A_STATEMENT, Math.ceil((accounts - from) / every));
          await loadKind(
            kind,
            Array.from({ length: count }, (_, n) => valueOf(from + n * every)),
          );
        }
      }
      await client.query('commit');
    },
    async close() {
      await client.end();
      await close();
    },
  };
}
