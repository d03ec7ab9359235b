/** The HTTP surface that all modules share: parsing, limits, trace ids, headers, log and metrics of requests. */
import { randomBytes } from 'node:crypto';
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, LogController } from 'fastify';
import type { Logger } from 'pino';
import { ServiceError } from '../../kernel/errors.js';
import type { Metrics } from '../telemetry/metrics.js';
import { type Authenticate, installAccessHook } from './access.hook.js';
import { problemOf, sendProblem, serviceErrorOf } from './problem.filter.js';
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
const freshTraceId = (): string => randomBytes(16).toString('hex');
function traceIdOf(request: IncomingMessage): string {
  const sent = request.headers.traceparent;
  return (typeof sent === 'string' && TRACEPARENT.exec(sent)?.[1]) || freshTraceId();
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
    connectionTimeout: 30_000,
    keepAliveTimeout: 72_000,
    forceCloseConnections: 'idle',
    // while it closes, what still arrives on an open connection is answered, and the connection ends
    return503OnClosing: false,
    maxHeaderSize: 16_384,
    routerOptions: { maxParamLength: 256, ignoreTrailingSlash: false },
    clientErrorHandler,
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) =>
      sendProblem(serviceErrorOf(error), request, reply),
  } as never);
  const fastify = adapter.getInstance() as unknown as FastifyInstance;
  installParsers(fastify);
  installHeaders(fastify, options);
  installAccessHook(fastify, options.authenticate);
  installTelemetry(fastify, options);
  return adapter;
}

/** Bytes that are no HTTP, or do not come in time: answered plainly, the socket closed. */
function clientErrorHandler({ code }: NodeJS.ErrnoException, socket: Socket): void {
  if (code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const large = code === 'HPE_HEADER_OVERFLOW';
  const detail = large ? 'The request headers are too large.' : 'The request cannot be read.';
  const problem = problemOf(
    new ServiceError(large ? 'request.headers_too_large' : 'request.malformed', detail),
    freshTraceId(),
  );
  const body = JSON.stringify(problem);
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    'connection: close',
    'content-type: application/problem+json',
    'x-content-type-options: nosniff',
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

/** JSON in UTF-8 everywhere; forms for the token endpoint alone; nothing else. */
function installParsers(fastify: FastifyInstance): void {
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
    reply.header('x-content-type-options', 'nosniff');
    reply.header('referrer-policy', 'no-referrer');
    if (secure) reply.header('strict-transport-security', 'max-age=31536000; includeSubDomains');
    // the route, not the text of the path: `/%6detrics` and `http://host/metrics` are `/metrics` to the router
    const path = request.routeOptions.url ?? request.url.split('?', 1)[0] ?? '';
    const isDocs = path === '/docs' || path.startsWith('/docs/');
    reply.header('content-security-policy', isDocs ? DOCS_POLICY : API_POLICY);
    if (path.startsWith('/v1/')) reply.header('cache-control', 'no-store');
    if (internalPort !== undefined) keepInside(request, path, isDocs, internalPort);
  });
}

const API_POLICY = "default-src 'none'; frame-ancestors 'none'";
/** Swagger UI sets styles by script; everything it loads is ours. */
const DOCS_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/** With an internal port, docs and metrics answer there only, and it answers nothing but them and health. */
function keepInside(request: FastifyRequest, path: string, isDocs: boolean, internalPort: number): void {
  const inside = request.socket.localPort === internalPort;
  const internal = isDocs || path === '/metrics';
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
