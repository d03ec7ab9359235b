/** Compiled validators for bodies: Ajv from the same zod schema that OpenAPI is made from. */
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import { z } from 'zod';
import { type FieldError, ServiceError } from '../../kernel/errors.js';

const ajv = new Ajv2020({ allErrors: false, strict: false, validateFormats: false, ownProperties: true });

export const jsonSchemaOf = (schema: z.ZodType, io: 'input' | 'output' = 'input'): Record<string, unknown> => {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { target: 'draft-2020-12', io, unrepresentable: 'any' });
  return json;
};

/** A sentence for a field; it repeats nothing that the caller sent. */
function messageOf(error: ErrorObject): string {
  const known = Object.keys((error.parentSchema?.properties as object | undefined) ?? {});
  switch (error.keyword) {
    case 'additionalProperties':
      return known.length > 0
        ? `has an unknown field; known are ${known.join(', ')}`
        : 'has an unknown field; none is known';
    case 'required':
      return 'is required';
    case 'enum':
      return `must be one of ${(error.params.allowedValues as string[]).join(', ')}`;
    case 'pattern':
      return 'does not have the form that is documented';
    default:
      return error.message ?? 'is not valid';
  }
}

const pointerOf = (error: ErrorObject): string =>
  error.keyword === 'required' ? `${error.instancePath}/${String(error.params.missingProperty)}` : error.instancePath;

export const invalid = (errors: FieldError[]): ServiceError =>
  new ServiceError('request.invalid', 'The request does not fit the schema; see errors.', { errors });

/**
 * A function that answers the body as its type, or throws `request.invalid` with pointers. An absent body is an empty
 * object to calls whose fields are all optional, and `request.malformed` to the others.
 */
export function bodyValidator<T>(schema: z.ZodType<T>): (body: unknown) => T {
  const validate = ajv.compile<T>(jsonSchemaOf(schema));
  const mayBeAbsent = validate({});
  return (body) => {
    if (body === undefined && !mayBeAbsent) throw new ServiceError('request.malformed', 'A JSON body is needed.');
    const value = body === undefined ? {} : body;
    if (validate(value)) return value;
    throw invalid((validate.errors ?? []).map((error) => ({ pointer: pointerOf(error), message: messageOf(error) })));
  };
}

/** The same for a query string, whose values are text: zod coerces and fills in defaults. */
export function queryValidator<T>(schema: z.ZodType<T>): (query: unknown) => T {
  return (query) => {
    const parsed = schema.safeParse(query);
    if (parsed.success) return parsed.data;
    throw invalid(
      parsed.error.issues.map((issue) => ({
        pointer: issue.code === 'unrecognized_keys' ? '' : issue.path.map((part) => `/${String(part)}`).join(''),
        message: issue.code === 'unrecognized_keys' ? 'an unknown query parameter' : 'is not valid',
      })),
    );
  };
}
