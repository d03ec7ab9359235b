/**
 * What the yardsticks need of the packages in bench/package.json. They are loaded by name and described here, so that
 * the product can be checked without installing them.
 */
const load = async <T>(name: string): Promise<T> => (await import(name)) as T;

export interface RedisClient {
  connect(): Promise<unknown>;
  evalSha(sha: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>;
  scriptLoad(script: string): Promise<string>;
  hGetAll(key: string): Promise<Record<string, string>>;
}

export async function openRedis(url: string): Promise<RedisClient> {
  const { createClient } = await load<{ createClient(options: { url: string }): RedisClient }>('redis');
  const client = createClient({ url });
  await client.connect();
  return client;
}

export interface RateLimiter {
  /** Rejects where the limit is reached. */
  consume(key: string, points?: number): Promise<unknown>;
}

export interface RateLimiterOptions {
  storeClient: RedisClient;
  useRedisPackage: true;
  keyPrefix: string;
  points: number;
  /** Seconds. */
  duration: number;
}

export async function rateLimiters(options: RateLimiterOptions[]): Promise<RateLimiter[]> {
  const { default: flexible } = await load<{
    default: { RateLimiterRedis: new (options: RateLimiterOptions) => RateLimiter };
  }>('rate-limiter-flexible');
  return options.map((one) => new flexible.RateLimiterRedis(one));
}

type Rule = (...bounds: number[]) => PropertyDecorator;

export interface ClassValidator {
  IsString: Rule;
  IsInt: Rule;
  IsNumber: () => PropertyDecorator;
  IsOptional: Rule;
  IsIP: () => PropertyDecorator;
  Min: Rule;
  Max: Rule;
  Length: Rule;
  IsIn(values: readonly string[]): PropertyDecorator;
  ValidateNested: Rule;
}

export interface ClassTransformer {
  Type(of: () => new () => object): PropertyDecorator;
}

/** class-validator and class-transformer; the same objects go to Nest's pipe. */
export const classValidator = () => load<ClassValidator>('class-validator');
export const classTransformer = () => load<ClassTransformer>('class-transformer');
