import type pg from 'pg';
import { ServiceError } from '../kernel/errors.js';
import { SYSTEM_PROGRAM_ID } from '../platform/lane/lane.types.js';
import type { ClientRow, ProgramMode, ProgramRow } from './core/identity.js';

/** Reads of programs and clients; every change goes through the lane. Throws `record.unavailable` where it cannot read. */
export interface AccessStore {
  /** Raised by every batch that changed a program, a client or a person. */
  systemBatch(): Promise<string>;
  programs(): Promise<ProgramRow[]>;
  /** All clients, revoked ones included; of one program where its name is given. */
  clients(programName?: string): Promise<ClientRow[]>;
  /** What a token request is judged by: as it is now, past any snapshot. */
  credentials(clientId: string): Promise<(ClientRow & { secretHash: string }) | undefined>;
}

/** No answer for so long is none: a caller waits for it, and a revocation must act within a second. */
const QUERY_TIMEOUT_MS = 900;

interface ClientRecord {
  client_id: string;
  program_id: number;
  name: string;
  mode: ProgramMode;
  scopes: string[];
  secret_hash: string;
  created_at_ms: string | number;
  revoked_at_ms: string | number | null;
}

const clientOf = (row: ClientRecord): ClientRow => ({
  clientId: row.client_id,
  program: { programId: row.program_id, name: row.name, mode: row.mode },
  scopes: row.scopes,
  createdAtMs: Number(row.created_at_ms),
  revokedAtMs: row.revoked_at_ms === null ? undefined : Number(row.revoked_at_ms),
});

const CLIENT_COLUMNS =
  'client_id, program_id, name, mode, scopes, api_client.created_at_ms, revoked_at_ms from api_client join program using (program_id)';

/** @param ownPool for what revocation hangs on; token requests, which anybody can make, go to the other one */
export function openAccessStore(pool: Pick<pg.Pool, 'query'>, ownPool: Pick<pg.Pool, 'query'> = pool): AccessStore {
  async function read<R extends pg.QueryResultRow>(text: string, values: unknown[] = [], from = ownPool): Promise<R[]> {
    try {
      // the driver knows query_timeout of a single query, its types do not
      const query: pg.QueryConfig & { query_timeout: number } = { text, values, query_timeout: QUERY_TIMEOUT_MS };
      return (await withinTimeout(from.query<R>(query))).rows;
    } catch (error) {
      throw new ServiceError('record.unavailable', 'The record did not answer.', { retryAfterSeconds: 1 }, error);
    }
  }

  return {
    async systemBatch() {
      const [lane] = await read<{ batch: string }>('select batch::text from lane where program_id = $1', [
        SYSTEM_PROGRAM_ID,
      ]);
      if (!lane) throw new ServiceError('record.unavailable', 'The record has no system lane.');
      return lane.batch;
    },
    async programs() {
      const rows = await read<{ program_id: number; name: string; mode: ProgramMode; created_at_ms: string }>(
        'select program_id, name, mode, created_at_ms from program where program_id <> $1 order by name',
        [SYSTEM_PROGRAM_ID],
      );
      return rows.map((row) => ({
        programId: row.program_id,
        name: row.name,
        mode: row.mode,
        createdAtMs: Number(row.created_at_ms),
      }));
    },
    async clients(programName) {
      const rows = await read<ClientRecord>(
        `select ${CLIENT_COLUMNS} where $1::text is null or name = $1 order by name, client_id`,
        [programName ?? null],
      );
      return rows.map(clientOf);
    },
    async credentials(clientId) {
      const [row] = await read<ClientRecord>(
        `select secret_hash, ${CLIENT_COLUMNS} where client_id = $1`,
        [clientId],
        pool,
      );
      return row && { ...clientOf(row), secretHash: row.secret_hash };
    },
  };
}

/** Waiting for a free connection counts too, which the driver's time-out leaves out. */
async function withinTimeout<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), QUERY_TIMEOUT_MS);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
