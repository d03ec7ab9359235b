import { describe, expect, test } from 'vitest';
import { readTokenRequest } from '../../../src/access/core/token-request.js';

const basic = (credentials: string): string => `Basic ${Buffer.from(credentials).toString('base64')}`;
const read = (form: string, authorization?: string) => readTokenRequest(new URLSearchParams(form), authorization);
const GRANT = 'grant_type=client_credentials';

describe('token request', () => {
  test('the secret in the form', () => {
    expect(read(`${GRANT}&client_id=demo&client_secret=s3cret`)).toEqual({ clientId: 'demo', secret: 's3cret' });
  });

  test('the secret by Basic, whatever the case of the scheme', () => {
    expect(read(GRANT, basic('demo:s3:cret'))).toEqual({ clientId: 'demo', secret: 's3:cret' });
    expect(read(GRANT, basic('demo:s').replace('Basic', 'bAsIc'))).toEqual({ clientId: 'demo', secret: 's' });
    expect(read(`${GRANT}&client_id=demo`, basic('demo:s'))).toMatchObject({ clientId: 'demo' });
  });

  test('a secret arrives whether the client encodes it before Basic or not', () => {
    const secret = 'a+b/c=:!~"<>&';
    expect(read(GRANT, basic(`demo:${secret}`))).toMatchObject({ secret });
    expect(read(GRANT, basic(`demo:${encodeURIComponent(secret)}`))).toMatchObject({ secret });
  });

  test('scopes are separated by spaces; none asked for is all', () => {
    const scopes = (text: string) => read(`${GRANT}&client_id=a&client_secret=b&scope=${text}`);
    expect(scopes('decisions+events:read')).toMatchObject({ scopes: ['decisions', 'events:read'] });
    expect(scopes('')).toEqual({ clientId: 'a', secret: 'b', scopes: undefined });
    expect(scopes('+')).toMatchObject({ scopes: [] });
  });

  const REFUSED: [what: string, form: string, authorization: string | undefined, error: string][] = [
    ['no grant type', 'client_id=a&client_secret=b', undefined, 'invalid_request'],
    ['an empty grant type', 'grant_type=&client_id=a&client_secret=b', undefined, 'invalid_request'],
    ['another grant type', 'grant_type=password&username=a&password=b', undefined, 'unsupported_grant_type'],
    ['both ways at once', `${GRANT}&client_id=a&client_secret=b`, basic('a:b'), 'invalid_request'],
    ['two clients', `${GRANT}&client_id=b`, basic('a:b'), 'invalid_request'],
    ['a parameter twice', `${GRANT}&client_id=a&client_id=a&client_secret=b`, undefined, 'invalid_request'],
    ['an unknown parameter twice', `${GRANT}&x=1&x=2&client_id=a&client_secret=b`, undefined, 'invalid_request'],
    ['no credentials', GRANT, undefined, 'invalid_client'],
    ['no secret', `${GRANT}&client_id=a`, undefined, 'invalid_client'],
    ['an empty secret', `${GRANT}&client_id=a&client_secret=`, undefined, 'invalid_client'],
    ['another scheme', GRANT, 'Bearer abc', 'invalid_client'],
    ['Basic without a colon', GRANT, basic('demo'), 'invalid_client'],
    ['Basic that is no base64', GRANT, 'Basic ***', 'invalid_client'],
    ['Basic with a broken percent', GRANT, basic('demo:%zz'), 'invalid_client'],
    ['an empty header', GRANT, '', 'invalid_client'],
    ['nothing', '', undefined, 'invalid_request'],
  ];
  test.each(REFUSED)('%s is refused', (_what, form, authorization, error) => {
    expect(read(form, authorization)).toMatchObject({ error });
  });

  test('nothing that was sent comes back', () => {
    const answers = REFUSED.map(([, form, authorization]) => JSON.stringify(read(form, authorization)));
    expect(answers.join('')).not.toMatch(/password"|username|demo/);
  });
});
