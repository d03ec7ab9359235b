/** Ten limits of rate-limiter-flexible on one account, all at once, as its documentation has it. */
import { openRedis, rateLimiters } from './packages.js';
import { serveLoop } from './looping.js';
import { argument } from './ready.js';
import { CAP, WINDOW_SECONDS } from './windows.js';

const ACCOUNTS = 10_000;

const storeClient = await openRedis((argument() as { redisUrl: string }).redisUrl);
const limiters = await rateLimiters(
  WINDOW_SECONDS.map((duration) => ({
    storeClient,
    useRedisPackage: true,
    keyPrefix: `flexible-${duration}`,
    points: CAP,
    duration,
  })),
);
let turn = 0;

serveLoop(64, () => {
  const account = `acc-${++turn % ACCOUNTS}`;
  return Promise.all(limiters.map((limiter) => limiter.consume(account)));
});
