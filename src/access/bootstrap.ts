import type { Actor } from '../audit/core/chain.js';
import type { BootstrapSettings } from '../config/settings.types.js';
import type { AccessService } from './access.service.js';
import { SCOPES } from './core/scopes.js';

const BOOTSTRAP: Actor = { kind: 'system', id: 'bootstrap' };

/** What was made; a secret only where it was made too: it is to be printed now, and is kept nowhere. */
export interface Bootstrapped {
  madeProgram?: string;
  madeClient?: { clientId: string; programName: string; generatedSecret?: string };
}

/**
 * Makes the program and the client that the settings name, where they are missing. What is there stays as it is.
 * Several instances may do so at once: who comes second finds it made.
 * @param policyText gives the first version of the program's policy, checked
 */
export async function bootstrap(
  access: AccessService,
  settings: BootstrapSettings,
  policyText: () => Promise<string>,
): Promise<Bootstrapped> {
  const { program, clientId } = settings;
  if (program === undefined) return {};
  const madeProgram = (await ensureProgram(access, settings, program, policyText)) ? program : undefined;
  const madeClient = clientId === undefined ? undefined : await ensureClient(access, settings, program, clientId);
  return { madeProgram, madeClient };
}

/** Whether it was made here. */
async function ensureProgram(
  access: AccessService,
  { programMode }: BootstrapSettings,
  name: string,
  policyText: () => Promise<string>,
): Promise<boolean> {
  const isThere = async () => (await access.listPrograms()).some((program) => program.name === name);
  if (await isThere()) return false;
  return madeUnlessThere(isThere, async () => {
    await access.createProgram({ name, mode: programMode, policyText: await policyText() }, BOOTSTRAP);
    return true;
  }).then((made) => made ?? false);
}

async function ensureClient(
  access: AccessService,
  { clientSecret }: BootstrapSettings,
  programName: string,
  clientId: string,
): Promise<Bootstrapped['madeClient']> {
  // of any program, and revoked ones too: what an operator revoked does not come back with a restart
  const isThere = async () => (await access.listClients()).some((client) => client.clientId === clientId);
  if (await isThere()) return undefined;
  const request = { programName, clientId, scopes: [...SCOPES.keys()], secret: clientSecret };
  return madeUnlessThere(isThere, async () => {
    const { secret } = await access.createClient(request, BOOTSTRAP);
    return { clientId, programName, generatedSecret: clientSecret === undefined ? secret : undefined };
  });
}

/** Another instance that was first is no failure. */
async function madeUnlessThere<T>(isThere: () => Promise<boolean>, make: () => Promise<T>): Promise<T | undefined> {
  try {
    return await make();
  } catch (error) {
    if (await isThere()) return undefined;
    throw error;
  }
}
