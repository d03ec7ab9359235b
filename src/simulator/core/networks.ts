/**
 * Networks to be in. Countries and data centres can only be told of addresses that are really allocated, so these are
 * real ranges (checked against the open country database of June 2026); nothing is ever sent to any of them.
 */
import type { Random } from './random.js';

export type Country = 'FR' | 'DE' | 'GB';
export const COUNTRIES: readonly Country[] = ['FR', 'DE', 'GB'];

/** A CIDR as its first address and how many there are. */
interface Range {
  first: number;
  size: number;
}

function range(cidr: string): Range {
  const [address = '', bits = '32'] = cidr.split('/');
  return {
    first: address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0),
    size: 2 ** (32 - Number(bits)),
  };
}

/** Lines to homes. */
const HOMES: Record<Country, readonly Range[]> = {
  FR: ['82.64.0.0/14', '176.128.0.0/10'].map(range),
  DE: ['79.192.0.0/10', '88.64.0.0/12'].map(range),
  GB: ['86.128.0.0/10', '90.192.0.0/11'].map(range),
};

/** Mobile carriers put thousands of members behind a few addresses: ranges as narrow as their exits. */
const MOBILE: Record<Country, readonly Range[]> = {
  FR: ['92.184.96.0/20', '37.160.16.0/22'].map(range),
  DE: ['80.187.80.0/20'].map(range),
  GB: ['86.170.32.0/20'].map(range),
};

/** Where members spend their holidays, and where strangers sit: ES, IT, PT, GR, TH, US, then VN, ID, TR, MA, BR. */
const HOLIDAYS = ['83.32.0.0/11', '79.0.0.0/10', '85.240.0.0/13', '94.64.0.0/13', '171.96.0.0/13', '73.0.0.0/8'].map(
  range,
);
const FAR_AWAY = ['14.160.0.0/11', '36.64.0.0/11', '78.160.0.0/11', '105.128.0.0/11', '177.40.0.0/13'].map(range);

/** Hetzner, OVH, DigitalOcean, AWS: rented machines and exits of VPNs. */
const DATA_CENTRES = ['88.198.0.0/16', '51.38.0.0/16', '104.248.0.0/16', '159.203.0.0/16', '3.120.0.0/14'].map(range);

export const homeIp = (country: Country, random: Random): string => addressIn(HOMES[country], random);
export const mobileIp = (country: Country, random: Random): string => addressIn(MOBILE[country], random);
export const holidayIp = (random: Random): string => addressIn(HOLIDAYS, random);
export const farAwayIp = (random: Random): string => addressIn(FAR_AWAY, random);
export const dataCentreIp = (random: Random): string => addressIn(DATA_CENTRES, random);

function addressIn(ranges: readonly Range[], random: Random): string {
  const { first, size } = random.pick(ranges);
  const host = Math.floor(random.next() * size);
  // .0 and .255 are no hosts in the /24s that most are given out in
  const last = 1 + ((first + host) % 254);
  const net = Math.floor((first + host) / 256);
  return [Math.floor(net / 65_536), Math.floor(net / 256) % 256, net % 256, last].join('.');
}
