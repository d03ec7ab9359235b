import { loadSettings } from './config/settings.js';
import { createLogger } from './platform/telemetry/logger.js';
import { type Service, startService } from './service.js';

/** After so long what is still under way is given up, so that an operator’s SIGKILL never has to come. */
const DRAIN_MS = 20_000;

/** Runs the service until SIGTERM or Ctrl-C. A start that cannot succeed ends with its sentence and status 1. */
export async function serve(env: NodeJS.ProcessEnv = process.env): Promise<void> {
  let stopping = false;
  let starting: Promise<Service> | undefined;
  try {
    const settings = loadSettings(env);
    const { logger, flush } = createLogger(settings.logLevel);
    const end = (status: number) => {
      flush();
      process.exit(status);
    };
    const stop = async (why: string, status: number) => {
      if (stopping) return;
      stopping = true;
      logger.info({ why }, 'stopping');
      setTimeout(() => end(1), DRAIN_MS).unref();
      // told to end while it starts, it starts first: an embedded PostgreSQL would otherwise go on without us
      const service = await starting?.catch(() => undefined);
      await service?.stop().catch((error: unknown) => logger.error({ err: error }, 'not stopped cleanly'));
      end(status);
    };
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop(signal, 0));
    process.on('uncaughtException', (error) => {
      logger.fatal({ err: error }, 'uncaught');
      void stop('uncaught exception', 1);
    });
    starting = startService({
      settings,
      logger,
      onLost: (sentence) => {
        logger.fatal(sentence);
        void stop('the record is lost', 1);
      },
    });
    const service = await starting;
    announce(service);
    logger.info({ url: service.url }, 'serving');
  } catch (error) {
    process.stderr.write(`${sentenceOf(error)}\n`);
    process.exit(1);
  }
}

/** What an operator needs once: where it answers, and secrets that were made just now. */
function announce({ url, bootstrapped }: Service): void {
  const { madeClient } = bootstrapped;
  const lines = [`Pointguard answers at ${url} (docs at ${url}/docs).`];
  if (madeClient?.generatedSecret) {
    lines.push(
      `Client ${madeClient.clientId} of program ${madeClient.programName}, secret ${madeClient.generatedSecret} (shown once).`,
    );
  }
  process.stderr.write(`${lines.join('\n')}\n`);
}

/** Errors that are made for operators carry their sentence; of any other the first line must do. */
export function sentenceOf(error: unknown): string {
  if (!(error instanceof Error)) return 'The service could not start.';
  const { code, port } = error as NodeJS.ErrnoException & { port?: number };
  if (code === 'EADDRINUSE') return `Port ${port} is in use; set PORT to another one.`;
  if (code === 'EACCES' && port) return `Port ${port} may not be used by this user; set PORT to one above 1023.`;
  return error.message;
}
