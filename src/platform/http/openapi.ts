import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { z } from 'zod';
import { problemAnswer } from './problem.docs.js';
import { problem } from './wire.schema.js';

type Json = Record<string, unknown>;
type Components = NonNullable<NonNullable<OpenAPIObject['components']>['schemas']>;

const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);

/** OpenAPI 3.1 from the same zod schemas that validate; the default converter leaves 3.0 keywords behind. */
const convert = (schema: unknown, { schemaType }: { schemaType: 'input' | 'output' }) => {
  if (!(schema instanceof z.ZodType)) return undefined;
  const { $schema: _, $defs = {}, id, ...json } = jsonSchema(schema, schemaType);
  const components = Object.fromEntries(
    Object.entries($defs).map(([name, definition]) => [name, withoutId(definition)]),
  );
  if (typeof id !== 'string') return { schema: upward(json), components: upward(components) };
  return { schema: { $ref: `#/components/schemas/${id}` }, components: upward({ ...components, [id]: json }) };
};

/**
 * Answers gain fields without a new version, so their schemas are open; those of requests are closed. Examples stand
 * with the body (`JsonBody`): Swagger would turn those of a schema into the `example` of OpenAPI 3.0.
 */
const jsonSchema = (schema: z.ZodType, io: 'input' | 'output'): Json & { $defs?: Json } =>
  z.toJSONSchema(schema, {
    target: 'draft-2020-12',
    io,
    unrepresentable: 'any',
    override: ({ jsonSchema: made }) => {
      delete made.examples;
      // zod says of every integer that it is a safe one
      if (made.minimum === Number.MIN_SAFE_INTEGER) delete made.minimum;
      if (made.maximum === Number.MAX_SAFE_INTEGER) delete made.maximum;
      if (io === 'output' && made.additionalProperties === false) delete made.additionalProperties;
    },
  });

const withoutId = (definition: unknown): unknown => {
  const { id: _, ...rest } = definition as Json;
  return rest;
};

/** `#/$defs/X` of a lone schema is `#/components/schemas/X` of the document. */
const upward = <T>(value: T): T =>
  JSON.parse(JSON.stringify(value).replaceAll('"#/$defs/', '"#/components/schemas/')) as T;

/** What any call may be answered beside what its controller says, by what it has. */
const COMMON_ANSWERS: readonly { status: string; codes: string; where: (operation: Json) => boolean }[] = [
  { status: '400', codes: 'request.malformed', where: hasBody },
  { status: '401', codes: 'auth.token', where: () => true },
  { status: '403', codes: 'auth.scope', where: () => true },
  { status: '413', codes: 'request.too_large', where: hasBody },
  { status: '415', codes: 'request.media_type', where: hasBody },
  { status: '422', codes: 'request.invalid', where: () => true },
  { status: '503', codes: 'record.unavailable, service.overloaded', where: () => true },
];

function hasBody(operation: Json): boolean {
  return 'requestBody' in operation;
}

/** Declares the common errors of every call that needs a token. */
function withCommonAnswers(document: OpenAPIObject): OpenAPIObject {
  for (const path of Object.values(document.paths)) {
    for (const operation of Object.values(path).filter(isJson)) {
      if (!('x-scope' in operation) || !isJson(operation.responses)) continue;
      const common = COMMON_ANSWERS.filter(({ where }) => where(operation));
      const answers = common.map(({ status, codes }) => [status, problemAnswer(codes)]);
      operation.responses = { ...Object.fromEntries(answers), ...operation.responses };
    }
  }
  return document;
}

export function openApiDocument(app: INestApplication, version: string): OpenAPIObject {
  const config = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Pointguard')
    .setDescription('Fraud decisions in front of a loyalty points ledger: ask before points move.')
    .setVersion(version)
    .setLicense('Apache-2.0', 'https://www.apache.org/licenses/LICENSE-2.0')
    .addBearerAuth(
      { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'From POST /oauth/token' },
      'clientToken',
    )
    .build();
  const document = SwaggerModule.createDocument(app, config, {
    standardSchemaConverter: convert,
    operationIdFactory: (_controller, method) => method,
  });
  const { components } = convert(problem, { schemaType: 'output' }) as { components: Components };
  document.components = { ...document.components, schemas: { ...document.components?.schemas, ...components } };
  return withCommonAnswers(document);
}
