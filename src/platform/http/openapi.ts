import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { z } from 'zod';

/** OpenAPI 3.1 from the same zod schemas that validate; the default converter leaves 3.0 keywords behind. */
const convert = (schema: unknown, { schemaType }: { schemaType: 'input' | 'output' }) => {
  if (!(schema instanceof z.ZodType)) return undefined;
  const {
    $schema: _,
    $defs,
    id,
    ...json
  } = z.toJSONSchema(schema, { target: 'draft-2020-12', io: schemaType, unrepresentable: 'any' }) as Record<
    string,
    unknown
  > & {
    $defs?: Record<string, unknown>;
    id?: string;
  };
  const components = Object.fromEntries(
    Object.entries($defs ?? {}).map(([name, definition]) => [name, withoutId(definition)]),
  );
  if (typeof id !== 'string') return { schema: upward(json), components: upward(components) };
  return { schema: { $ref: `#/components/schemas/${id}` }, components: upward({ ...components, [id]: json }) };
};

const withoutId = (definition: unknown): unknown => {
  const { id: _, ...rest } = definition as Record<string, unknown>;
  return rest;
};

/** `#/$defs/X` of a lone schema is `#/components/schemas/X` of the document. */
const upward = <T>(value: T): T =>
  JSON.parse(JSON.stringify(value).replaceAll('"#/$defs/', '"#/components/schemas/')) as T;

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
  return SwaggerModule.createDocument(app, config, {
    standardSchemaConverter: convert as never,
    operationIdFactory: (_controller, method) => method,
  });
}
