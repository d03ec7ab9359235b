/**
 * Access tokens: JWT after RFC 9068, HS256 under the ring's token key. The library verifies the signature; the gate in
 * front of it fixes the form, so that one token has exactly one spelling and names exactly one key (RFC 8725 §3).
 */
import { randomUUID } from 'node:crypto';
import type { JwtService } from '@nestjs/jwt';
import { z } from 'zod';
import type { KeyRing } from '../platform/keys/key-ring.js';

/** A constant: PUBLIC_URL may change between restarts, and tokens outlive restarts. */
const ISSUER = 'pointguard';
const AUDIENCE = 'pointguard-api';
const TYPE = 'at+jwt';
const ALGORITHM = 'HS256';
export const TOKEN_LIFETIME_SECONDS = 900;
const MOST_LENGTH = 4096;

/** What a token says, once it is verified. */
export interface TokenClaims {
  clientId: string;
  programName: string;
  scopes: ReadonlySet<string>;
  /** Of the real clock. */
  expiresMs: number;
}

export interface AccessTokens {
  sign(claims: Omit<TokenClaims, 'expiresMs'>, nowMs: number): string;
  /** The claims, or undefined where the token is not ours, not now, or not in its one form; which one is not told. */
  verify(token: string, nowMs: number): TokenClaims | undefined;
}

const headerSchema = z.strictObject({ alg: z.literal(ALGORITHM), typ: z.literal(TYPE), kid: z.string().max(64) });
const claimsSchema = z.object({
  sub: z.string(),
  program: z.string(),
  scope: z.string(),
  jti: z.string(),
  iat: z.number().int(),
  exp: z.number().int(),
});

export function accessTokens(jwt: JwtService, keys: KeyRing['token']): AccessTokens {
  return {
    sign({ clientId, programName, scopes }, nowMs) {
      const iat = Math.floor(nowMs / 1000);
      const payload = {
        iss: ISSUER,
        aud: AUDIENCE,
        sub: clientId,
        client_id: clientId,
        program: programName,
        scope: [...scopes].join(' '),
        jti: randomUUID(),
        iat,
        exp: iat + TOKEN_LIFETIME_SECONDS,
      };
      const { kid, key } = keys.active;
      return jwt.sign(payload, { secret: key, algorithm: ALGORITHM, header: { alg: ALGORITHM, typ: TYPE, kid } });
    },
    verify(token, nowMs) {
      const kid = kidOf(token);
      const secret = kid === undefined ? undefined : keys.find(kid);
      if (!secret) return undefined;
      const claims = verifiedClaims(jwt, token, secret, nowMs);
      return (
        claims && {
          clientId: claims.sub,
          programName: claims.program,
          scopes: new Set(claims.scope.split(' ')),
          expiresMs: claims.exp * 1000,
        }
      );
    },
  };
}

/** header.payload.signature in base64url; an HMAC-SHA256 has 43 characters, the last of which holds two zero bits. */
const FORM = /^([A-Za-z0-9_-]{1,200})\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;

/** The key id of a token in the one form that we make, or undefined. */
function kidOf(token: string): string | undefined {
  if (token.length > MOST_LENGTH) return undefined;
  const encoded = FORM.exec(token)?.[1];
  return encoded === undefined ? undefined : headerSchema.safeParse(jsonOf(encoded)).data?.kid;
}

function jsonOf(encoded: string): unknown {
  try {
    return JSON.parse(Buffer.from(encoded, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}

function verifiedClaims(jwt: JwtService, token: string, secret: Buffer, nowMs: number) {
  try {
    const claims: unknown = jwt.verify(token, {
      secret,
      algorithms: [ALGORITHM],
      issuer: ISSUER,
      audience: AUDIENCE,
      clockTimestamp: Math.floor(nowMs / 1000),
    });
    return claimsSchema.safeParse(claims).data;
  } catch {
    return undefined;
  }
}
