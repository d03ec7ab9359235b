/** The check of tokens as our service does it: an HS256 token is verified when it is first seen, and then looked up. */
import { randomBytes } from 'node:crypto';
import { JwtService } from '@nestjs/jwt';
import { accessTokens } from '../../src/access/access-tokens.js';

export interface TokenCheck {
  token: string;
  passes(authorization: string | undefined): boolean;
}

export function tokenCheck(): TokenCheck {
  const key = { kid: 'token.1', key: randomBytes(32) };
  const tokens = accessTokens(new JwtService(), {
    active: key,
    find: (kid) => (kid === key.kid ? key.key : undefined),
  });
  const claims = { clientId: 'bench', programName: 'bench', scopes: new Set(['decisions']) };
  const verified = new Map<string, number>();
  return {
    token: tokens.sign(claims, Date.now()),
    passes(authorization) {
      const token = /^bearer +([^\s]+)$/i.exec(authorization ?? '')?.[1];
      if (token === undefined) return false;
      const seenUntilMs = verified.get(token);
      if (seenUntilMs !== undefined && seenUntilMs > Date.now()) return true;
      const found = tokens.verify(token, Date.now());
      if (!found?.scopes.has('decisions')) return false;
      verified.set(token, found.expiresMs);
      return true;
    },
  };
}
