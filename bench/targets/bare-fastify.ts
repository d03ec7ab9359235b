/** The least that could be called a service: Fastify, the same schema compiled by the same Ajv, the same token check. */
import type { AddressInfo } from 'node:net';
import { Ajv2020 } from 'ajv/dist/2020.js';
import Fastify from 'fastify';
import { decisionRequest } from '../../src/decision/decision.schema.js';
import { jsonSchemaOf } from '../../src/platform/http/validator.js';
import { tellReady } from './ready.js';
import { tokenCheck } from './token.js';

export interface Request {
  transactionId: string;
  accountId: string;
}

/** Serves decisions by `decide`, and says so. */
export async function serveBare(decide: (request: Request) => Promise<object>): Promise<void> {
  const ajv = new Ajv2020({ allErrors: false, strict: false, validateFormats: false, ownProperties: true });
  const { token, passes } = tokenCheck();
  const fastify = Fastify();
  fastify.setValidatorCompiler(({ schema }) => ajv.compile(schema as object));
  fastify.addHook('onRequest', async (request, reply) => {
    if (!passes(request.headers.authorization)) return reply.code(401).send();
    return undefined;
  });
  fastify.post<{ Body: Request }>(
    '/v1/decisions',
    { schema: { body: jsonSchemaOf(decisionRequest) } },
    async (request, reply) => {
      const answer = await decide(request.body);
      return reply.code(201).header('content-type', 'application/json; charset=utf-8').send(JSON.stringify(answer));
    },
  );
  await fastify.listen({ port: 0, host: '127.0.0.1' });
  tellReady({ port: (fastify.server.address() as AddressInfo).port, token });
}
