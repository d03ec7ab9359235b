import { userInfo } from 'node:os';
import type { AccessService } from '../access/access.service.js';
import type { Actor } from '../audit/core/chain.js';
import { ServiceError } from '../kernel/errors.js';
import type { CliContext, OpenedRecord } from './context.js';
import { endPlainly, PlainFailure } from './plain-failure.js';

/** What these commands need of their context. */
export interface AccessContext extends Pick<CliContext, 'policyText'> {
  open(): Promise<Pick<OpenedRecord, 'access' | 'close'>>;
}

/** The person at the keyboard, as the audit names them: by the number of a user who has no name, as in many containers. */
export function operator(nameOf: () => string = () => userInfo().username): Actor {
  try {
    return { kind: 'person', id: nameOf() };
  } catch {
    return { kind: 'person', id: `uid ${process.getuid?.() ?? 'unknown'}` };
  }
}

/** Runs the action of a command on the opened record; what it refuses becomes one sentence and exit status 1. */
export function withAccess(context: AccessContext, action: (access: AccessService) => Promise<void>): Promise<void> {
  return endPlainly(async () => {
    const opened = await context.open();
    try {
      await action(opened.access);
    } catch (error) {
      if (error instanceof ServiceError) throw new PlainFailure(error.detail);
      throw error;
    } finally {
      await opened.close();
    }
  });
}

/** Columns, aligned, with a heading. */
export function printTable(
  heading: readonly string[],
  rows: readonly (readonly string[])[],
  print: (line: string) => void = console.log,
): void {
  const lines = [heading, ...rows];
  const widths = heading.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  for (const line of lines)
    print(
      line
        .map((text, column) => text.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    );
}
