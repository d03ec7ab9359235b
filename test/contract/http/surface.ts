/** What the specs of the HTTP surface share: the shape of a problem, the record's fingerprint, bodies by JSON pointer. */
import { ERRORS } from '../../../src/kernel/errors.js';
import type { TestDatabase } from '../../support/postgres.js';
import type { Answer } from '../../support/service.js';

/** What a problem has to hold: RFC 9457 with the members of API.md §1, all of them. */
const MEMBERS: Record<string, (value: unknown, answer: Answer) => boolean> = {
  type: (value, { body }) => value === `https://pointguard.dev/errors/${body.code}`,
  title: (value) => typeof value === 'string' && value !== '',
  status: (value, { status }) => value === status,
  detail: (value) => typeof value === 'string' && value !== '',
  code: (value) => typeof value === 'string' && value in ERRORS,
  traceId: (value) => typeof value === 'string' && /^(?!0{32})[0-9a-f]{32}$/.test(value),
};

/**
 * What is wrong with an answer that must be a problem of one of these statuses, and must hold nothing that was sent and
 * nothing from within. Nothing is wrong: an empty list.
 */
export function faultsOf(answer: Answer, statuses: readonly number[], sent: readonly string[] = []): string[] {
  const text = JSON.stringify(answer.body);
  const faults: string[] = [];
  if (!statuses.includes(answer.status)) faults.push(`status ${answer.status}, not ${statuses.join(' or ')}`);
  const type = answer.headers.get('content-type');
  if (type !== 'application/problem+json') faults.push(`media type ${type}`);
  for (const [name, fits] of Object.entries(MEMBERS))
    if (!fits(answer.body?.[name], answer)) faults.push(`member ${name}`);
  const echoed = sent.filter((value) => value.length >= 4 && text.includes(value));
  faults.push(...echoed.map((value) => `echo of ${value}`));
  if (/node_modules|\.[jt]s:\d|SQLSTATE|Error:/.test(text)) faults.push('internals');
  return faults.length === 0 ? [] : [...faults, text];
}

/** What is wrong with the pointers of a problem: each must name the field at the path, or something in it. */
export function pointerFaultsOf({ body }: Answer, path: readonly string[]): string[] {
  const wanted = `/${path.join('/')}`;
  const pointers = ((body.errors ?? []) as { pointer: string }[]).map(({ pointer }) => pointer);
  if (pointers.length === 0) return ['no pointer'];
  return pointers.filter((pointer) => pointer !== wanted && !pointer.startsWith(`${wanted}/`));
}

/** A hash of every row of every table: what a refused request must leave as it was. */
export async function recordHash(database: TestDatabase): Promise<Record<string, string>> {
  const tables = await database.query<{ name: string }>(
    `select format('pointguard.%I', relname) as name from pg_class
     where relnamespace = 'pointguard'::regnamespace and relkind in ('r', 'p') and not relispartition order by 1`,
  );
  const hashes: Record<string, string> = {};
  for (const { name } of tables) {
    const [row] = await database.query<{ hash: string }>(
      `select count(*) || ' ' || coalesce(md5(string_agg(t::text, chr(10) order by t::text)), '') as hash from ${name} t`,
    );
    hashes[name] = row?.hash ?? '';
  }
  return hashes;
}

type Json = Record<string, unknown>;

/** A copy with a value put at a path; `undefined` takes the member away. */
export function withValue(body: Json, path: readonly string[], value: unknown): Json {
  const copy = structuredClone(body);
  let at: Json = copy;
  for (const name of path.slice(0, -1)) at = (at[name] ??= {}) as Json;
  const last = path.at(-1) as string;
  if (value === undefined) delete at[last];
  else at[last] = value;
  return copy;
}

/** A body as text, with a piece of raw JSON where `withValue` would put a value. */
export const withRaw = (body: Json, path: readonly string[], raw: string): string =>
  JSON.stringify(withValue(body, path, '@raw@')).replace('"@raw@"', () => raw);
