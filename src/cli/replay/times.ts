/** Times as files write them: ISO 8601 with `T` or a blank; without a zone they are UTC, whatever the zone of this host. */
const PATTERN = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?\s?([Zz]|[+-]\d\d:?\d\d)?$/;

/** Milliseconds since 1970 (what is finer is cut off), or undefined where the text is no time. */
export function parseTimeMs(text: string): number | undefined {
  const match = PATTERN.exec(text.trim());
  if (!match) return undefined;
  const [, year, month, day, hour, minute, second, fraction = '', zone = 'Z'] = match;
  const ms = Number(fraction.slice(0, 3).padEnd(3, '0'));
  const localMs = Date.UTC(
    Number(year),
    Number(month) - 1,
    Number(day),
    Number(hour),
    Number(minute),
    Number(second),
    ms,
  );
  // Date.UTC takes 30 February and 25:00 for later days: written back, they differ.
  const written = new Date(localMs).toISOString();
  if (written.slice(0, 19) !== `${year}-${month}-${day}T${hour}:${minute}:${second}`) return undefined;
  const offset = offsetMs(zone);
  return offset === undefined ? undefined : localMs - offset;
}

function offsetMs(zone: string): number | undefined {
  if (zone === 'Z' || zone === 'z') return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(-2));
  if (hours > 23 || minutes > 59) return undefined;
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}
