export type ProgramMode = 'live' | 'test';

export interface ClientProgram {
  programId: number;
  name: string;
  mode: ProgramMode;
}

/** Who calls, as the access token and the record say. */
export interface ClientIdentity {
  clientId: string;
  program: ClientProgram;
  scopes: ReadonlySet<string>;
}

/** A program as the record has it. */
export interface ProgramRow extends ClientProgram {
  createdAtMs: number;
}

/** An API client as the record has it, without its secret. */
export interface ClientRow {
  clientId: string;
  program: ClientProgram;
  scopes: readonly string[];
  createdAtMs: number;
  revokedAtMs?: number;
}
