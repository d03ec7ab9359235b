import type { FastifyInstance } from 'fastify';
import { ServiceError } from '../../kernel/errors.js';

interface KnownRoute {
  pattern: RegExp;
  methods: Set<string>;
}

/** A path that is known under another method answers 405 with `Allow` (RFC 9110 §15.5.6), not 404. */
export function installMethodNotAllowed(fastify: FastifyInstance): void {
  const routes = new Map<string, KnownRoute>();
  fastify.addHook('onRoute', ({ url, method }) => {
    let known = routes.get(url);
    if (!known) {
      const source = url
        .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
        .replaceAll(/:[^/]+/g, '[^/]+')
        .replaceAll('*', '.*');
      known = { pattern: new RegExp(`^${source}$`), methods: new Set() };
      routes.set(url, known);
    }
    for (const name of [method].flat()) known.methods.add(name);
  });
  fastify.addHook('onRequest', async (request, reply) => {
    if (!request.is404) return;
    const path = request.url.split('?', 1)[0] ?? '';
    const allowed = [...routes.values()]
      .filter(({ pattern }) => pattern.test(path))
      .flatMap(({ methods }) => [...methods]);
    if (allowed.length === 0) return;
    reply.header('allow', [...new Set(allowed)].join(', '));
    throw new ServiceError('request.method', 'The method is not allowed here.');
  });
}
