/**
 * One handler and one schema, hosted three ways: by Fastify alone, by Nest on Fastify, and by Nest behind our whole HTTP
 * surface (strict JSON, token and scope, headers, metrics, a log line).
 */
import 'reflect-metadata';
import type { AddressInfo } from 'node:net';
import { Controller, Module, Post, Req, Res } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify';
import type { DecisionRequest } from '../../src/decision/core/decision.js';
import { decisionRequest } from '../../src/decision/decision.schema.js';
import { RequireScope } from '../../src/platform/http/access.hook.js';
import { createHttpAdapter } from '../../src/platform/http/http-server.js';
import { bodyValidator } from '../../src/platform/http/validator.js';
import { createLogger } from '../../src/platform/telemetry/logger.js';
import { createMetrics } from '../../src/platform/telemetry/metrics.js';
import { argument, tellReady } from './ready.js';
import { tokenCheck } from './token.js';

export type Host = 'fastify' | 'nest' | 'surface';

const parse = bodyValidator<DecisionRequest>(decisionRequest);
const { token, passes } = tokenCheck();

function handle(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { transactionId, accountId, points } = parse(request.body);
  const answer = JSON.stringify({ transactionId, accountId, points, outcome: 'allow', reasons: [], limits: [] });
  return reply.code(201).header('content-type', 'application/json; charset=utf-8').send(answer);
}

@Controller('v1/decisions')
class HotController {
  @Post()
  @RequireScope('decisions')
  decide(@Req() request: FastifyRequest, @Res() reply: FastifyReply): FastifyReply {
    return handle(request, reply);
  }
}

@Module({ controllers: [HotController] })
class HotModule {}

async function listenNest(adapter: FastifyAdapter): Promise<number> {
  const app = await NestFactory.create<NestFastifyApplication>(HotModule, adapter, { logger: false });
  await app.listen(0, '127.0.0.1');
  return (app.getHttpServer().address() as AddressInfo).port;
}

const hosts: Record<Host, () => Promise<number>> = {
  async fastify() {
    const fastify = Fastify();
    fastify.post('/v1/decisions', async (request, reply) => handle(request, reply));
    await fastify.listen({ port: 0, host: '127.0.0.1' });
    return (fastify.server.address() as AddressInfo).port;
  },
  nest: () => listenNest(new FastifyAdapter()),
  surface: () =>
    listenNest(
      createHttpAdapter({
        logger: createLogger('info').logger,
        metrics: createMetrics(),
        authenticate: (authorization) => {
          if (!passes(authorization)) throw new Error('not our token');
          return {
            clientId: 'bench',
            program: { programId: 1, name: 'bench', mode: 'live' },
            scopes: new Set(['decisions']),
          };
        },
        trustedProxies: [],
        secure: false,
      }),
    ),
};

tellReady({ port: await hosts[(argument() as { host: Host }).host](), token });
