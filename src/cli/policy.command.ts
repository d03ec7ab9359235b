/** `pointguard policy`: the document of limits, rules, score bands and ends of a program. */
import { type Command, InvalidArgumentError } from 'commander';
import { ServiceError } from '../kernel/errors.js';
import type { CliContext, OpenedRecord } from './context.js';
import { endPlainly, PlainFailure } from './plain-failure.js';
import { operator, printTable } from './with-access.js';

interface ActivateOptions {
  program: string;
  version?: number;
}

export function register(program: Command, context: CliContext): void {
  const policy = program.command('policy').description('limits, rules, score bands and ends of a program');

  policy
    .command('validate')
    .description('say what is wrong with a policy document, and where')
    .argument('<file>', 'YAML or JSON')
    .action((file: string) => endPlainly(() => validate(context, file)));

  policy
    .command('show')
    .description('the active document, and the versions there are')
    .requiredOption('--program <name>', 'the program that it belongs to')
    .action((options: { program: string }) => show(context, options.program));

  policy
    .command('activate')
    .description('decide under a new document, or under a version that is there, from now on')
    .argument('[file]', 'YAML or JSON: it becomes the next version')
    .requiredOption('--program <name>', 'the program that it belongs to')
    .option('--version <n>', 'a version that is there, in place of a file', versionNumber)
    .action((file: string | undefined, options: ActivateOptions) => activate(context, file, options));
}

function versionNumber(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('A version is a whole number from 1.');
  return Number(text);
}

async function validate(context: CliContext, file: string): Promise<void> {
  await context.policyText(file);
  console.log(`${file} is right.`);
}

/** The document on stdout, so that it can be kept in a file; what is said about it on stderr. */
const show = (context: CliContext, program: string): Promise<void> =>
  inProgram(context, program, async ({ policies }, programId) => {
    const { active, document, versions } = await policies.show(programId);
    const at = (ms: number | undefined) => (ms === undefined ? '' : new Date(ms).toISOString());
    printTable(
      ['VERSION', 'STATE', 'MADE', 'ACTIVATED', 'BY'],
      versions.map(({ version, state, createdAtMs, activatedAtMs, activatedBy }) => [
        String(version),
        state,
        at(createdAtMs),
        at(activatedAtMs),
        activatedBy ?? '',
      ]),
      console.error,
    );
    console.error(`\nVersion ${active.version}:`);
    process.stdout.write(document.endsWith('\n') ? document : `${document}\n`);
  });

async function activate(
  context: CliContext,
  file: string | undefined,
  { program, version }: ActivateOptions,
): Promise<void> {
  await endPlainly(async () => {
    if ((file === undefined) === (version === undefined)) throw new PlainFailure('Name a file, or a --version.');
    // a document that is wrong ends the command before the record is opened
    const text = file === undefined ? undefined : await context.policyText(file);
    await inProgram(context, program, async ({ policies }, programId) => {
      const chosen = version ?? (await policies.draft(programId, text ?? '', operator())).version;
      await policies.activate(programId, chosen, operator());
      console.log(`Version ${chosen} is active.`);
    });
  });
}

/** Runs an action on the record of a program; what is refused becomes one sentence. */
function inProgram(
  context: CliContext,
  name: string,
  action: (opened: OpenedRecord, programId: number) => Promise<void>,
): Promise<void> {
  return endPlainly(async () => {
    const opened = await context.open();
    try {
      const found = (await opened.access.listPrograms()).find((program) => program.name === name);
      if (!found) throw new PlainFailure(`There is no program ${name}.`);
      await action(opened, found.programId);
    } catch (error) {
      if (error instanceof ServiceError) throw new PlainFailure(error.detail);
      throw error;
    } finally {
      await opened.close();
    }
  });
}
