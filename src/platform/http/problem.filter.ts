import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ERROR_KINDS, ERRORS, type ErrorCode, ServiceError } from '../../kernel/errors.js';

/** Errors of the framework, by HTTP status. */
const BY_STATUS: Record<number, ErrorCode> = {
  403: 'route.not_found', // files outside those of the docs
  404: 'route.not_found',
  405: 'request.method',
  413: 'request.too_large',
  414: 'request.too_large',
  415: 'request.media_type',
  431: 'request.headers_too_large',
};

/** What the framework blames on the caller is never ours. */
const codeOf = (status: number): ErrorCode | undefined =>
  BY_STATUS[status] ?? (status >= 400 && status < 500 ? 'request.malformed' : undefined);

/** What went wrong, as a ServiceError; whatever is not known is ours and tells nothing. */
export function serviceErrorOf(error: unknown): ServiceError {
  if (error instanceof ServiceError) return error;
  const status =
    error instanceof HttpException ? error.getStatus() : (error as { statusCode?: unknown } | null)?.statusCode;
  const code = typeof status === 'number' ? codeOf(status) : undefined;
  if (code) return new ServiceError(code, `${ERRORS[code].title}.`, {}, error);
  return new ServiceError('internal.error', 'Something went wrong on our side.', {}, error);
}

/** RFC 9457. `traceId` finds the log lines of the request. */
export function problemOf({ code, detail, extra }: ServiceError, traceId: string) {
  const { kind, title } = ERRORS[code];
  const { errors, decisionStatus } = extra;
  return {
    type: `https://pointguard.dev/errors/${code}`,
    title,
    status: ERROR_KINDS[kind].http as number,
    detail,
    code,
    traceId,
    ...(errors && { errors }),
    ...(decisionStatus && { decisionStatus }),
  };
}

/** Every error that reaches the surface, the framework's own included, becomes one kind of answer. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    sendProblem(serviceErrorOf(error), request, reply);
  }
}

export function sendProblem(error: ServiceError, request: FastifyRequest, reply: FastifyReply): void {
  const problem = problemOf(error, request.id);
  if (problem.status >= 500) request.log.error({ traceId: request.id, err: error }, 'request failed');
  if (problem.status === 401) void reply.header('www-authenticate', 'Bearer');
  if (error.extra.retryAfterSeconds !== undefined)
    void reply.header('retry-after', String(error.extra.retryAfterSeconds));
  // as bytes: to a text Fastify would add a charset, which application/problem+json does not have (RFC 9457 §6.1)
  const body = Buffer.from(JSON.stringify(problem));
  void reply.code(problem.status).header('content-type', 'application/problem+json').send(body);
}
