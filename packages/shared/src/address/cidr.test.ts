// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { address, formatValue } from './address.ts';
import { type Cidr, cidrContains, formatCidr, parseCidr, rangeOfCidr } from './cidr.ts';
import { formatRange, parseRange, rangeOfAddress, sizeOfRange } from './range.ts';

function cidr(text: string): Cidr {
  const result = parseCidr(text);
  if (!result.ok) throw new Error(result.problem);
  return result.value;
}

describe('parseCidr', () => {
  it.each([
    ['192.168.0.0/24', '192.168.0.0/24', false, '192.168.0.0-192.168.0.255'],
    ['192.168.0.220/29', '192.168.0.216/29', true, '192.168.0.216-192.168.0.223'],
    ['10.1.2.3/32', '10.1.2.3/32', false, '10.1.2.3'],
    ['0.0.0.0/0', '0.0.0.0/0', false, '0.0.0.0-255.255.255.255'],
    ['2001:db8::/127', '2001:db8::/127', false, '2001:db8::-2001:db8::1'],
    ['2001:db8::5/64', '2001:db8::/64', true, '2001:db8::-2001:db8::ffff:ffff:ffff:ffff'],
  ])('reads %s', (text, canonical, masked, range) => {
    const value = cidr(text);
    expect(formatCidr(value)).toBe(canonical);
    expect(value.hostBitsMasked).toBe(masked);
    expect(formatRange(rangeOfCidr(value))).toBe(range);
  });

  it.each(['10.0.0.0', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/08', '10.0.0.0/', 'banana/8', '::/129', '/'])(
    'refuses %s and names it',
    (text) => {
      const result = parseCidr(text);
      expect(result.ok ? '' : result.problem).toContain(`"${text}"`);
    },
  );

  it('contains exactly the addresses of its range', () => {
    fc.assert(
      fc.property(
        fc.bigInt(0n, 255n),
        fc.integer({ min: 24, max: 32 }),
        fc.bigInt(0n, 255n),
        (base, length, probe) => {
          const value = cidr(`${formatValue(4, base)}/${length}`);
          const range = rangeOfCidr(value);
          expect(cidrContains(value, { family: 4, value: probe })).toBe(
            range.first <= probe && probe <= range.last,
          );
          expect(cidrContains(value, { family: 6, value: probe })).toBe(false);
        },
      ),
    );
  });
});

describe('parseRange', () => {
  it.each([
    ['10.0.0.1-10.0.0.9', '10.0.0.1-10.0.0.9', 9n],
    [' 10.0.0.1 - 10.0.0.9 ', '10.0.0.1-10.0.0.9', 9n],
    ['::1-::1', '::1', 1n],
  ])('reads "%s"', (text, canonical, size) => {
    const result = parseRange(text);
    if (!result.ok) throw new Error(result.problem);
    expect(formatRange(result.value)).toBe(canonical);
    expect(sizeOfRange(result.value)).toBe(size);
  });

  it.each([
    ['banana', 'not an address range'],
    ['10.0.0.9-10.0.0.1', 'ends before it starts'],
    ['10.0.0.1-::1', 'one family'],
    ['10.0.0.1-10.0.0.300', '10.0.0.300'],
    ['10.0.0.1-', 'not an IP address'],
    ['10.0.0.1-10.0.0.2-10.0.0.3', 'not an IP address'],
  ])('refuses %s: %s', (text, reason) => {
    const result = parseRange(text);
    expect(result.ok ? '' : result.problem).toContain(reason);
    expect(result.ok ? '' : result.problem).toContain(text);
  });

  it('makes a range of one address', () => {
    expect(formatRange(rangeOfAddress(address('10.0.0.7')))).toBe('10.0.0.7');
  });
});
