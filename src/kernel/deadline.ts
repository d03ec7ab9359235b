import { ServiceError } from './errors.js';

const late = (cause?: unknown): ServiceError =>
  new ServiceError('record.unavailable', 'The record did not answer in time.', { retryAfterSeconds: 1 }, cause);

/**
 * What work answers within `ms`; else, or where it fails in a way that nobody expected, `record.unavailable`. For work that
 * only reads: it goes on unheard.
 */
export async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), ms);
  });
  try {
    return await Promise.race([work, timeout]);
  } catch (error) {
    throw error instanceof ServiceError ? error : late(error);
  } finally {
    clearTimeout(timer);
  }
}
