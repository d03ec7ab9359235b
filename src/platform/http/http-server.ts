/** The HTTP surface that all modules share: parsing, limits, trace ids, headers, log and metrics of requests. */
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, LogController } from 'fastify';
import type { Logger } from 'pino';
import { ServiceError } from '../../kernel/errors.js';
import { randomBytes } from '../../kernel/random.js';
import type { Metrics } from '../telemetry/metrics.js';
import { type Authenticate, installAccessHook } from './access.hook.js';
import { answerClientError, trackAnswers } from './client-error.js';
import { sendProblem, serviceErrorOf } from './problem.filter.js';
import { parseStrictJson } from './strict-json.js';

const BODY_BYTES = 64 * 1024;

export interface HttpOptions {
  logger: Logger;
  metrics: Metrics;
  authenticate: Authenticate;
  /** Addresses or networks whose X-Forwarded-For counts. */
  trustedProxies: readonly string[];
  secure: boolean;
  /** Where set, metrics and docs answer on this port only. */
  internalPort?: number;
}

/** W3C trace context (§3.2.2.3: ids of zeros alone are invalid), where the caller sends one; else a fresh trace id. */
const TRACEPARENT = /^00-((?!0{32})[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
function traceIdOf(request: IncomingMessage): string {
  const sent = request.headers.traceparent;
  return (typeof sent === 'string' && TRACEPARENT.exec(sent)?.[1]) || randomBytes(16).toString('hex');
}

export function createHttpAdapter(options: HttpOptions): FastifyAdapter {
  const adapter = new FastifyAdapter({
    bodyLimit: BODY_BYTES,
    trustProxy: options.trustedProxies.length > 0 ? [...options.trustedProxies] : false,
    genReqId: traceIdOf as never,
    requestIdHeader: false,
    loggerInstance: options.logger as never,
    logController: new LogController({ disableRequestLogging: true }),
    requestTimeout: 15_000,
    // Node looks at its time-outs every 30 s by default, which would make 15 s up to 45
    http: { maxHeaderSize: 16_384, headersTimeout: 10_000, requestTimeout: 15_000, connectionsCheckingInterval: 2_000 },
    connectionTimeout: 30_000,
    keepAliveTimeout: 72_000,
    forceCloseConnections: 'idle',
    // while it closes, what still arrives on an open connection is answered, and the connection ends
    return503OnClosing: false,
    routerOptions: { maxParamLength: 256, ignoreTrailingSlash: false },
    clientErrorHandler: answerClientError,
    // what fails before a route is found meets no hook
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) => {
      setHeaders(request.url, reply, options.secure);
      sendProblem(serviceErrorOf(error), request, reply);
    },
  } as never);
  const fastify = adapter.getInstance();
  trackAnswers(fastify);
  // before all that may refuse: a refusal has the headers too
  installHeaders(fastify, options);
  installParsers(fastify);
  installAccessHook(fastify, options.authenticate);
  installTelemetry(fastify, options);
  return adapter;
}

/** Two readers of such a request may read two things: HTTP/0.9, and headers that stand once (RFC 9112 §3.2) but come twice. */
const ONCE = new Set(['host', 'authorization', 'content-type']);
function refuseAmbiguity({ httpVersionMajor, rawHeaders }: IncomingMessage): void {
  const met = new Set<string>();
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] as string).toLowerCase();
    if (!ONCE.has(name)) continue;
    if (met.has(name)) throw new ServiceError('request.malformed', 'A header that may stand once stands twice.');
    met.add(name);
  }
  if (httpVersionMajor < 1) throw new ServiceError('request.malformed', 'The version of HTTP is not supported.');
}

/** JSON in UTF-8 everywhere; forms for the token endpoint alone; nothing else, and nothing compressed (RFC 9110 §8.4). */
function installParsers(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', async ({ raw, headers }) => {
    refuseAmbiguity(raw);
    const coding = headers['content-encoding'];
    if (coding === undefined || coding === 'identity') return;
    throw new ServiceError('request.media_type', 'A body with a Content-Encoding is not supported.');
  });
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser(
    /^application\/json(;\s*charset="?utf-8"?)?\s*$/i,
    { parseAs: 'buffer' },
    (_request, body, done) => {
      try {
        done(null, body.length === 0 ? undefined : parseStrictJson(body as Buffer));
      } catch (error) {
        done(error as Error);
      }
    },
  );
  fastify.addHook('onRoute', (route) => {
    route.bodyLimit = route.config?.bodyBytes ?? route.bodyLimit;
  });
  fastify.addContentTypeParser(
    /^application\/yaml(;\s*charset="?utf-8"?)?\s*$/i,
    { parseAs: 'buffer' },
    (request, body, done) => {
      if (!request.routeOptions.config.yaml) {
        return done(new ServiceError('request.media_type', 'The media type is not supported; send application/json.'));
      }
      if (!isUtf8(body as Buffer)) return done(new ServiceError('request.malformed', 'The body is not UTF-8.'));
      done(null, body.toString('utf8'));
    },
  );
  fastify.addContentTypeParser(
    /^application\/x-www-form-urlencoded(;\s*charset="?utf-8"?)?\s*$/i,
    { parseAs: 'string', bodyLimit: 8 * 1024 },
    (request, body, done) => {
      if (request.routeOptions.url === '/oauth/token') return done(null, new URLSearchParams(body as string));
      done(new ServiceError('request.media_type', 'The media type is not supported; send application/json.'));
    },
  );
}

function installHeaders(fastify: FastifyInstance, { secure, internalPort }: HttpOptions): void {
  fastify.addHook('onRequest', async (request, reply) => {
    // the route, not the text of the path: `/%6detrics` and `http://host/metrics` are `/metrics` to the router
    const path = request.routeOptions.url ?? request.url.split('?', 1)[0] ?? '';
    setHeaders(path, reply, secure);
    if (internalPort !== undefined) keepInside(request, path, internalPort);
  });
}

const isDocs = (path: string): boolean => path === '/docs' || path.startsWith('/docs/');

function setHeaders(path: string, reply: FastifyReply, secure: boolean): void {
  reply.header('x-content-type-options', 'nosniff');
  reply.header('referrer-policy', 'no-referrer');
  if (secure) reply.header('strict-transport-security', 'max-age=31536000; includeSubDomains');
  reply.header('content-security-policy', isDocs(path) ? DOCS_POLICY : API_POLICY);
  if (path.startsWith('/v1/')) reply.header('cache-control', 'no-store');
}

const API_POLICY = "default-src 'none'; frame-ancestors 'none'";
/** Swagger UI sets styles by script; everything it loads is ours. */
const DOCS_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/** With an internal port, docs and metrics answer there only, and it answers nothing but them and health. */
function keepInside(request: FastifyRequest, path: string, internalPort: number): void {
  const inside = request.socket.localPort === internalPort;
  const internal = isDocs(path) || path === '/metrics';
  const both = path === '/livez' || path === '/readyz' || path === '/openapi.json';
  if (!both && inside !== internal) throw new ServiceError('route.not_found', 'There is no such route.');
}

function installTelemetry(fastify: FastifyInstance, { logger, metrics }: HttpOptions): void {
  fastify.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none';
    const seconds = reply.elapsedTime / 1000;
    metrics.httpSeconds.observe({ method: request.method, route, status: reply.statusCode }, seconds);
    logger.info({
      traceId: request.id,
      method: request.method,
      route,
      status: reply.statusCode,
      durationMs: Math.round(reply.elapsedTime * 10) / 10,
      client: request.caller?.clientId,
      program: request.caller?.program.name,
    });
  });
}
