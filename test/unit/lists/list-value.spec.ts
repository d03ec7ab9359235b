import * as fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { describe, expect, it } from 'vitest';
import { canonicalIp } from '../../../src/kernel/network.js';
import { LIST_SUBJECTS } from '../../../src/lists/core/list-entry.js';
import { emailDomainOf, normaliseValue } from '../../../src/lists/core/list-value.js';
import { addressOf, canonicalNetwork, networkKey, networkOfCanonical } from '../../../src/lists/core/network-value.js';

describe('ip', () => {
  it.each([
    ['203.0.113.7', '203.0.113.7/32'],
    ['203.0.113.7/32', '203.0.113.7/32'],
    ['203.0.113.7/24', '203.0.113.0/24'],
    ['255.255.255.255/1', '128.0.0.0/1'],
    ['0.0.0.0/1', '0.0.0.0/1'],
    ['2001:DB8::1', '2001:db8::1/128'],
    ['2001:db8:ffff:ffff::1/33', '2001:db8:8000::/33'],
    ['2001:0db8:0000::/48', '2001:db8::/48'],
    ['::/1', '::/1'],
    ['ffff::/1', '8000::/1'],
    ['1:2:3:4:5:6:7:8/127', '1:2:3:4:5:6:7:8/127'],
    // IPv4 written as IPv6 is IPv4: the first 96 bits are not its own
    ['::ffff:203.0.113.7', '203.0.113.7/32'],
    ['::ffff:203.0.113.7/128', '203.0.113.7/32'],
    ['::FFFF:cb00:7107/120', '203.0.113.0/24'],
    ['::ffff:203.0.113.7/97', '128.0.0.0/1'],
  ])('%s is %s', (text, canonical) => expect(normaliseValue('ip', text)).toBe(canonical));

  it.each([
    '',
    '/24',
    '203.0.113.7/',
    '203.0.113.7/0',
    '::/0',
    '::ffff:0.0.0.0/96', // every IPv4 address
    '::ffff:203.0.113.7/24', // more than every IPv4 address
    '203.0.113.7/33',
    '::/129',
    '203.0.113.7/024',
    '203.0.113.7/+24',
    '203.0.113.7/-1',
    '203.0.113.7/2.4',
    '203.0.113.7/1e1',
    '203.0.113.7/24 ',
    '203.0.113.7/24/24',
    '203.0.113.7/255.255.255.0',
    '203.0.113/24',
    '0x7f.1/8',
    'fe80::1%eth0/64',
    'example.com',
    '203.0.113.7\0',
  ])('%j is none', (text) => expect(normaliseValue('ip', text)).toBeUndefined());

  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  const address = fc.oneof(bytes(4), bytes(16)).map((raw) => ipaddr.fromByteArray([...raw]));

  it('says what ipaddr.js says, for every address and prefix length', () => {
    fc.assert(
      fc.property(address, fc.integer({ min: 1, max: 128 }), (parsed, length) => {
        const width = parsed.kind() === 'ipv4' ? 32 : 128;
        const prefixLength = Math.min(length, width);
        const text = `${parsed.toString()}/${prefixLength}`;
        const kind = width === 32 ? ipaddr.IPv4 : ipaddr.IPv6;
        const network = ipaddr.process(kind.networkAddressFromCIDR(text).toString());
        if (parsed.kind() !== ipaddr.process(parsed.toString()).kind()) return;
        expect(canonicalNetwork(text)).toBe(`${network.toString()}/${prefixLength}`);
      }),
      { numRuns: 1000 },
    );
  });

  it('reads an address as the kernel does, in every form, and nothing else', () => {
    const group = fc.oneof(
      { weight: 6, arbitrary: fc.integer({ min: 0, max: 0x1ffff }).map((n) => n.toString(16)) },
      fc.constantFrom('', '0', 'FFFF', 'ffff', '00001', 'g', '1.2.3.4', ' ', '-1'),
    );
    const text = fc.oneof(
      fc.ipV4(),
      fc.ipV6(),
      fc.array(group, { minLength: 1, maxLength: 10 }).map((groups) => groups.join(':')),
    );
    fc.assert(
      fc.property(text, (written) => {
        const canonical = canonicalIp(written);
        const parsed = addressOf(written);
        expect(parsed === undefined, written).toBe(canonical === undefined);
        expect(parsed, written).toEqual(addressOf(canonical ?? ''));
        expect(canonicalNetwork(written)?.replace(/\/\d+$/, ''), written).toBe(canonical);
      }),
      { numRuns: 5000 },
    );
  });

  it('an address is in a network where ipaddr.js says so', () => {
    fc.assert(
      fc.property(address, address, fc.integer({ min: 1, max: 128 }), (one, other, length) => {
        const width = one.kind() === 'ipv4' ? 32 : 128;
        const text = canonicalNetwork(`${one.toString()}/${Math.min(length, width)}`) ?? '';
        const network = networkOfCanonical(text);
        for (const candidate of [one, other]) {
          const found = addressOf(candidate.toString());
          const contains =
            found?.width === network.address.width &&
            networkKey(found, network.prefixLength) === networkKey(network.address, network.prefixLength);
          const expected = candidate.kind() === one.kind() && candidate.match(ipaddr.parseCIDR(text));
          expect(contains, `${candidate.toString()} in ${text}`).toBe(expected);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('email_domain', () => {
  it.each([
    ['example.com', 'example.com'],
    ['EXAMPLE.Com', 'example.com'],
    ['example.com.', 'example.com'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['BÜCHER.example', 'xn--bcher-kva.example'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['ｅｘａｍｐｌｅ.com', 'example.com'],
    ['example。com', 'example.com'],
    ['mail.example.co.uk', 'mail.example.co.uk'],
    ['123.example', '123.example'],
    ['a.xn--p1ai', 'a.xn--p1ai'],
    [`${'a'.repeat(63)}.example`, `${'a'.repeat(63)}.example`],
  ])('%s is %s', (text, canonical) => expect(normaliseValue('email_domain', text)).toBe(canonical));

  it.each([
    '',
    '.',
    'localhost',
    'someone@example.com',
    '@example.com',
    'someone＠example.com', // full-width, which IDNA reads as @
    'example.com/path',
    'example.com?x',
    'example.com#x',
    'example.com:25',
    'example.com\\x',
    'exa mple.com',
    'example.com\n',
    'exa\tmple.com', // which a URL parser takes away
    'example%2ecom',
    '*.example.com',
    '-a.example',
    'a-.example',
    'a..example',
    '.example.com',
    'example.com..',
    '_dmarc.example',
    '1.2.3.4',
    '1.2',
    '0x7f.1',
    '[::1]',
    `${'a'.repeat(64)}.example`,
    `${'a.'.repeat(130)}example`,
    'example.com\0',
  ])('%j is none', (text) => expect(normaliseValue('email_domain', text)).toBeUndefined());

  it.each([
    ['someone@example.com', 'example.com'],
    ['"a@b"@Example.COM', 'example.com'],
    ['someone@bücher.example', 'xn--bcher-kva.example'],
    ['example.com', 'example.com'],
    ['someone@', undefined],
    ['someone@localhost', undefined],
    ['someone@[203.0.113.7]', undefined],
  ])('of the address %s it is %s', (address, domain) => expect(emailDomainOf(address)).toBe(domain));
});

it('an id is taken as it is, and nothing else is one', () => {
  for (const subject of ['account', 'device', 'instrument', 'store', 'employee'] as const) {
    expect(normaliseValue(subject, 'Store-12._~')).toBe('Store-12._~');
    for (const value of ['', 'a b', 'a@example.com', 'a/b', 'é', 'x'.repeat(129), 'a\n']) {
      expect(normaliseValue(subject, value), value).toBeUndefined();
    }
  }
});

it('what is canonical stays as it is, whatever was given', () => {
  const text = fc.oneof(
    fc.string({ maxLength: 40 }),
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.domain(),
    fc.ipV4(),
    fc.ipV6(),
    fc.tuple(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat(130)).map(([ip, length]) => `${ip}/${length}`),
  );
  fc.assert(
    fc.property(fc.constantFrom(...LIST_SUBJECTS), text, (subject, value) => {
      const canonical = normaliseValue(subject, value);
      expect(normaliseValue(subject, canonical ?? '')).toBe(canonical);
    }),
    { numRuns: 2000 },
  );
});
