/** Bytes that are no HTTP, or do not come in time: answered plainly, and the socket closed. */
import { randomBytes } from 'node:crypto';
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { ServiceError } from '../../kernel/errors.js';
import { problemOf } from './problem.filter.js';

/** Requests of a socket that are not answered yet. */
const underWay = new WeakMap<Socket, Set<IncomingMessage>>();

/** Keeps what `answerClientError` has to know: which answers a socket still waits for. */
export function trackAnswers(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', async ({ raw }) => {
    const requests = underWay.get(raw.socket) ?? new Set();
    underWay.set(raw.socket, requests.add(raw));
  });
  fastify.addHook('onResponse', async ({ raw }) => {
    underWay.get(raw.socket)?.delete(raw);
  });
}

const freshTraceId = (): string => randomBytes(16).toString('hex');

/**
 * Behind a pipelined request that is whole but not answered, our 400 would be taken for its answer, and a decision that
 * was made for one that was refused: then the socket ends without a word.
 */
export function answerClientError({ code }: NodeJS.ErrnoException, socket: Socket): void {
  const awaitsAnother = [...(underWay.get(socket) ?? [])].some(({ complete }) => complete);
  if (code === 'ECONNRESET' || !socket.writable || awaitsAnother) return void socket.destroy();
  const error =
    code === 'HPE_HEADER_OVERFLOW'
      ? new ServiceError('request.headers_too_large', 'The request headers are too large.')
      : new ServiceError('request.malformed', 'The request cannot be read.');
  const problem = problemOf(error, freshTraceId());
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
