/** The service from start to stop: what `main.ts`, the demo and the tests run. */
import 'reflect-metadata';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type INestApplication, Logger as NestLogger, type LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { SwaggerModule } from '@nestjs/swagger';
import type { Logger } from 'pino';
import { AccessService } from './access/access.service.js';
import { type Bootstrapped, bootstrap } from './access/bootstrap.js';
import { AppModule } from './app.module.js';
import type { Settings } from './config/settings.types.js';
import { createHttpAdapter } from './platform/http/http-server.js';
import { installMethodNotAllowed } from './platform/http/method-not-allowed.js';
import { openApiDocument } from './platform/http/openapi.js';
import { ProblemFilter } from './platform/http/problem.filter.js';
import { openPlatform, type Platform } from './platform/open-platform.js';
import { readPolicyFile } from './policy/policy-file.js';

export interface Service {
  app: NestFastifyApplication;
  platform: Platform;
  /** Where it answers on this host. */
  url: string;
  bootstrapped: Bootstrapped;
  /** Takes nothing new, answers what is under way, and closes all that was opened. */
  stop(): Promise<void>;
}

export interface ServiceOptions {
  settings: Settings;
  logger: Logger;
  onLost?: (sentence: string) => void;
}

/** Opens the record, makes what is missing, and listens. Throws errors whose message is a sentence for operators. */
export async function startService({ settings, logger, onLost }: ServiceOptions): Promise<Service> {
  // a policy that is wrong ends the start before anything is opened
  const policyText = await readPolicyFile(settings.policyFile);
  const platform = await openPlatform({ settings, purpose: 'serve', logger, onLost });
  let app: NestFastifyApplication | undefined;
  try {
    app = await createApp(platform);
    const bootstrapped = await bootstrap(app.get(AccessService), settings.bootstrap, async () => policyText);
    await app.listen(settings.port, settings.host);
    const internal = settings.internalPort === undefined ? undefined : await listenInside(app, settings);
    const { port } = app.getHttpServer().address() as AddressInfo;
    return serviceOf(app, platform, { port, bootstrapped, internal });
  } catch (error) {
    // its sweep would go on, on a record that is closed, and keep a command from ending
    await app?.close().catch(() => undefined);
    await platform.close();
    throw error;
  }
}

interface Listening {
  port: number;
  bootstrapped: Bootstrapped;
  internal?: Server;
}

function serviceOf(
  app: NestFastifyApplication,
  platform: Platform,
  { port, bootstrapped, internal }: Listening,
): Service {
  return {
    app,
    platform,
    url: `http://${reachableHost(platform.settings.host)}:${port}`,
    bootstrapped,
    async stop() {
      internal?.close();
      await app.close();
      await platform.close();
    },
  };
}

/** All addresses of this host are no address to go to; IPv6 stands in brackets in a URL (RFC 3986 §3.2.2). */
function reachableHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

/** The application on an opened platform, not yet listening. */
export async function createApp(platform: Platform): Promise<NestFastifyApplication> {
  const { settings, logger, metrics } = platform;
  let access: AccessService | undefined;
  const adapter = createHttpAdapter({
    logger,
    metrics,
    authenticate: (authorization) => (access as AccessService).authenticate(authorization),
    trustedProxies: settings.trustedProxies,
    secure: settings.publicUrl.startsWith('https:'),
    internalPort: settings.internalPort,
  });
  installMethodNotAllowed(adapter.getInstance());
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.on(platform), adapter, {
    bodyParser: false,
    logger: nestLogger(logger),
    abortOnError: false,
  });
  access = app.get(AccessService);
  app.useGlobalFilters(new ProblemFilter());
  await serveDocs(app);
  return app;
}

async function serveDocs(app: INestApplication): Promise<void> {
  const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  SwaggerModule.setup('docs', app, openApiDocument(app, version), {
    jsonDocumentUrl: 'openapi.json',
    raw: ['json'],
    customSiteTitle: 'Pointguard API',
  });
}

/** A second door for metrics and docs; what may pass it is decided by the hook that sees the port. */
async function listenInside(app: NestFastifyApplication, { internalPort, host }: Settings): Promise<Server> {
  const fastify = app.getHttpAdapter().getInstance();
  const server = createServer((request, response) => fastify.routing(request, response));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(internalPort, host, resolve);
  });
  return server;
}

/** Nest's own lines: its warnings and errors are the service's, its start-up chatter is for debugging. */
function nestLogger(logger: Logger): LoggerService {
  const text = (message: unknown) => (message instanceof Error ? message.message : String(message));
  return {
    log: (message) => logger.debug(text(message)),
    debug: (message) => logger.trace(text(message)),
    verbose: (message) => logger.trace(text(message)),
    warn: (message) => logger.warn(text(message)),
    error: (message) => logger.error(text(message)),
    fatal: (message) => logger.fatal(text(message)),
  };
}

NestLogger.overrideLogger(false);
