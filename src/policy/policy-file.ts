import { readFile, stat } from 'node:fs/promises';
import { parsePolicy } from './core/policy.schema.js';
import { LARGEST_POLICY_BYTES } from './core/policy-source.js';

/** A policy document that cannot be used; the message says where it is wrong, for operators. */
export class PolicyFileError extends Error {
  override readonly name = 'PolicyFileError';
}

/**
 * The text of a policy file, checked. Throws a PolicyFileError whose message has a line for each mistake, as compilers
 * write them: `file:line:column: path: what was expected`.
 */
export async function readPolicyFile(file: string): Promise<string> {
  const text = await textOf(file);
  const parsed = parsePolicy(text);
  if ('policy' in parsed) return text;
  const lines = parsed.problems.map(({ line, column, message }) => `${file}:${line}:${column}: ${message}`);
  throw new PolicyFileError([`The policy file ${file} is wrong:`, ...lines].join('\n'));
}

async function textOf(file: string): Promise<string> {
  try {
    // what is larger is refused anyway: it need not be in memory for that
    if ((await stat(file)).size <= LARGEST_POLICY_BYTES) return await readFile(file, 'utf8');
  } catch {
    throw new PolicyFileError(`The policy file ${file} cannot be read.`);
  }
  throw new PolicyFileError(`${file}:1:1: the document is longer than ${LARGEST_POLICY_BYTES / 1024} KiB`);
}
