/** Client secrets: argon2id, and a bound on the work that strangers can cause by asking for tokens. */
import { randomBytes } from 'node:crypto';
import { argon2id, hash, verify } from 'argon2';
import { ServiceError } from '../kernel/errors.js';

/** OWASP's least: 19 MiB, two passes, one lane; some 40 ms. */
const PARAMETERS = { type: argon2id, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;
const AT_ONCE = 2;
/** Behind two at 40 ms each, the last of these waits 1.3 s. */
const MOST_WAITING = 64;

const base64 = (length: number) => randomBytes(length).toString('base64').replaceAll('=', '');
/** A hash of nothing: verifying against it takes as long as against a real one, and is always wrong. */
const NOBODY = `$argon2id$v=19$m=${PARAMETERS.memoryCost},p=${PARAMETERS.parallelism},t=${PARAMETERS.timeCost}$${base64(16)}$${base64(32)}`;

/** A new secret: 256 random bits, base64url. */
export const newSecret = (): string => randomBytes(32).toString('base64url');

export interface SecretHashing {
  /** PHC string of a secret. */
  hash(secret: string): Promise<string>;
  /** Whether it is the secret; with no hash (an unknown client) the same work, and no. */
  verify(phc: string | undefined, secret: string): Promise<boolean>;
}

/** At most 2 at once and 64 waiting; one more throws `service.overloaded`. */
export function boundedSecretHashing(atOnce = AT_ONCE, mostWaiting = MOST_WAITING): SecretHashing {
  let running = 0;
  const waiting: (() => void)[] = [];

  async function bounded<T>(work: () => Promise<T>): Promise<T> {
    if (running < atOnce) running++;
    else if (waiting.length < mostWaiting) await new Promise<void>((resolve) => waiting.push(resolve));
    else throw new ServiceError('service.overloaded', 'Too many token requests wait.', { retryAfterSeconds: 2 });
    try {
      return await work();
    } finally {
      // the place goes to the next one, or is free
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  }

  return {
    hash: (secret) => bounded(() => hash(secret, PARAMETERS)),
    verify: (phc, secret) =>
      bounded(async () => {
        const right = await verify(phc ?? NOBODY, secret);
        return right && phc !== undefined;
      }),
  };
}
