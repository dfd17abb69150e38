// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { describe, expect, it } from 'vitest';
import {
  address,
  addressOf,
  compareAddresses,
  type Family,
  formatAddress,
  isUnspecified,
  lastValueOf,
  parseAddress,
  sameAddress,
} from './address.ts';

const anyAddress = fc
  .oneof(
    fc.record({ family: fc.constant<Family>(4), value: fc.bigInt(0n, lastValueOf(4)) }),
    fc.record({
      family: fc.constant<Family>(6),
      value: fc.bigInt(0n, lastValueOf(6)),
    }),
  )
  .filter(({ family, value }) => family === 4 || value >> 32n !== 0xffffn);

describe('parseAddress', () => {
  it('reads of IPv4 what the library reads, and refuses what it refuses', () => {
    const part = fc.oneof(
      fc.nat(260).map(String),
      fc.string({ unit: fc.constantFrom(...'0129. +a'), maxLength: 4 }),
    );
    const texts = fc.array(part, { minLength: 3, maxLength: 5 }).map((parts) => parts.join('.'));
    fc.assert(
      fc.property(texts, (text) => {
        const result = parseAddress(text);
        expect(result.ok).toBe(ipaddr.IPv4.isValidFourPartDecimal(text));
        if (result.ok) expect(formatAddress(result.value)).toBe(ipaddr.IPv4.parse(text).toString());
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ['0.0.0.0', 4, 0n],
    ['192.168.0.1', 4, 0xc0a80001n],
    ['255.255.255.255', 4, 0xffffffffn],
    ['::', 6, 0n],
    ['::1', 6, 1n],
    ['FE80::10', 6, (0xfe80n << 112n) | 0x10n],
    ['64:ff9b::192.0.2.1', 6, (0x64ff9bn << 96n) | 0xc0000201n],
  ])('reads %s', (text, family, value) => {
    expect(parseAddress(text)).toEqual({ ok: true, value: { family, value } });
  });

  it.each([
    '',
    'banana',
    '1.2.3',
    '1.2.3.4.5',
    '256.1.1.1',
    '010.0.0.1',
    '0x7f.0.0.1',
    '3232235521',
    ' 1.2.3.4',
    '1.2.3.4 ',
    '1.2.3.4/32',
    'fe80::1%eth0',
    '::ffff:192.0.2.1',
    '1::2::3',
    '12345::',
    '[::1]',
  ])('refuses "%s" and names it', (text) => {
    const result = parseAddress(text);
    expect(result.ok).toBe(false);
    expect(result.ok ? '' : result.problem).toContain(`"${text}"`);
  });
});

describe('formatAddress', () => {
  it.each([
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['1:0:0:0:0:0:0:0', '1::'],
    ['10.0.0.200', '10.0.0.200'],
  ])('writes %s as %s (RFC 5952)', (text, canonical) => {
    expect(formatAddress(address(text))).toBe(canonical);
  });

  it('is undone by parsing', () => {
    fc.assert(
      fc.property(anyAddress, (value) => {
        expect(parseAddress(formatAddress(value))).toEqual({ ok: true, value });
      }),
    );
  });
});

it('orders IPv4 before IPv6, then by value', () => {
  const sorted = ['::1', '10.0.0.2', '10.0.0.10', '::']
    .map(address)
    .sort(compareAddresses)
    .map(formatAddress);
  expect(sorted).toEqual(['10.0.0.2', '10.0.0.10', '::', '::1']);
});

it('knows equal and unspecified addresses', () => {
  expect(sameAddress(address('2001:DB8::1'), address('2001:db8:0::1'))).toBe(true);
  expect(sameAddress(address('0.0.0.1'), address('::1'))).toBe(false);
  expect(isUnspecified(address('::'))).toBe(true);
  expect(isUnspecified(address('0.0.0.1'))).toBe(false);
  expect(addressOf('nope')).toBeUndefined();
  expect(() => address('nope')).toThrow('"nope"');
});
