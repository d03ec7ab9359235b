import { ApiBody, type ApiBodyOptions } from '@nestjs/swagger';
import type { z } from 'zod';

/**
 * A JSON body in OpenAPI: the schema that validates it, by its name, and the examples of its `meta`. Swagger reads
 * `standardSchema` of a body as it does of an answer, but its types do not say so.
 */
export function JsonBody(schema: z.ZodType, { required = true } = {}): MethodDecorator {
  const values = (schema.meta()?.examples ?? []) as unknown[];
  const examples = Object.fromEntries(values.map((value, index) => [`example ${index + 1}`, { value }]));
  return ApiBody({ standardSchema: schema, required, ...(values.length > 0 && { examples }) } as ApiBodyOptions);
}
