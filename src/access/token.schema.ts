/** Wire schemas of `POST /oauth/token`, for its documentation; the names are RFC 6749's. */
import { z } from 'zod';

export const TOKEN_SCHEMA = z
  .object({
    access_token: z.string(),
    token_type: z.literal('Bearer'),
    expires_in: z.number().int().describe('Seconds'),
    scope: z.string().describe('What was granted, separated by spaces'),
  })
  .meta({ id: 'AccessToken' });

export const TOKEN_ERROR_SCHEMA = z
  .object({
    error: z.enum([
      'invalid_request',
      'invalid_client',
      'invalid_scope',
      'unsupported_grant_type',
      'temporarily_unavailable',
    ]),
    error_description: z.string(),
  })
  .meta({ id: 'TokenError' });

const text = (description: string) => ({ type: 'string', description });

/** A form, so that OpenAPI has it as a plain schema. */
export const TOKEN_REQUEST_SCHEMA = {
  type: 'object',
  required: ['grant_type'],
  properties: {
    grant_type: { type: 'string', enum: ['client_credentials'] },
    client_id: text('Where it is not in the Authorization header'),
    client_secret: text('Where it is not in the Authorization header'),
    scope: text('Some of the scopes of the client, separated by spaces; without it all of them'),
  },
};
