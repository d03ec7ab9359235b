/** `pointguard clients`: API clients of programs. A secret is shown once, when its client is made. */
import { randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import type { ClientRow } from '../access/core/identity.js';
import { SCOPES } from '../access/core/scopes.js';
import { type AccessContext, operator, printTable, withAccess } from './with-access.js';

interface CreateOptions {
  id?: string;
  program: string;
  scopes: string[];
}

export function register(program: Command, context: AccessContext): void {
  const clients = program.command('clients').description('API clients of programs');

  clients
    .command('create')
    .description('make a client and print its secret, once')
    .option('--id <id>', 'letters, digits and . _ ~ -, at most 128; without it one is made')
    .requiredOption('--program <name>', 'the program that it belongs to')
    .requiredOption('--scopes <a,b>', 'what it may do, separated by commas', commaList)
    .addHelpText('after', scopesHelp)
    .action((options: CreateOptions) => create(context, options));

  clients
    .command('list')
    .description('all clients, revoked ones included')
    .option('--program <name>', 'of this program only')
    .action((options: { program?: string }) => list(context, options.program));

  clients
    .command('revoke')
    .description('refuse a client and its tokens from now on, in every instance within a second')
    .argument('<clientId>')
    .action((clientId: string) => revoke(context, clientId));
}

const commaList = (text: string): string[] =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');

const scopesHelp = (): string =>
  `\nScopes:\n${[...SCOPES].map(([scope, about]) => `  ${scope.padEnd(18)}${about}`).join('\n')}`;

/** Readable and never used before: `retail-3f9c21ab`. */
const newClientId = (programName: string): string => `${programName}-${randomBytes(4).toString('hex')}`;

const create = (context: AccessContext, { id, program, scopes }: CreateOptions): Promise<void> =>
  withAccess(context, async (access) => {
    const request = { programName: program, scopes, clientId: id ?? newClientId(program) };
    const { clientId, secret } = await access.createClient(request, operator());
    console.log(`client id      ${clientId}`);
    console.log(`client secret  ${secret}`);
    console.error('The secret is not kept: write it down now.');
  });

const list = (context: AccessContext, programName?: string): Promise<void> =>
  withAccess(context, async (access) => {
    printTable(['CLIENT', 'PROGRAM', 'STATE', 'SCOPES'], (await access.listClients(programName)).map(clientLine));
  });

const clientLine = ({ clientId, program, revokedAtMs, scopes }: ClientRow): string[] => [
  clientId,
  program.name,
  revokedAtMs === undefined ? 'active' : `revoked ${new Date(revokedAtMs).toISOString()}`,
  scopes.join(' '),
];

const revoke = (context: AccessContext, clientId: string): Promise<void> =>
  withAccess(context, async (access) => {
    await access.revokeClient(clientId, operator());
    console.log(`Revoked ${clientId}.`);
  });
