import pino, { type Logger } from 'pino';

/**
 * JSON lines for people who run the service. What is logged is chosen field by field: no body, no header, no address, no
 * id of a member, no URL (ids are in it), no secret. Request lines carry the route's pattern and the trace id.
 */
export function createLogger(level: string, fd = 1): { logger: Logger; flush: () => void } {
  // synchronous: of an asynchronous write that is under way nobody can wait, and the last lines before an end are those that matter
  const destination = pino.destination({ fd, sync: true });
  const logger = pino(
    { level, base: undefined, timestamp: pino.stdTimeFunctions.isoTime, serializers: { err: safeError } },
    destination,
  );
  return { logger, flush: () => destination.flushSync() };
}

/** An error without what a driver puts into it: the detail of a PostgreSQL error holds the row's values. */
function safeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: 'not an error' };
  const { code } = error as { code?: unknown };
  return {
    type: error.name,
    ...(typeof code === 'string' && { code }),
    message: firstLine(error.message),
    // frames only: a message of several lines goes on into the stack
    stack: error.stack
      ?.split('\n')
      .filter((line) => line.startsWith('    at '))
      .slice(0, 7)
      .join('\n'),
    ...(error.cause !== undefined && { cause: safeError(error.cause) }),
  };
}

/** Quoted values may be what a caller sent. */
const firstLine = (message: string): string =>
  (message.split('\n', 1)[0] ?? '').replace(/"[^"]{0,200}"/g, '"…"').slice(0, 300);
