import { Command } from 'commander';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { register as registerClients } from '../../../src/cli/clients.command.js';
import { PlainFailure } from '../../../src/cli/plain-failure.js';
import { register as registerPrograms } from '../../../src/cli/programs.command.js';
import type { AccessContext } from '../../../src/cli/with-access.js';
import { type AccessWorld, accessWorld, POLICY_TEXT } from './access-world.js';

let world: AccessWorld;
let context: AccessContext;
const opened = { now: 0 };

beforeAll(async () => {
  world = await accessWorld();
  const { access } = await world.open();
  context = {
    async open() {
      opened.now++;
      return { access, close: async () => void opened.now-- };
    },
    async policyText(file) {
      if (file === 'broken.yaml') throw new PlainFailure('broken.yaml, line 1: version is missing.');
      return POLICY_TEXT;
    },
  };
});
afterAll(() => world.close());

const out: string[] = [];
const err: string[] = [];
beforeEach(() => {
  vi.spyOn(console, 'log').mockImplementation((line: string) => void out.push(line));
  vi.spyOn(console, 'error').mockImplementation((line: string) => void err.push(line));
});
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

/** Runs `pointguard …` and answers what it printed and its exit status. */
async function pointguard(
  ...args: string[]
): Promise<{ stdout: string; stderr: string; status: typeof process.exitCode }> {
  out.length = err.length = 0;
  process.exitCode = undefined;
  const program = new Command('pointguard').exitOverride();
  registerPrograms(program, context);
  registerClients(program, context);
  await program.parseAsync(args, { from: 'user' });
  expect(opened.now).toBe(0);
  return { stdout: out.join('\n'), stderr: err.join('\n'), status: process.exitCode ?? 0 };
}

describe('pointguard programs and clients', () => {
  test('make a program and a client, whose secret is printed once and opens the API', async () => {
    expect(await pointguard('programs', 'create', 'shop', '--mode', 'test')).toMatchObject({
      stdout: 'Made the test program shop.',
      status: 0,
    });
    const made = await pointguard(
      'clients',
      'create',
      '--id',
      'till',
      '--program',
      'shop',
      '--scopes',
      'decisions, events:read',
    );
    const [, secret = ''] = /^client secret {2}(\S+)$/m.exec(made.stdout) ?? [];
    expect(secret).toHaveLength(43);
    expect(made.stderr).not.toContain(secret);
    const { access } = await context.open().finally(() => opened.now--);
    expect(await access.issueToken({ clientId: 'till', secret })).toMatchObject({ scope: 'decisions events:read' });

    const listed = await pointguard('clients', 'list', '--program', 'shop');
    expect(listed.stdout).toMatch(/^till +shop +active +decisions events:read$/m);
    expect(listed.stdout).not.toContain(secret);
    expect((await pointguard('programs', 'list')).stdout).toMatch(/^shop +test +\d{4}-\d\d-\d\dT/m);

    expect((await pointguard('clients', 'revoke', 'till')).stdout).toBe('Revoked till.');
    expect((await pointguard('clients', 'list')).stdout).toMatch(/^till +shop +revoked \d{4}-/m);
    expect(await access.issueToken({ clientId: 'till', secret })).toMatchObject({ error: 'invalid_client' });
  });

  test('a client without --id gets one', async () => {
    const { stdout } = await pointguard('clients', 'create', '--program', 'shop', '--scopes', 'decisions');
    expect(stdout).toMatch(/^client id {6}shop-[0-9a-f]{8}$/m);
  });

  test.each([
    [['programs', 'create', 'shop'], 'There is already a program shop.'],
    [['programs', 'create', 'Shop'], 'A program name has lower-case letters, digits and hyphens, at most 63.'],
    [['programs', 'create', 'other', '--policy', 'broken.yaml'], 'broken.yaml, line 1: version is missing.'],
    [['clients', 'create', '--program', 'nowhere', '--scopes', 'decisions'], 'There is no program nowhere.'],
    [['clients', 'create', '--program', 'shop', '--scopes', ''], 'A client needs at least one scope.'],
    [['clients', 'revoke', 'nobody'], 'There is no such client.'],
  ])('%j ends with a sentence and status 1', async (args, sentence) => {
    expect(await pointguard(...args)).toEqual({ stdout: '', stderr: sentence, status: 1 });
  });

  test('the audit names the person at the keyboard', async () => {
    const audit = await world.database.query('select distinct actor_kind, actor_id from pointguard.audit');
    expect(audit).toEqual([{ actor_kind: 'person', actor_id: (await import('node:os')).userInfo().username }]);
  });
});
