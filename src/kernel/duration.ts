/**
 * ISO 8601 durations of fixed length (weeks, days, hours, minutes, seconds). Years and months have no fixed length and
 * are refused; so are signs and fractions of anything but seconds.
 */
const PATTERN =
  /^P(?!$)(?:(\d{1,6})W)?(?:(\d{1,7})D)?(?:T(?=\d)(?:(\d{1,8})H)?(?:(\d{1,9})M)?(?:(\d{1,10})(?:\.(\d{1,3}))?S)?)?$/;

/** Milliseconds of an ISO 8601 duration, or undefined where it is none. */
export function durationMs(text: string): number | undefined {
  const match = PATTERN.exec(text);
  if (!match) return undefined;
  const [, weeks, days, hours, minutes, seconds, fraction] = match;
  const total =
    ((Number(weeks ?? 0) * 7 + Number(days ?? 0)) * 24 + Number(hours ?? 0)) * 3_600_000 +
    Number(minutes ?? 0) * 60_000 +
    Number(seconds ?? 0) * 1000 +
    Number((fraction ?? '0').padEnd(3, '0'));
  return Number.isSafeInteger(total) ? total : undefined;
}
