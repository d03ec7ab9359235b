import type { LaneTransaction, Slice, Statement } from '../platform/lane/lane.types.js';
import { textArray } from '../platform/postgres/binary-array.js';
import type { ProgramMode } from './core/identity.js';

const LOAD_PROGRAMS: Statement = {
  name: 'access_programs',
  text: `select name, program_id, (select max(program_id) from program) as last_id
    from unnest($1::text[]) as wanted(name) left join program using (name)`,
};
const LOAD_CLIENTS: Statement = {
  name: 'access_clients',
  text: 'select client_id, revoked_at_ms from api_client where client_id = any($1::text[])',
};
// one statement: a program without its lane could never change again
const INSERT_PROGRAM: Statement = {
  name: 'access_program_insert',
  text: `with made as (
      insert into program (program_id, name, mode, created_at_ms) values ($1, $2, $3, $4) returning program_id
    ), first_policy as (
      insert into policy_version (program_id, version, document, created_at_ms) select program_id, 1, $5, $4::bigint from made
    )
    insert into lane (program_id, heads) select program_id, '{"policy": {"version": 1}}' from made`,
};
const INSERT_CLIENT: Statement = {
  name: 'access_client_insert',
  text: `insert into api_client (client_id, program_id, scopes, secret_hash, created_at_ms)
    values ($1, $2, $3::text[], $4, $5)`,
};
const REVOKE_CLIENT: Statement = {
  name: 'access_client_revoke',
  text: 'update api_client set revoked_at_ms = $2 where client_id = $1 and revoked_at_ms is null',
};

export interface NewProgram {
  name: string;
  mode: ProgramMode;
  /** First version of its policy, as it was given. */
  policyText: string;
  createdAtMs: number;
}

export interface NewClient {
  clientId: string;
  programId: number;
  scopes: readonly string[];
  secretHash: string;
  createdAtMs: number;
}

/** Programs and clients of one batch: what commands named, as it is in the record and after the steps before. */
export class AccessState {
  /** Name → id; undefined: there is no such program. */
  readonly programs = new Map<string, number | undefined>();
  readonly clients = new Map<string, 'active' | 'revoked' | undefined>();
  private readonly wanted = { programs: new Set<string>(), clients: new Set<string>() };
  private lastProgramId = 0;
  private readonly writes: [Statement, unknown[]][] = [];

  needProgram(name: string): void {
    if (!this.programs.has(name)) this.wanted.programs.add(name);
  }

  needClient(clientId: string): void {
    if (!this.clients.has(clientId)) this.wanted.clients.add(clientId);
  }

  /** Takes the next id: programs are made in this lane only, and never go. */
  addProgram({ name, mode, policyText, createdAtMs }: NewProgram): number {
    const programId = ++this.lastProgramId;
    this.programs.set(name, programId);
    this.writes.push([INSERT_PROGRAM, [programId, name, mode, createdAtMs, policyText]]);
    return programId;
  }

  addClient({ clientId, programId, scopes, secretHash, createdAtMs }: NewClient): void {
    this.clients.set(clientId, 'active');
    this.writes.push([INSERT_CLIENT, [clientId, programId, textArray(scopes), secretHash, createdAtMs]]);
  }

  revokeClient(clientId: string, atMs: number): void {
    this.clients.set(clientId, 'revoked');
    this.writes.push([REVOKE_CLIENT, [clientId, atMs]]);
  }

  load(transaction: LaneTransaction): Promise<unknown> | undefined {
    const { programs, clients } = this.wanted;
    const loads: Promise<void>[] = [];
    if (programs.size > 0) loads.push(this.loadPrograms(transaction, [...programs]));
    if (clients.size > 0) loads.push(this.loadClients(transaction, [...clients]));
    programs.clear();
    clients.clear();
    return loads.length > 0 ? Promise.all(loads) : undefined;
  }

  private async loadPrograms(transaction: LaneTransaction, names: readonly string[]): Promise<void> {
    for (const row of await transaction.query(LOAD_PROGRAMS, [textArray(names)])) {
      this.programs.set(String(row.name), row.program_id ? Number(row.program_id) : undefined);
      this.lastProgramId = Number(row.last_id);
    }
  }

  private async loadClients(transaction: LaneTransaction, ids: readonly string[]): Promise<void> {
    for (const clientId of ids) this.clients.set(clientId, undefined);
    for (const row of await transaction.query(LOAD_CLIENTS, [textArray(ids)])) {
      this.clients.set(String(row.client_id), row.revoked_at_ms === null ? 'active' : 'revoked');
    }
  }

  write(transaction: LaneTransaction): Promise<unknown> | undefined {
    if (this.writes.length === 0) return undefined;
    return Promise.all(this.writes.map(([statement, values]) => transaction.query(statement, values)));
  }
}

export const accessSlice: Slice<AccessState> = {
  name: 'access',
  open: () => new AccessState(),
  load: (state, transaction) => state.load(transaction),
  write: (state, transaction) => state.write(transaction),
};
