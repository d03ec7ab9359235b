import { readFile } from 'node:fs/promises';
import { parsePolicy } from './core/policy.schema.js';

/** A policy document that cannot be used; the message says where it is wrong, for operators. */
export class PolicyFileError extends Error {
  override readonly name = 'PolicyFileError';
}

/** The text of a policy file, checked. Throws a PolicyFileError whose message has a line for each mistake. */
export async function readPolicyFile(file: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch {
    throw new PolicyFileError(`The policy file ${file} cannot be read.`);
  }
  const parsed = parsePolicy(text);
  if ('policy' in parsed) return text;
  const lines = parsed.problems.map(({ line, column, path, message }) => `  ${line}:${column} ${path}: ${message}`);
  throw new PolicyFileError([`The policy file ${file} is wrong:`, ...lines].join('\n'));
}
