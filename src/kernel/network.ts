/** Addresses in one form, so that a limit cannot be passed by writing one otherwise. */
import ipaddr from 'ipaddr.js';

/** Canonical text of an IPv4 or IPv6 address (IPv4 in IPv6 is IPv4), or undefined where it is none. No zones, no octal. */
export function canonicalIp(text: string): string | undefined {
  if (text.length > 45 || text.includes('%')) return undefined;
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return text;
  if (!text.includes(':') || !ipaddr.IPv6.isValid(text)) return undefined;
  return ipaddr.process(text).toString();
}

/** The /24 of an IPv4 or the /48 of an IPv6 address in canonical form. */
export function networkOf(ip: string): string {
  const parsed = ipaddr.parse(ip);
  if (parsed instanceof ipaddr.IPv4) return `${ipaddr.IPv4.networkAddressFromCIDR(`${ip}/24`).toString()}/24`;
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${ip}/48`).toString()}/48`;
}
