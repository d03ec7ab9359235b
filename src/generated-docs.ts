/** The documents that are made from code, by their path: `scripts/docs.mjs` writes them, a test and the check compare. */
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { AppModule } from './app.module.js';
import { configurationMarkdown } from './config/configuration-markdown.js';
import { reasonCodesMarkdown } from './decision/core/reason-codes-markdown.js';
import { errorCodesMarkdown } from './kernel/error-codes-markdown.js';
import type { Platform } from './platform/open-platform.js';
import { openApiDocument } from './platform/http/openapi.js';
import { routesMarkdown } from './platform/http/routes-markdown.js';
import { policyJsonSchema } from './policy/core/policy-json-schema.js';
import { policyMarkdown } from './policy/core/policy-markdown.js';

/** @param version of the package, as the service shows it */
export async function generatedDocs(version: string): Promise<Record<string, string>> {
  // a preview has all controllers and makes no provider, so that it needs no record
  const app = await NestFactory.create(AppModule.on({} as Platform), new FastifyAdapter(), {
    preview: true,
    logger: false,
  });
  const document = openApiDocument(app, version);
  return {
    'docs/configuration.md': configurationMarkdown(),
    'docs/error-codes.md': errorCodesMarkdown(),
    'docs/openapi.json': `${JSON.stringify(document, null, 2)}\n`,
    'docs/policy.md': policyMarkdown(),
    'docs/reason-codes.md': reasonCodesMarkdown(),
    'docs/routes.md': routesMarkdown(document),
    'policies/policy.schema.json': policyJsonSchema(),
  };
}
