import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { type NetworkRanges, unpackRanges } from '../../../src/signals/core/address-ranges.js';
import type { IpFacts } from '../../../src/signals/core/facts.js';
import { type NetworkData, openNetworkData } from '../../../src/signals/network-data.js';
import { seeded } from '../velocity/seeded.js';

const BIN = new URL('../../../src/signals/data/networks.bin', import.meta.url);

let networks: NetworkData;
let ranges: NetworkRanges;

beforeAll(async () => {
  networks = await openNetworkData();
  ranges = unpackRanges(readFileSync(BIN));
});

const kindOf = (facts: IpFacts | undefined): string => {
  if (facts?.dataCentre === undefined) return 'neither';
  if (facts.dataCentre) return facts.relay ? 'both' : 'data centre';
  return facts.relay ? 'relay' : 'member';
};

const ipv4Text = (value: number): string =>
  [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255].join('.');

/** The first address of a /48. */
const ipv6Text = (value: number): string =>
  `${[2 ** 32, 2 ** 16, 1].map((unit) => (Math.floor(value / unit) % 65_536).toString(16)).join(':')}::`;

describe('what open data says of an address', { timeout: 60_000 }, () => {
  it.each<[string, string | undefined, string, string]>([
    ['8.8.8.8', 'US', 'data centre', 'Google'],
    ['2001:4860:4860::8888', 'US', 'data centre', 'Google'],
    ['34.65.0.1', 'US', 'data centre', 'Google Cloud, Zürich: the country is the provider’s'],
    ['18.184.0.1', 'US', 'data centre', 'AWS, Frankfurt'],
    ['3.5.140.1', 'US', 'data centre', 'AWS, Seoul'],
    ['2a05:d018::1', 'US', 'data centre', 'AWS, Ireland'],
    ['20.50.0.1', 'US', 'data centre', 'Azure'],
    ['5.9.0.1', 'DE', 'data centre', 'Hetzner'],
    ['2a01:4f8::1', 'DE', 'data centre', 'Hetzner'],
    ['51.38.0.1', 'FR', 'data centre', 'OVHcloud'],
    ['2001:41d0::1', 'FR', 'data centre', 'OVHcloud'],
    ['51.15.0.1', 'FR', 'data centre', 'Scaleway'],
    ['165.227.0.1', 'US', 'data centre', 'DigitalOcean'],
    ['45.76.0.1', 'US', 'data centre', 'Vultr'],
    ['140.238.0.1', 'US', 'data centre', 'Oracle Cloud'],
    ['47.88.0.1', 'CN', 'data centre', 'Alibaba Cloud'],
    ['43.128.0.1', 'CN', 'data centre', 'Tencent Cloud'],
    ['193.27.12.1', 'RO', 'data centre', 'M247'],
    ['104.28.0.1', undefined, 'relay', 'Cloudflare'],
    ['2606:4700::1', undefined, 'relay', 'Cloudflare'],
    ['172.224.224.1', undefined, 'relay', 'Akamai'],
    ['140.248.0.1', undefined, 'relay', 'Fastly'],
    ['84.128.0.1', 'DE', 'member', 'Deutsche Telekom'],
    ['2003:c0::1', 'DE', 'member', 'Deutsche Telekom'],
    ['90.0.0.1', 'FR', 'member', 'Orange'],
    ['2a01:cb00::1', 'FR', 'member', 'Orange'],
    ['82.64.0.1', 'FR', 'member', 'Free, whose sister is Scaleway'],
    ['85.0.0.1', 'CH', 'member', 'Swisscom'],
    ['83.32.0.1', 'ES', 'member', 'Telefónica'],
    ['86.128.0.1', 'GB', 'member', 'BT'],
    ['73.0.0.1', 'US', 'member', 'Comcast'],
    ['126.0.0.1', 'JP', 'member', 'SoftBank'],
  ])('%s is in %s and a %s (%s)', (ip, country, kind) => {
    const facts = networks.of(ip);
    expect({ country: facts?.country, kind: kindOf(facts) }).toEqual({ country, kind });
  });

  it.each([
    '0.0.0.0',
    '10.0.0.1',
    '100.64.0.1',
    '127.0.0.1',
    '169.254.1.1',
    '172.16.0.1',
    '192.168.1.1',
    '203.0.113.17',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    'fe80::1',
    'fd00::1',
    'ff02::1',
    '2001:db8::1',
    '2002:808:808::1',
    '64:ff9b::808:808',
    '::ffff:192.168.1.1',
  ])('%s has no country and no kind', (ip) => {
    const facts = networks.of(ip);
    expect(Object.keys(facts!)).toEqual(['address', 'prefix']);
  });

  it('reads one address the same however it is written', () => {
    const written = ['::ffff:8.8.8.8', '::FFFF:808:808', '0:0:0:0:0:ffff:808:0808'];
    for (const ip of written) expect(networks.of(ip)).toEqual(networks.of('8.8.8.8'));
    expect(networks.of('2A01:04F8:0:0::0001')).toEqual(networks.of('2a01:4f8::1'));
    expect(networks.of('2a01:4f8::1')).toMatchObject({ address: '2a01:4f8::1', prefix: '2a01:4f8::/48' });
  });

  it('knows nothing of what is no address', () => {
    for (const text of [
      '',
      'x',
      '8.8.8',
      '8.8.8.8/32',
      '008.8.8.8',
      '134744072',
      'fe80::1%eth0',
      '::1\n',
      '1'.repeat(400),
    ]) {
      expect(networks.of(text)).toBeUndefined();
    }
  });

  it.each([
    ['dataCentres', 'dataCentre'],
    ['relays', 'relay'],
  ] as const)('is right on both sides of every boundary of the IPv4 %s', (kind, fact) => {
    const within = (value: number) => networks.of(ipv4Text(value))?.[fact] ?? false;
    ranges[kind].ipv4.forEach((point, i) => {
      const begins = i % 2 === 0;
      expect([within(point - 1), within(point)], ipv4Text(point)).toEqual([!begins, begins]);
    });
  });

  it('is right on both sides of every boundary of the IPv6 data centres', () => {
    const within = (value: number) => networks.of(ipv6Text(value))?.dataCentre ?? false;
    ranges.dataCentres.ipv6.forEach((point, i) => {
      const begins = i % 2 === 0;
      expect([within(point - 1), within(point)], ipv6Text(point)).toEqual([!begins, begins]);
    });
  });

  it('answers a million addresses as a walk over all ranges does', () => {
    const random = seeded(5);
    const values = Uint32Array.from({ length: 1_000_000 }, () => random.below(2 ** 32)).toSorted();
    const { ipv4 } = ranges.dataCentres;
    let passed = 0;
    const told = { inside: 0, outside: 0, wrong: 0 };
    for (const value of values) {
      while (passed < ipv4.length && ipv4[passed]! <= value) passed++;
      const dataCentre = networks.of(ipv4Text(value))?.dataCentre;
      if (dataCentre === undefined) continue;
      if (dataCentre !== (passed % 2 === 1)) told.wrong++;
      told[dataCentre ? 'inside' : 'outside']++;
    }
    expect(told.wrong).toBe(0);
    // the table names about a tenth of all public addresses: a fifth would be someone's homes
    expect(told.inside / told.outside).toBeGreaterThan(0.08);
    expect(told.inside / told.outside).toBeLessThan(0.15);
  });

  it('has no network of both kinds', () => {
    for (const { ipv4 } of [ranges.dataCentres, ranges.relays]) {
      const first = [...ipv4].filter((_, i) => i % 2 === 0);
      expect(first.length).toBeGreaterThan(1000);
      expect(first.filter((value) => kindOf(networks.of(ipv4Text(value))) === 'both')).toEqual([]);
    }
  });

  it('stays small enough for a repository', () => {
    expect(readFileSync(BIN).length).toBeLessThan(1_000_000);
  });
});
