import { DatabaseError } from 'pg';
import { describe, expect, test } from 'vitest';
import {
  OutcomeOpen,
  Passing,
  passingCause,
  provesAbort,
  sqlStateOf,
  tellingOf,
} from '../../../src/platform/lane/lane-errors.js';

function pgError(code: string): DatabaseError {
  const error = new DatabaseError('made', 1, 'error');
  error.code = code;
  return error;
}
const systemError = (code: string) => Object.assign(new Error(`write ${code}`), { code });

describe('the SQLSTATE of an error', () => {
  test('is PostgreSQL’s only: a system code of five letters is none', () => {
    expect(sqlStateOf(pgError('23505'))).toBe('23505');
    for (const other of [systemError('EPIPE'), systemError('ECONNRESET'), new Error('x'), null, undefined, 'x']) {
      expect(sqlStateOf(other)).toBeUndefined();
    }
  });
});

describe('what is tried again whole', () => {
  test.each(['08006', '40001', '40P01', '53300', '55P03', '57014', '57P01', '25P03', '25P04', '25006'])(
    '%s',
    (state) => {
      expect(passingCause(pgError(state))).toBe(state);
    },
  );

  test.each(['22P02', '23505', '42P01', 'XX000', '25P02', '25001', 'P0001', '54000', '28P01'])('not %s', (state) => {
    expect(passingCause(pgError(state))).toBeUndefined();
  });

  test('faults of the connection, by what the lane says of them and not by their words', () => {
    expect(passingCause(new Passing('connection_lost'))).toBe('connection_lost');
    expect(passingCause(new Error('the socket of this command is closed'))).toBeUndefined();
    expect(passingCause(new OutcomeOpen('x'))).toBeUndefined();
  });
});

describe('an answer to COMMIT', () => {
  test('is proof of an abort only where the server refused it: everything else leaves it open', () => {
    expect(provesAbort(pgError('23503'))).toBe(true);
    expect(provesAbort(pgError('40001'))).toBe(true);
    for (const open of [
      pgError('57P01'),
      pgError('08006'),
      pgError('XX000'),
      pgError('53100'),
      systemError('EPIPE'),
      systemError('ETIMEDOUT'),
    ]) {
      expect(provesAbort(open)).toBe(false);
    }
  });
});

describe('the telling error', () => {
  const rejected = (reason: unknown) => ({ status: 'rejected' as const, reason });
  const fulfilled = { status: 'fulfilled' as const, value: 1 };

  test('is the first that is no echo of another, whichever is heard of first', () => {
    const cause = pgError('23514');
    expect(tellingOf([fulfilled, rejected(pgError('25P02')), rejected(cause), rejected(pgError('25P02'))])).toBe(cause);
  });

  test('is an echo where there is nothing else, and none where nothing failed', () => {
    const echo = pgError('25P02');
    expect(tellingOf([rejected(echo), fulfilled])).toBe(echo);
    expect(tellingOf([fulfilled, fulfilled])).toBeUndefined();
  });
});
