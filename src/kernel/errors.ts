/**
 * Errors of the service (RFC 9457). An outcome is data; an expected failure is a `Refusal` that core returns; a
 * `ServiceError` is what a surface turns into an answer. The public detail never carries the cause.
 */

/** Kind → HTTP status and gRPC code. The only place where either is chosen. */
export const ERROR_KINDS = {
  malformed: { http: 400, grpc: 3 },
  unauthenticated: { http: 401, grpc: 16 },
  forbidden: { http: 403, grpc: 7 },
  notFound: { http: 404, grpc: 5 },
  methodNotAllowed: { http: 405, grpc: 12 },
  conflict: { http: 409, grpc: 9 },
  tooLarge: { http: 413, grpc: 8 },
  mediaType: { http: 415, grpc: 3 },
  invalid: { http: 422, grpc: 3 },
  throttled: { http: 429, grpc: 8 },
  headersTooLarge: { http: 431, grpc: 3 },
  internal: { http: 500, grpc: 13 },
  unavailable: { http: 503, grpc: 14 },
} as const;
export type ErrorKind = keyof typeof ERROR_KINDS;

/** Every code that a client may see. `docs/error-codes.md` is generated from this table. */
export const ERRORS = {
  'request.malformed': { kind: 'malformed', title: 'The request cannot be read' },
  'request.invalid': { kind: 'invalid', title: 'The request does not fit the schema' },
  'request.too_large': { kind: 'tooLarge', title: 'The request is too large' },
  'request.headers_too_large': { kind: 'headersTooLarge', title: 'The request headers are too large' },
  'request.media_type': { kind: 'mediaType', title: 'The media type is not supported' },
  'request.method': { kind: 'methodNotAllowed', title: 'The method is not allowed here' },
  'route.not_found': { kind: 'notFound', title: 'There is no such route' },
  'auth.token': { kind: 'unauthenticated', title: 'A valid access token is needed' },
  'auth.scope': { kind: 'forbidden', title: 'The access token lacks a scope' },
  'decision.not_found': { kind: 'notFound', title: 'There is no such decision' },
  'decision.state': { kind: 'conflict', title: 'The state of the decision does not allow this' },
  'decision.points': { kind: 'invalid', title: 'More points than there are' },
  'decision.limit': { kind: 'conflict', title: 'There is no room within the limits' },
  'list.not_found': { kind: 'notFound', title: 'There is no such list entry' },
  'list.full': { kind: 'conflict', title: 'The lists of the program are full' },
  'policy.invalid': { kind: 'invalid', title: 'The policy document is wrong' },
  'policy.not_found': { kind: 'notFound', title: 'There is no such version of the policy' },
  'decision.unavailable': { kind: 'unavailable', title: 'A signal could not be read in time' },
  'idempotency.mismatch': { kind: 'invalid', title: 'The same id was used with other content' },
  'test.live_program': { kind: 'forbidden', title: 'Only a test program does this' },
  'test.clock_backwards': { kind: 'invalid', title: 'The clock of a program only goes forward' },
  'record.unavailable': { kind: 'unavailable', title: 'The record did not answer in time' },
  'service.overloaded': { kind: 'unavailable', title: 'Too much is waiting' },
  'internal.error': { kind: 'internal', title: 'Something went wrong on our side' },
} as const satisfies Record<string, { kind: ErrorKind; title: string }>;
export type ErrorCode = keyof typeof ERRORS;

/** A place in the request body that is wrong: an RFC 6901 pointer and a sentence; of a document its place in the text, too. */
export interface FieldError {
  pointer: string;
  message: string;
  /** From 1. */
  line?: number;
  /** From 1. */
  column?: number;
}

export interface ErrorExtra {
  errors?: FieldError[];
  decisionStatus?: string;
  retryAfterSeconds?: number;
}

/** An expected failure, as data: what a pure step answers instead of an effect. */
export interface Refusal {
  refused: ErrorCode;
  detail: string;
  extra?: ErrorExtra;
}

export const refuse = (refused: ErrorCode, detail: string, extra?: ErrorExtra): Refusal => ({ refused, detail, extra });

export const isRefusal = (value: unknown): value is Refusal =>
  typeof value === 'object' && value !== null && 'refused' in value;

/** A failure on its way to the caller. `cause` is for the log only. */
export class ServiceError extends Error {
  constructor(
    readonly code: ErrorCode,
    readonly detail: string,
    readonly extra: ErrorExtra = {},
    cause?: unknown,
  ) {
    super(`${code}: ${detail}`, { cause });
    this.name = 'ServiceError';
  }
}

/** Throws a refusal as the error that surfaces know; passes everything else on. */
export function unwrap<T>(value: T | Refusal): T {
  if (isRefusal(value)) throw new ServiceError(value.refused, value.detail, value.extra);
  return value;
}
