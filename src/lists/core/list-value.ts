/** One value, one text: an entry cannot be passed by writing what it names otherwise. */
import { CALLER_ID } from '../../kernel/text.js';
import type { ListSubject } from './list-entry.js';
import { canonicalNetwork } from './network-value.js';

interface Form {
  /** Canonical text, or undefined where the value is none of that subject. */
  normalise(value: string): string | undefined;
  /** What a value must be, for who gave another. */
  must: string;
}

const ID: Form = {
  normalise: (value) => (CALLER_ID.test(value) ? value : undefined),
  must: 'must be an id: letters, digits and ._~- (at most 128)',
};

const FORMS: Record<ListSubject, Form> = {
  account: ID,
  device: ID,
  ip: { normalise: canonicalNetwork, must: 'must be an IP address or a network as address/length, not /0' },
  email_domain: { normalise: canonicalDomain, must: 'must be a domain such as example.com, not an address' },
  instrument: ID,
  store: ID,
  employee: ID,
};

/** The canonical text of a value of that subject, or undefined where it is none. */
export const normaliseValue = (subject: ListSubject, value: string): string | undefined =>
  FORMS[subject].normalise(value);

/** What a value of that subject must be: a sentence for a field. */
export const valueMust = (subject: ListSubject): string => FORMS[subject].must;

/** What would end the host in a URL, and what the parser would take away or decode in silence. */
// oxlint-disable-next-line no-control-regex -- control characters are among what it refuses
const NOT_IN_A_HOST = /[\u0000-\u0020\u007f/\\?#@:%[\]]/;
/** RFC 1035 §2.3.4: labels of at most 63 letters, two at least; the last is no number, which would be an IP address. */
const DOMAIN = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?=[a-z0-9-]*[a-z])[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const LONGEST_DOMAIN = 253;

/** A domain in lower-case ASCII (IDNA, as browsers read it) without the root's dot, or undefined where it is none. */
export function canonicalDomain(text: string): string | undefined {
  if (text.length > LONGEST_DOMAIN + 1 || NOT_IN_A_HOST.test(text)) return undefined;
  const url = `http://${text}`;
  if (!URL.canParse(url)) return undefined;
  const host = new URL(url).hostname.replace(/\.$/, '');
  return host.length <= LONGEST_DOMAIN && DOMAIN.test(host) ? host : undefined;
}

/** The canonical domain of an e-mail address: what entries of `email_domain` name. Exact: no subdomain of it. */
export const emailDomainOf = (address: string): string | undefined =>
  canonicalDomain(address.slice(address.lastIndexOf('@') + 1));
