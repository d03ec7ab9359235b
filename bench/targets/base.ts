/**
 * "base": the fastest thing that could be called a velocity check. One script on Redis keeps ten windows of the account,
 * each as two buckets, packed in one string; nothing is durable, and the count is an estimate.
 */
import { serveBare } from './bare-fastify.js';
import { openRedis } from './packages.js';
import { argument } from './ready.js';
import { CAP, WINDOW_SECONDS } from './windows.js';

const FIELDS = WINDOW_SECONDS.map((_, n) => `b${n}, c${n}, p${n}`).join(', ');

/** One window: roll the buckets on, weigh the older one by what the window still covers of it, and count. */
const step = (seconds: number, n: number): string => `
do
  local size = ${seconds * 1000}
  local bucket = math.floor(now / size)
  if bucket > b${n} then
    if bucket == b${n} + 1 then p${n} = c${n} else p${n} = 0 end
    b${n} = bucket
    c${n} = 0
  end
  local used = c${n} + p${n} * (1 - (now % size) / size)
  if used + 1 > ${CAP} then refused = ${n + 1} end
  counts[${n + 1}] = math.ceil(used)
  c${n} = c${n} + 1
end`;

/** Unrolled: a loop over tables costs a seventh more. */
const SCRIPT = `
local now = tonumber(ARGV[1])
local packed = redis.call('GET', KEYS[1])
local ${FIELDS} = ${WINDOW_SECONDS.map(() => '0, 0, 0').join(', ')}
if packed then ${FIELDS} = struct.unpack('${'d'.repeat(WINDOW_SECONDS.length * 3)}', packed) end
local counts = {}
local refused = 0
${WINDOW_SECONDS.map(step).join('\n')}
if refused == 0 then
  redis.call('SET', KEYS[1], struct.pack('${'d'.repeat(WINDOW_SECONDS.length * 3)}', ${FIELDS}), 'PX', ${2 * 7_776_000_000})
end
counts[${WINDOW_SECONDS.length + 1}] = refused
return counts`;

const redis = await openRedis((argument() as { redisUrl: string }).redisUrl);
const sha = await redis.scriptLoad(SCRIPT);

await serveBare(async ({ transactionId, accountId }) => {
  const reply = (await redis.evalSha(sha, { keys: [`w:${accountId}`], arguments: [String(Date.now())] })) as number[];
  const refused = reply.at(-1) !== 0;
  return { transactionId, outcome: refused ? 'deny' : 'allow', used: reply.slice(0, -1) };
});
