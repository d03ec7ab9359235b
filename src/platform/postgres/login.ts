/** Logins from settings: what is connected to, and what is said when that fails. No password ever gets into a sentence. */
import type { ClientConfig } from 'pg';
import { codeOf, RecordError } from './record-error.js';

const SEARCH_PATH = '-c search_path=pointguard';

/** A login of a `postgres://` URL; throws RecordError naming the variable where it is none. */
export function loginOf(variable: string, url: string): ClientConfig {
  if (!/^postgres(ql)?:\/\//.test(url) || !URL.canParse(url.replace('@/', '@localhost/'))) {
    throw new RecordError(`${variable} is not a URL of the form postgres://user:password@host:port/database.`);
  }
  return { connectionString: url };
}

/** The same login with the record's schema as search path. Options in the URL are kept, and come first. */
export function inSchema(login: ClientConfig): ClientConfig {
  if (login.connectionString === undefined) return { ...login, options: SEARCH_PATH };
  // what stands in the URL overrides every other member of the configuration
  const [base = '', query = ''] = login.connectionString.split('?', 2);
  const parameters = new URLSearchParams(query);
  parameters.set('options', `${parameters.get('options') ?? ''} ${SEARCH_PATH}`.trim());
  return { ...login, connectionString: `${base}?${parameters.toString()}` };
}

/** What went wrong, by system or SQLSTATE code. */
const REASONS: Record<string, string> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'it closed the connection',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'the name of the host cannot be resolved now',
  ETIMEDOUT: 'it does not answer',
  EHOSTUNREACH: 'the host cannot be reached',
  ENOENT: 'there is no such socket',
  '28P01': 'the password is wrong',
  '28000': 'the login is refused',
  '3D000': 'there is no such database',
  '53300': 'it has no connection left',
  '57P03': 'it is starting up or shutting down',
  '42501': 'the role lacks a privilege',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is not trusted',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is not trusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is not trusted',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host',
};

/** Host and port of a URL, nothing else. */
function addressOf(url: string): string {
  const parsed = URL.parse(url.replace('@/', '@localhost/'));
  return parsed?.host ? decodeURIComponent(parsed.host) : 'the local socket';
}

/** The plain sentence for a record that cannot be used through the URL in a variable; RecordErrors pass as they are. */
export function unusable(variable: string, url: string, cause: unknown): RecordError {
  if (cause instanceof RecordError) return cause;
  const code = codeOf(cause);
  const reason = REASONS[code ?? ''] ?? (code ? `code ${code}` : 'the connection failed');
  return new RecordError(`The record at ${addressOf(url)} (${variable}) cannot be used: ${reason}.`, { cause });
}
