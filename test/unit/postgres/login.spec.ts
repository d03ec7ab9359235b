import { Client } from 'pg';
import { expect, test } from 'vitest';
import { inSchema, loginOf, unusable } from '../../../src/platform/postgres/login.js';
import { RecordError } from '../../../src/platform/postgres/record-error.js';

test.each([
  ['postgres://u:p@h:6432/d', 'h', 6432],
  ['postgresql://u:p@h/d', 'h', 5432],
  ['postgres://u:p@%2Fvar%2Frun/d', '/var/run', 5432],
  ['postgres://u:p@/d?host=/var/run', '/var/run', 5432],
  ['postgres://u:p%40%2F%3F@h/d?sslmode=disable', 'h', 5432],
])('the driver reads %s as it was meant, with the search path', (url, host, port) => {
  const client = new Client(inSchema(loginOf('DATABASE_URL', url)));
  expect(client).toMatchObject({ host, port, user: 'u', database: 'd' });
  expect(client).toHaveProperty('connectionParameters.options', '-c search_path=pointguard');
});

test('a socket login gets the search path, too', () => {
  expect(inSchema({ host: '/tmp/x', user: 'u' })).toEqual({
    host: '/tmp/x',
    user: 'u',
    options: '-c search_path=pointguard',
  });
});

test.each([
  ['postgres://user:hunter2@db.example:5432/points', { code: '28P01', message: 'hunter2' }, 'db.example:5432'],
  ['postgres://user:hunter2@%2Fvar%2Frun/points', new Error('hunter2'), '/var/run'],
  ['postgres://user:hunter2@/points?host=/var/run', 'hunter2', 'localhost'],
])('%s is named by its address alone', (url, cause, address) => {
  const { message } = unusable('DATABASE_URL', url, cause);
  expect(message).toContain(`The record at ${address} (DATABASE_URL) cannot be used`);
  expect(message).not.toMatch(/hunter2|user|points/);
});

test('a sentence that is one already passes unchanged', () => {
  const error = new RecordError('Said.');
  expect(unusable('DATABASE_URL', 'postgres://h/d', error)).toBe(error);
});
