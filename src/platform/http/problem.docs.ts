import { jsonSchemaOf } from './validator.js';
import { problem } from './wire.schema.js';

const { id: _, ...schema } = jsonSchemaOf(problem, 'output');

/** How OpenAPI describes an error answer. */
export const problemAnswer = (description: string) => ({
  description,
  content: { 'application/problem+json': { schema: schema as never } },
});
