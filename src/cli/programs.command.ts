/** `pointguard programs`: loyalty programs, each with a lane, keys and a policy of its own. */
import { type Command, Option } from 'commander';
import type { ProgramMode } from '../access/core/identity.js';
import { type AccessContext, operator, printTable, withAccess } from './with-access.js';

interface CreateOptions {
  mode: ProgramMode;
  policy?: string;
}

export function register(program: Command, context: AccessContext): void {
  const programs = program.command('programs').description('loyalty programs');

  programs
    .command('create')
    .description('make a program with the first version of its policy')
    .argument('<name>', 'lower-case letters, digits and hyphens, at most 63')
    .addOption(
      new Option('--mode <mode>', 'a test program has a clock of its own').choices(['live', 'test']).default('live'),
    )
    .option('--policy <file>', 'its policy; without it the one of POLICY_FILE')
    .action((name: string, options: CreateOptions) => create(context, name, options));

  programs
    .command('list')
    .description('all programs')
    .action(() => list(context));
}

const create = (context: AccessContext, name: string, { mode, policy }: CreateOptions): Promise<void> =>
  withAccess(context, async (access) => {
    const policyText = await context.policyText(policy);
    await access.createProgram({ name, mode, policyText }, operator());
    console.log(`Made the ${mode} program ${name}.`);
  });

const list = (context: AccessContext): Promise<void> =>
  withAccess(context, async (access) => {
    const programs = await access.listPrograms();
    printTable(
      ['PROGRAM', 'MODE', 'MADE'],
      programs.map(({ name, mode, createdAtMs }) => [name, mode, new Date(createdAtMs).toISOString()]),
    );
  });
