import { randomBytes } from 'node:crypto';
import { NestFactory } from '@nestjs/core';
import pino from 'pino';
import { AccessService } from '../access/access.service.js';
import type { Actor } from '../audit/core/chain.js';
import { AppModule } from '../app.module.js';
import { loadSettings } from '../config/settings.js';
import { DecisionService } from '../decision/decision.service.js';
import { openPlatform } from '../platform/open-platform.js';
import { readPolicyFile } from '../policy/policy-file.js';
import { PolicyService } from '../policy/policy.service.js';
import { startService } from '../service.js';
import type { EmbeddedService } from './api-client.js';
import type { CliContext, OpenedRecord } from './context.js';

/** A command's own lines are its output; the service's log would drown them. */
const QUIET = pino({ level: 'silent' });

export function cliContext(env: NodeJS.ProcessEnv = process.env): CliContext {
  return {
    open: () => openForCommand(env),
    policyText: (file) => readPolicyFile(file ?? loadSettings(env).policyFile),
    serveEmbedded: (options) => serveEmbedded(env, options),
  };
}

async function openForCommand(env: NodeJS.ProcessEnv): Promise<OpenedRecord> {
  const platform = await openPlatform({ settings: loadSettings(env), purpose: 'command', logger: QUIET });
  const app = await NestFactory.createApplicationContext(AppModule.on(platform), {
    logger: false,
    abortOnError: false,
  });
  return {
    access: app.get(AccessService),
    decisions: app.get(DecisionService),
    policies: app.get(PolicyService),
    async close() {
      await app.close();
      await platform.close();
    },
  };
}

/** The commands' own client is made for one run, and revoked at its end: no secret of it stays anywhere. */
const COMMAND: Actor = { kind: 'system', id: 'command' };

/**
 * A service in this process with a test program, for commands that drive one over its API. As the client that the
 * settings name with its secret, else as one of its own.
 */
async function serveEmbedded(env: NodeJS.ProcessEnv, { port = 0 }: { port?: number } = {}): Promise<EmbeddedService> {
  const settings = loadSettings(env);
  const { program = 'demo', clientId, clientSecret } = settings.bootstrap;
  const service = await startService({
    settings: { ...settings, port, bootstrap: { ...settings.bootstrap, program, programMode: 'test' } },
    logger: QUIET,
  });
  const { url } = service;
  if (clientId && clientSecret) return { url, clientId, clientSecret, stop: () => service.stop() };
  const access = service.app.get(AccessService);
  const made = await access.createClient(
    { programName: program, clientId: `${program}-${randomBytes(4).toString('hex')}`, scopes: ['decisions'] },
    COMMAND,
  );
  return {
    url,
    clientId: made.clientId,
    clientSecret: made.secret,
    async stop() {
      await access.revokeClient(made.clientId, COMMAND);
      await service.stop();
    },
  };
}
