/**
 * The token request of RFC 6749 §4.4 (client credentials), as data. A client authenticates by Basic (§2.3.1) or in the
 * form, never by both; a parameter is there once or not at all (§3.2), and an empty one is not there.
 */

/** RFC 6749 §5.2, and `temporarily_unavailable` of §4.1.2.1 for what passes. */
export type TokenErrorCode =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_scope'
  | 'unsupported_grant_type'
  | 'temporarily_unavailable';

export interface TokenRefusal {
  error: TokenErrorCode;
  description: string;
}

export interface TokenRequest {
  clientId: string;
  secret: string;
  /** Scopes asked for; undefined: all that the client has. */
  scopes?: readonly string[];
}

export const refusal = (error: TokenErrorCode, description: string): TokenRefusal => ({ error, description });
export const isTokenRefusal = (value: object): value is TokenRefusal => 'error' in value;

interface Credentials {
  clientId: string;
  secret: string;
}

/** Reads the request, or says what is wrong with it. Nothing of what was sent comes back in the description. */
export function readTokenRequest(
  form: URLSearchParams,
  authorization: string | undefined,
): TokenRequest | TokenRefusal {
  const names = [...form.keys()];
  if (new Set(names).size < names.length) return refusal('invalid_request', 'A parameter is there more than once.');
  const parameter = (name: string) => form.get(name) || undefined;

  const grant = parameter('grant_type');
  if (grant === undefined) return refusal('invalid_request', 'grant_type is missing.');
  if (grant !== 'client_credentials') {
    return refusal('unsupported_grant_type', 'The only grant type is client_credentials.');
  }
  const credentials =
    authorization === undefined
      ? formCredentials(parameter('client_id'), parameter('client_secret'))
      : headerCredentials(authorization, parameter('client_id'), parameter('client_secret'));
  if (isTokenRefusal(credentials)) return credentials;
  return {
    ...credentials,
    scopes: parameter('scope')
      ?.split(' ')
      .filter((scope) => scope !== ''),
  };
}

const formCredentials = (clientId: string | undefined, secret: string | undefined): Credentials | TokenRefusal =>
  clientId !== undefined && secret !== undefined
    ? { clientId, secret }
    : refusal('invalid_client', 'The client is not authenticated.');

function headerCredentials(
  authorization: string,
  formId: string | undefined,
  formSecret: string | undefined,
): Credentials | TokenRefusal {
  if (formSecret !== undefined) return refusal('invalid_request', 'The client authenticates in two ways at once.');
  const credentials = basicCredentials(authorization);
  if (!credentials) return refusal('invalid_client', 'The client is not authenticated.');
  if (formId !== undefined && formId !== credentials.clientId) {
    return refusal('invalid_request', 'client_id is another than in the Authorization header.');
  }
  return credentials;
}

/**
 * RFC 6749 has both halves form-encoded before Basic; many clients do not. Ids and secrets of ours hold neither `%` nor
 * a space, so decoding the percents, and leaving `+` alone, reads both kinds right.
 */
function basicCredentials(authorization: string): Credentials | undefined {
  const encoded = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization)?.[1];
  if (encoded === undefined) return undefined;
  const [, id, secret] = /^([^:]*):(.*)$/s.exec(Buffer.from(encoded, 'base64').toString('utf8')) ?? [];
  if (id === undefined || secret === undefined) return undefined;
  try {
    return { clientId: decodeURIComponent(id), secret: decodeURIComponent(secret) };
  } catch {
    return undefined;
  }
}
