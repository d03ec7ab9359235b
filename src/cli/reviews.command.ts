/** `pointguard reviews`: a review can be worked without a console; what is done is audited under the operator's name. */
import type { Command } from 'commander';
import { type Decision, isoTime } from '../decision/core/decision.js';
import { renderDecision } from '../decision/core/render.js';
import type { Acting, OpenAppeal } from '../decision/decision.service.js';
import { ServiceError } from '../kernel/errors.js';
import type { CliContext, OpenedRecord } from './context.js';
import { endPlainly, PlainFailure } from './plain-failure.js';
import { operator, printTable } from './with-access.js';

interface ProgramOption {
  program: string;
}

export function register(program: Command, context: CliContext): void {
  const reviews = program.command('reviews').description('decisions that wait for a person');
  const inProgram = (name: string, description: string) =>
    reviews
      .command(name)
      .description(description)
      .requiredOption('--program <name>', 'the program that they belong to');

  inProgram('list', 'reviews, newest first, and open appeals, the most urgent first')
    .option('--limit <n>', 'at most so many of each', '50')
    .action((options: ProgramOption & { limit: string }) => list(context, options));
  inProgram('release', 'approve: the points may move')
    .argument('<decisionId>', 'a decision in review, expired from one, or denied; upholds its appeal')
    .action((id: string, options: ProgramOption) => release(context, id, options));
  inProgram('deny', 'refuse: the points stay')
    .argument('<decisionId>', 'a decision in review, or any with an open appeal, which it rejects')
    .action((id: string, options: ProgramOption) => deny(context, id, options));
}

const list = (context: CliContext, options: ProgramOption & { limit: string }): Promise<void> =>
  inRecord(context, options, async ({ decisions }, { program }) => {
    const limit = Math.min(Math.max(1, Number.parseInt(options.limit, 10) || 50), 200);
    const waiting = await decisions.list(program.programId, { status: 'in_review', limit });
    printTable(['DECISION', 'ACCOUNT', 'TYPE', 'POINTS', 'ASKED', 'ENDS', 'WHY'], waiting.map(reviewRow));
    const appeals = await decisions.appeals(program.programId, limit);
    if (appeals.length === 0) return;
    console.log('\nOpen appeals');
    printTable(['DECISION', 'ACCOUNT', 'TYPE', 'POINTS', 'STATUS', 'APPEALED', 'DUE', 'NOTE'], appeals.map(appealRow));
  });

function reviewRow(decision: Decision): string[] {
  const { decisionId, accountId, type, points, evaluatedAt, hold, reasons } = renderDecision(decision);
  const why = reasons.map(({ code }) => code).join(', ');
  return [decisionId, accountId, type, String(points), evaluatedAt, hold?.expiresAt ?? '', why];
}

function appealRow({ decision, atMs, dueAtMs, note }: OpenAppeal): string[] {
  const { decisionId, accountId, type, points, status } = renderDecision(decision);
  const words = note === null ? '(erased)' : onOneLine(note);
  return [decisionId, accountId, type, String(points), status, isoTime(atMs), isoTime(dueAtMs), words];
}

const LONGEST_NOTE = 120;

/** A stranger wrote it: no line of its own, no sequence that the terminal would obey, no letter that turns the text round. */
function onOneLine(text: string): string {
  const line = text.replaceAll(/[\p{C}\p{Z}]+/gu, ' ').trim();
  return line.length > LONGEST_NOTE ? `${line.slice(0, LONGEST_NOTE - 1).toWellFormed()}…` : line;
}

const release = (context: CliContext, id: string, options: ProgramOption): Promise<void> =>
  inRecord(context, options, async ({ decisions }, acting) => {
    const { status } = await decisions.approve(acting, id);
    console.log(`Released: the decision is ${status}.`);
  });

const deny = (context: CliContext, id: string, options: ProgramOption): Promise<void> =>
  inRecord(context, options, async ({ decisions }, acting) => {
    const { status } = await decisions.call('refuse', acting, id, { by: acting.actor.id });
    console.log(`Denied: the decision is ${status}.`);
  });

/** Runs an action in a program as the person at the keyboard; what is refused becomes one sentence. */
function inRecord(
  context: CliContext,
  { program: name }: ProgramOption,
  action: (opened: OpenedRecord, acting: Acting) => Promise<void>,
): Promise<void> {
  return endPlainly(async () => {
    const opened = await context.open();
    try {
      const found = (await opened.access.listPrograms()).find((program) => program.name === name);
      if (!found) throw new PlainFailure(`There is no program ${name}.`);
      const program = { programId: found.programId, name: found.name, mode: found.mode };
      await action(opened, { program, actor: operator() });
    } catch (error) {
      if (error instanceof ServiceError) throw new PlainFailure(error.detail);
      throw error;
    } finally {
      await opened.close();
    }
  });
}
