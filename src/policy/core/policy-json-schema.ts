import { z } from 'zod';
import { policyDocument } from './document.schema.js';

/** What of a JSON Schema the documentation reads. */
export interface JsonSchema {
  description?: string;
  default?: unknown;
  type?: string;
  enum?: readonly string[];
  const?: unknown;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  properties?: Readonly<Record<string, JsonSchema>>;
  required?: readonly string[];
  items?: JsonSchema;
}

/** JSON Schema (2020-12) of a policy document as it is written. */
export const policySchema = (): JsonSchema =>
  z.toJSONSchema(policyDocument, { target: 'draft-2020-12', io: 'input' }) as JsonSchema;

/**
 * `policies/policy.schema.json`: for editors, which complete and check by it. It says what a schema can; that ids are
 * unique, that keys go together and what conditions say is checked by `pointguard policy validate` and by the service.
 */
export const policyJsonSchema = (): string =>
  `${JSON.stringify({ title: 'Pointguard policy', ...policySchema() }, null, 2)}\n`;
