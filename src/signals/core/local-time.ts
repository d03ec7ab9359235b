/** The hour and the day where a program lives: redemptions at four in the morning are told by its clock, not by UTC. */

export interface LocalTime {
  /** 0 … 23. */
  hour: number;
  /** ISO 8601: 1 is Monday, 7 is Sunday. */
  weekday: number;
}

const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

/** Making a format costs 50 µs, using it 2; there are no more of them than programs have time zones. */
const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone);
  if (known) return known;
  const format = new Intl.DateTimeFormat('en-GB', { timeZone, weekday: 'short', hour: '2-digit', hourCycle: 'h23' });
  formats.set(timeZone, format);
  return format;
}

/** Whether `localTime` knows it: an IANA name (`Europe/Paris`) or an offset (`+02:00`). */
export function isTimeZone(text: string): boolean {
  try {
    Intl.DateTimeFormat('en-GB', { timeZone: text });
    return true;
  } catch {
    return false;
  }
}

/** @param timeZone one that `isTimeZone` accepts @throws RangeError for any other */
export function localTime(nowMs: number, timeZone = 'UTC'): LocalTime {
  const parts = formatOf(timeZone).formatToParts(nowMs);
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.find((one) => one.type === type)?.value ?? '';
  return { hour: Number(part('hour')), weekday: WEEKDAYS.indexOf(part('weekday')) + 1 };
}
