/** Commands of the system lane: each checks, changes the slice and writes its audit row in the same batch. */
import { auditSlice } from '../audit/audit.slice.js';
import type { Actor } from '../audit/core/chain.js';
import { type Refusal, refuse } from '../kernel/errors.js';
import type { LaneCommand } from '../platform/lane/lane.types.js';
import { accessSlice, type NewClient, type NewProgram } from './access.slice.js';

export type ProgramInput = Omit<NewProgram, 'createdAtMs'>;
export type ClientInput = Omit<NewClient, 'createdAtMs' | 'programId'> & { programName: string };

export const createProgramCommand = (
  input: ProgramInput,
  actor: Actor,
): LaneCommand<{ programId: number } | Refusal> => ({
  name: 'access.create_program',
  priority: 'background',
  needs: (batch) => batch.use(accessSlice).needProgram(input.name),
  step(batch) {
    const state = batch.use(accessSlice);
    if (state.programs.get(input.name) !== undefined) {
      return refuse('request.invalid', `There is already a program ${input.name}.`);
    }
    const programId = state.addProgram({ ...input, createdAtMs: batch.nowMs });
    batch.use(auditSlice).append({ actor, action: 'program.create', target: `program:${input.name}` });
    return { programId };
  },
});

export const createClientCommand = (input: ClientInput, actor: Actor): LaneCommand<{ clientId: string } | Refusal> => ({
  name: 'access.create_client',
  priority: 'background',
  needs(batch) {
    const state = batch.use(accessSlice);
    state.needProgram(input.programName);
    state.needClient(input.clientId);
  },
  step(batch) {
    const state = batch.use(accessSlice);
    const { programName, ...client } = input;
    const programId = state.programs.get(programName);
    // program 0 is the system's own: it has no API
    if (!programId) return refuse('request.invalid', `There is no program ${programName}.`);
    if (state.clients.get(client.clientId) !== undefined) {
      return refuse('request.invalid', `There is already a client ${client.clientId}; an id is never used again.`);
    }
    state.addClient({ ...client, programId, createdAtMs: batch.nowMs });
    batch.use(auditSlice).append({
      actor,
      action: 'client.create',
      target: `client:${client.clientId}`,
      reason: `program ${programName}; scopes ${client.scopes.join(' ')}`,
    });
    return { clientId: client.clientId };
  },
});

/** Revoking twice is once: the second one changes and records nothing. */
export const revokeClientCommand = (clientId: string, actor: Actor): LaneCommand<{ clientId: string } | Refusal> => ({
  name: 'access.revoke_client',
  priority: 'background',
  needs: (batch) => batch.use(accessSlice).needClient(clientId),
  step(batch) {
    const state = batch.use(accessSlice);
    const client = state.clients.get(clientId);
    if (client === undefined) return refuse('request.invalid', 'There is no such client.');
    if (client === 'active') {
      state.revokeClient(clientId, batch.nowMs);
      batch.use(auditSlice).append({ actor, action: 'client.revoke', target: `client:${clientId}` });
    }
    return { clientId };
  },
});
