import { applyDecorators } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiBearerAuth, ApiExtension } from '@nestjs/swagger';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ServiceError } from '../../kernel/errors.js';
import { covers } from '../../kernel/scope.js';

/** Who calls: a program's API client. */
export interface Caller {
  clientId: string;
  program: { programId: number; name: string; mode: 'live' | 'test' };
  scopes: ReadonlySet<string>;
}

export type Authenticate = (authorization: string | undefined) => Caller | Promise<Caller>;

declare module 'fastify' {
  interface FastifyRequest {
    caller?: Caller;
  }
  interface FastifyContextConfig {
    scope?: string;
    /** Most bytes of a body, where it may be larger than elsewhere. */
    bodyBytes?: number;
    /** Takes YAML, too: the body is its text. */
    yaml?: boolean;
  }
}

/** The scope that a route needs; a route below /v1 without one is refused at start. */
export const RequireScope = (scope: string, more: { bodyBytes?: number; yaml?: boolean } = {}) =>
  applyDecorators(RouteConfig({ scope, ...more }), ApiBearerAuth('clientToken'), ApiExtension('x-scope', scope));

/** Knows the caller before a body is read: what is not allowed costs no parsing. */
export function installAccessHook(fastify: FastifyInstance, authenticate: Authenticate): void {
  fastify.decorateRequest('caller', undefined);
  fastify.addHook('onRoute', ({ url, config }) => {
    if (url.startsWith('/v1/') && !config?.scope) throw new Error(`${url} says no scope`);
  });
  fastify.addHook('onRequest', async (request) => {
    const { scope } = request.routeOptions.config;
    if (!scope) return;
    const caller = await authenticate(request.headers.authorization);
    if (!covers(caller.scopes, scope)) throw new ServiceError('auth.scope', `The scope ${scope} is needed.`);
    request.caller = caller;
  });
}

/** The caller of a route that needs a scope. */
export function callerOf(request: FastifyRequest): Caller {
  if (!request.caller) throw new ServiceError('auth.token', 'A valid access token is needed.');
  return request.caller;
}
