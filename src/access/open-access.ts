import { JwtService } from '@nestjs/jwt';
import type pg from 'pg';
import type { KeyRing } from '../platform/keys/key-ring.js';
import type { Lanes } from '../platform/lane/lane.types.js';
import { AccessService } from './access.service.js';
import { openAccessStore } from './access.store.js';
import { accessTokens } from './access-tokens.js';
import { openClientDirectory } from './client-directory.js';
import { boundedSecretHashing } from './secret-hash.js';

/** The service with its parts, for the composition roots of the server and of the command line. Ended by its `stop`. */
export function openAccess(
  pool: Pick<pg.Pool, 'query'>,
  lanes: Lanes,
  ring: Pick<KeyRing, 'token'>,
  jwt: JwtService = new JwtService(),
  ownPool = pool,
): AccessService {
  const store = openAccessStore(pool, ownPool);
  return new AccessService({
    store,
    lanes,
    directory: openClientDirectory(store),
    tokens: accessTokens(jwt, ring.token),
    hashing: boundedSecretHashing(),
    nowMs: Date.now,
  });
}
