import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalIp, networkOf } from '../../../src/kernel/network.js';

describe('one address, one text', () => {
  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
    ['2001:db8::1', '2001:db8::1'],
    ['2001:DB8::1', '2001:db8::1'],
    ['2001:0db8:0000:0000:0000:0000:0000:0001', '2001:db8::1'],
    ['2001:db8:0:0:1::1', '2001:db8::1:0:0:1'], // RFC 5952 §4.2.3
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['::FFFF:cb00:7107', '203.0.113.7'],
    ['::1', '::1'],
    ['::', '::'],
  ])('%s is %s', (text, canonical) => expect(canonicalIp(text)).toBe(canonical));

  it('however an IPv6 address is written', () => {
    const groups = fc.array(fc.nat(0xffff), { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(groups, fc.boolean(), (numbers, capitals) => {
        const short = numbers.map((number) => number.toString(16)).join(':');
        const long = numbers.map((number) => number.toString(16).padStart(4, '0')).join(':');
        const canonical = canonicalIp(short);
        expect(canonicalIp(capitals ? long.toUpperCase() : long)).toBe(canonical);
        expect(canonicalIp(canonical ?? '')).toBe(canonical);
      }),
    );
  });

  it.each([
    '',
    '1',
    '203.0.113',
    '203.0.113.256',
    '203.0.113.07', // octal to some
    '0x7f.0.0.1',
    '2130706433',
    '203.0.113.7 ',
    '203.0.113.7/24',
    'fe80::1%eth0',
    ':::',
    '1:2:3:4:5:6:7:8:9',
    '[::1]',
    'localhost',
    `::${'0'.repeat(50)}1`,
    '２０３.0.113.7',
    '203.0.113.7\0',
  ])('%j is none', (text) => expect(canonicalIp(text)).toBeUndefined());
});

describe('network', () => {
  it.each([
    ['203.0.113.7', '203.0.113.0/24'],
    ['203.0.113.255', '203.0.113.0/24'],
    ['203.0.114.0', '203.0.114.0/24'],
    ['2001:db8:1:ffff::1', '2001:db8:1::/48'],
    ['2001:db8:2::1', '2001:db8:2::/48'],
    ['::1', '::/48'],
  ])('of %s is %s', (ip, network) => expect(networkOf(ip)).toBe(network));
});
