/**
 * `text.glob("*.example")`: `*` stands for any letters, also none; everything else for itself. It takes the place of
 * regular expressions, whose usual engine needs exponential time for a hostile pattern: here each part between two `*`
 * is looked for once, from where the one before it ended, which is enough since `*` may stand for anything.
 */
export function globMatches(text: string, pattern: string): boolean {
  const [first = '', ...parts] = pattern.split('*');
  const last = parts.pop();
  if (last === undefined) return text === pattern;
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false;
  const end = text.length - last.length;
  let at = first.length;
  for (const part of parts) {
    const found = text.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}
