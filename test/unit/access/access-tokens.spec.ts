import { createHmac, randomBytes } from 'node:crypto';
import { JwtService } from '@nestjs/jwt';
import { SignJWT } from 'jose';
import { describe, expect, test } from 'vitest';
import { accessTokens } from '../../../src/access/access-tokens.js';

const NOW_MS = Date.UTC(2026, 10, 22, 12);
const NOW_SECONDS = NOW_MS / 1000;
const ACTIVE = { kid: 'token.2', key: randomBytes(32) };
const RETIRED = { kid: 'token.1', key: randomBytes(32) };
const KEYS = new Map([ACTIVE, RETIRED].map(({ kid, key }) => [kid, key]));

const tokens = accessTokens(new JwtService(), { active: ACTIVE, find: (kid) => KEYS.get(kid) });
const CLAIMS = { clientId: 'demo', programName: 'retail', scopes: new Set(['decisions', 'events:read']) };
const verify = (token: string, nowMs = NOW_MS) => tokens.verify(token, nowMs);

/** A token made by another library, right but for what is said to be otherwise. */
interface Otherwise {
  header?: Record<string, unknown>;
  claims?: Record<string, unknown>;
  key?: Uint8Array;
}
function forge({ header, claims, key }: Otherwise = {}): Promise<string> {
  const payload = {
    iss: 'pointguard',
    aud: 'pointguard-api',
    sub: 'demo',
    program: 'retail',
    scope: 'decisions',
    jti: 'x',
    iat: NOW_SECONDS,
    exp: NOW_SECONDS + 900,
    ...claims,
  };
  return new SignJWT(payload)
    .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', kid: ACTIVE.kid, ...header })
    .sign(key ?? ACTIVE.key);
}

/** Signs any two texts as header and payload. */
function signed(header: string, payload: string, key: Uint8Array = ACTIVE.key): string {
  const input = [header, payload].map((text) => Buffer.from(text).toString('base64url')).join('.');
  return `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`;
}
const HEADER = JSON.stringify({ alg: 'HS256', typ: 'at+jwt', kid: ACTIVE.kid });
const PAYLOAD = JSON.stringify({
  iss: 'pointguard',
  aud: 'pointguard-api',
  sub: 'demo',
  program: 'retail',
  scope: 'decisions',
  jti: 'x',
  iat: NOW_SECONDS,
  exp: NOW_SECONDS + 900,
});

describe('access tokens', () => {
  test('say what was signed, for 15 minutes', () => {
    const token = tokens.sign(CLAIMS, NOW_MS);
    expect(verify(token)).toEqual({ ...CLAIMS, expiresMs: NOW_MS + 900_000 });
    expect(verify(token, NOW_MS + 899_000)).toBeDefined();
    expect(verify(token, NOW_MS + 900_000)).toBeUndefined();
    expect(tokens.sign(CLAIMS, NOW_MS)).not.toBe(token);
  });

  test('the helpers of this file make good tokens', async () => {
    expect(verify(await forge())).toMatchObject({ clientId: 'demo' });
    expect(verify(signed(HEADER, PAYLOAD))).toMatchObject({ clientId: 'demo' });
  });

  test('a retired key still verifies', async () => {
    expect(verify(await forge({ header: { kid: RETIRED.kid }, key: RETIRED.key }))).toBeDefined();
  });

  const FORGED: [what: string, otherwise: Otherwise][] = [
    ['another key', { key: randomBytes(32) }],
    ['the retired key under the active name', { key: RETIRED.key }],
    ['an unknown key name', { header: { kid: 'token.9' } }],
    ['__proto__ as key name', { header: { kid: '__proto__' } }],
    ['constructor as key name', { header: { kid: 'constructor' } }],
    ['a key name that is no text', { header: { kid: 2 } }],
    ['no key name', { header: { kid: undefined } }],
    ['another type', { header: { typ: 'JWT' } }],
    ['no type', { header: { typ: undefined } }],
    ['a longer HMAC', { header: { alg: 'HS512' }, key: randomBytes(64) }],
    ['a key by URL', { header: { jku: 'https://evil.example/jwks.json' } }],
    ['a key in the header', { header: { jwk: { kty: 'oct', k: 'AAAA' } } }],
    ['another issuer', { claims: { iss: 'pointguard.evil' } }],
    ['no issuer', { claims: { iss: undefined } }],
    ['another audience', { claims: { aud: 'pointguard-console' } }],
    ['no audience', { claims: { aud: undefined } }],
    ['ended', { claims: { exp: NOW_SECONDS } }],
    ['no end', { claims: { exp: undefined } }],
    ['an end that is no number', { claims: { exp: '9999999999' } }],
    ['not yet', { claims: { nbf: NOW_SECONDS + 60 } }],
    ['no subject', { claims: { sub: undefined } }],
    ['a subject that is no text', { claims: { sub: ['demo'] } }],
    ['no program', { claims: { program: undefined } }],
    ['no scope', { claims: { scope: undefined } }],
  ];
  test.each(FORGED)('%s is refused', async (_what, otherwise) => {
    expect(verify(await forge(otherwise))).toBeUndefined();
  });

  test.each(['none', 'None', 'NONE', 'nOnE'])('algorithm %s, with and without a signature', (alg) => {
    const header = JSON.stringify({ alg, typ: 'at+jwt', kid: ACTIVE.kid });
    const token = signed(header, PAYLOAD);
    expect(verify(token)).toBeUndefined();
    expect(verify(token.replace(/[^.]+$/, ''))).toBeUndefined();
    expect(verify(token.replace(/\.[^.]+$/, ''))).toBeUndefined();
  });

  test.each(['', 'null', '[]', '"x"', '{', '{"alg":"HS256"}', HEADER.replace('}', ',"crit":["b64"],"b64":false}')])(
    'header %s is refused',
    (header) => {
      expect(verify(signed(header, PAYLOAD))).toBeUndefined();
    },
  );

  test.each(['', 'null', '[]', '"x"', '{', '{}'])('payload %s is refused', (payload) => {
    expect(verify(signed(HEADER, payload))).toBeUndefined();
  });

  test('no cut, no addition, and one spelling only', () => {
    const token = tokens.sign(CLAIMS, NOW_MS);
    for (let length = 0; length < token.length; length++) expect(verify(token.slice(0, length))).toBeUndefined();
    const last = token.at(-1) ?? '';
    const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const others = ALPHABET.split('')
      .filter((letter) => letter !== last)
      .map((letter) => token.slice(0, -1) + letter);
    const variants = [
      `${token}=`,
      `${token}A`,
      ` ${token}`,
      `${token}\n`,
      `${token}.`,
      `.${token}`,
      token.replace('.', '..'),
    ];
    for (const other of [...others, ...variants]) expect(verify(other)).toBeUndefined();
  });

  test('no changed letter passes', () => {
    const token = tokens.sign(CLAIMS, NOW_MS);
    for (let at = 0; at < token.length; at++) {
      if (token[at] === '.') continue;
      const changed = token.slice(0, at) + (token[at] === 'B' ? 'C' : 'B') + token.slice(at + 1);
      expect(verify(changed), `letter ${at}`).toBeUndefined();
    }
  });

  test('nothing over 4 KiB is looked at', async () => {
    expect(verify(await forge({ claims: { padding: 'x'.repeat(2000) } }))).toBeDefined();
    expect(verify(await forge({ claims: { padding: 'x'.repeat(4096) } }))).toBeUndefined();
  });
});
