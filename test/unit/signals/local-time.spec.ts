import { describe, expect, it } from 'vitest';
import { isTimeZone, localTime } from '../../../src/signals/core/local-time.js';

describe('local time', () => {
  it.each([
    ['2026-11-22T00:00:00Z', 'UTC', 0, 7],
    ['2026-11-22T23:59:59Z', 'UTC', 23, 7],
    ['2026-11-23T00:00:00Z', 'UTC', 0, 1],
    // Europe goes to summer time on 29 March at 01:00 UTC, and back on 25 October at 01:00 UTC
    ['2026-03-29T00:59:59Z', 'Europe/Paris', 1, 7],
    ['2026-03-29T01:00:00Z', 'Europe/Paris', 3, 7],
    ['2026-10-25T00:59:59Z', 'Europe/Paris', 2, 7],
    ['2026-10-25T01:00:00Z', 'Europe/Paris', 2, 7],
    ['2026-10-25T02:00:00Z', 'Europe/Paris', 3, 7],
    ['2026-11-22T22:59:59Z', 'Europe/Paris', 23, 7],
    ['2026-11-22T23:00:00Z', 'Europe/Paris', 0, 1],
    ['2026-11-22T18:29:59Z', 'Asia/Kolkata', 23, 7],
    ['2026-11-22T18:30:00Z', 'Asia/Kolkata', 0, 1],
    ['2026-11-22T10:00:00Z', 'Pacific/Kiritimati', 0, 1],
    ['2026-11-22T10:59:59Z', 'Pacific/Pago_Pago', 23, 6],
    ['2026-07-05T03:59:59Z', 'America/New_York', 23, 6],
    ['2026-11-22T12:00:00Z', '+05:45', 17, 7],
  ])('at %s in %s it is %i o’clock of weekday %i', (at, timeZone, hour, weekday) => {
    expect(localTime(Date.parse(at), timeZone)).toEqual({ hour, weekday });
  });

  it('is UTC unless a zone is given', () => {
    expect(localTime(Date.parse('2026-11-22T12:00:00Z'))).toEqual({ hour: 12, weekday: 7 });
  });

  it('knows what is a time zone', () => {
    for (const zone of ['UTC', 'Europe/Paris', 'Asia/Kolkata', '+02:00']) expect(isTimeZone(zone)).toBe(true);
    for (const zone of ['', 'Mars/Base', 'Europe/Paris ', '+25:00', '__proto__']) expect(isTimeZone(zone)).toBe(false);
  });
});
