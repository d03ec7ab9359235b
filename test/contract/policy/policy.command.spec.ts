/** `pointguard policy` on a real record. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { AccessService } from '../../../src/access/access.service.js';
import type { CliContext } from '../../../src/cli/context.js';
import { register } from '../../../src/cli/policy.command.js';
import { DecisionService } from '../../../src/decision/decision.service.js';
import { readPolicyFile } from '../../../src/policy/policy-file.js';
import { PolicyService } from '../../../src/policy/policy.service.js';
import { startTestService, type TestService, transaction } from '../../support/service.js';

let service: TestService;
const directory = mkdtempSync(join(tmpdir(), 'pointguard-policy-'));

beforeAll(async () => {
  service = await startTestService({ policy: 'version: 1 # first\n' });
});

afterAll(async () => {
  rmSync(directory, { recursive: true, force: true });
  await service?.stop();
});

afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

function fileOf(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

/** Runs the command line in this process; answers what it wrote, and the exit status that it set. */
async function run(...args: string[]): Promise<{ out: string; err: string; status: unknown }> {
  const written = { out: '', err: '' };
  vi.spyOn(console, 'log').mockImplementation((line: string) => void (written.out += `${line}\n`));
  vi.spyOn(console, 'error').mockImplementation((line: string) => void (written.err += `${line}\n`));
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => Boolean((written.out += String(text))));
  const { app } = service.service;
  const context: CliContext = {
    open: async () => ({
      access: app.get(AccessService),
      decisions: app.get(DecisionService),
      policies: app.get(PolicyService),
      close: async () => undefined,
    }),
    policyText: (file = '') => readPolicyFile(file),
    serveEmbedded: () => Promise.reject(new Error('not needed')),
  };
  const program = new Command('pointguard').exitOverride();
  register(program, context);
  try {
    await program.parseAsync(['policy', ...args], { from: 'user' });
  } catch (error) {
    return { ...written, err: written.err + (error as Error).message, status: 1 };
  } finally {
    vi.restoreAllMocks();
  }
  return { ...written, status: process.exitCode };
}

it('validate says that a document is right, or where it is wrong', async () => {
  const right = fileOf('right.yaml', 'version: 1\n');
  expect(await run('validate', right)).toEqual({ out: `${right} is right.\n`, err: '', status: undefined });
  const wrong = fileOf(
    'wrong.yaml',
    "version: 1\nrules:\n  - {id: a, when: 'points > foo', outcome: deny, reason: r}\n",
  );
  const { err, status } = await run('validate', wrong);
  expect(status).toBe(1);
  expect(err).toContain(`${wrong}:3:29: rules[0].when: unknown fact foo`);
  expect((await run('validate', fileOf('large.yaml', '#'.repeat(1 << 20)))).err).toContain('large.yaml:1:1: ');
  expect((await run('validate', join(directory, 'nowhere.yaml'))).err).toContain('cannot be read');
  expect((await run('validate', directory)).err).toContain('cannot be read');
});

it('activate makes a file the policy, and goes back to a version', async () => {
  const observing = fileOf('observe.yaml', 'version: 1\nmode: observe\n');
  expect((await run('activate', observing, '--program', 'acme')).out).toBe('Version 2 is active.\n');
  expect((await service.post('/v1/decisions', transaction())).body).toMatchObject({
    policyVersion: 2,
    wouldHaveBeen: 'allow',
  });
  const shown = await run('show', '--program', 'acme');
  expect(shown.out).toBe('version: 1\nmode: observe\n');
  expect(shown.err).toMatch(/^VERSION .*\n2 +active .* person:.*\n1 +retired /);
  expect((await run('activate', '--program', 'acme', '--version', '1')).out).toBe('Version 1 is active.\n');
  expect((await service.post('/v1/decisions', transaction())).body.policyVersion).toBe(1);
});

it.each([
  [['activate', '--program', 'acme'], 'Name a file'],
  [['activate', '--program', 'acme', '--version', '99'], 'no such version'],
  [['activate', '--program', 'acme', '--version', '1.5'], 'whole number'],
  [['activate', '--program', 'nobody', '--version', '1'], 'no program nobody'],
  [['show', '--program', 'nobody'], 'no program nobody'],
])('%j ends with a sentence', async (args, sentence) => {
  const { out, err, status } = await run(...args);
  expect([out, status]).toEqual(['', 1]);
  expect(err).toContain(sentence);
});

it('a file that is wrong becomes no version', async () => {
  const wrong = fileOf('wrong2.yaml', 'version: 1\nmode: off\n');
  const versions = async () => (await service.get('/v1/policy')).body.versions.length as number;
  const before = await versions();
  expect((await run('activate', wrong, '--program', 'acme')).status).toBe(1);
  expect(await versions()).toBe(before);
});
