import { expect, it } from 'vitest';
import { ERROR_KINDS, ERRORS, isRefusal, refuse, ServiceError, unwrap } from '../../../src/kernel/errors.js';

it('every code has a kind with an HTTP status and a gRPC code, and a title of its own', () => {
  const titles = Object.values(ERRORS).map(({ title }) => title);
  expect(new Set(titles).size).toBe(titles.length);
  for (const [code, { kind }] of Object.entries(ERRORS)) {
    expect(code).toMatch(/^[a-z_]+\.[a-z_]+$/);
    expect(ERROR_KINDS[kind].http).toBeGreaterThanOrEqual(400);
    expect(ERROR_KINDS[kind].grpc).toBeGreaterThan(0);
  }
});

it('a refusal becomes an error with the same code, everything else passes', () => {
  const refusal = refuse('decision.state', 'The decision is held.', { decisionStatus: 'held' });
  expect(isRefusal(refusal)).toBe(true);
  expect(() => unwrap(refusal)).toThrow(ServiceError);
  expect(unwrap({ status: 'held' })).toEqual({ status: 'held' });
  for (const value of [undefined, null, 0, 'refused', {}]) expect(isRefusal(value)).toBe(false);
});

it('the cause is kept for the log and said to nobody', () => {
  const error = new ServiceError('internal.error', 'Something went wrong.', {}, new Error('password=canary'));
  expect(error.message).not.toContain('canary');
  expect(error.cause).toBeInstanceOf(Error);
});
