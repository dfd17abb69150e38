// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatCidr, rangeOfCidr } from './cidr.ts';
import { cidrsOf } from './cover.ts';
import { IntervalSet } from './interval-set.ts';
import { parseRange } from './range.ts';

const cover = (...texts: readonly string[]) => {
  const ranges = texts.map((text) => {
    const range = parseRange(text);
    if (!range.ok) throw new Error(range.problem);
    return range.value;
  });
  return cidrsOf(IntervalSet.of(ranges)).map((cidr) => formatCidr(cidr));
};

/** Fewest prefixes of a set of addresses below 2^bits, by trying: a block that is full is one, others are split. */
function fewest(members: ReadonlySet<number>, first: number, bits: number): number {
  const size = 2 ** bits;
  let inside = 0;
  for (let value = first; value < first + size; value += 1) if (members.has(value)) inside += 1;
  if (inside === 0) return 0;
  if (inside === size) return 1;
  return fewest(members, first, bits - 1) + fewest(members, first + size / 2, bits - 1);
}

describe('the fewest prefixes of a set', () => {
  it.each([
    [['192.0.2.0-192.0.2.255'], ['192.0.2.0/24']],
    [['192.0.2.10-192.0.2.20'], ['192.0.2.10/31', '192.0.2.12/30', '192.0.2.16/30', '192.0.2.20/32']],
    [['192.0.2.8-192.0.2.11', '192.0.2.12-192.0.2.15'], ['192.0.2.8/29']],
    [['0.0.0.0-255.255.255.255'], ['0.0.0.0/0']],
    [['255.255.255.254-255.255.255.255'], ['255.255.255.254/31']],
    [
      ['2001:db8::-2001:db8::ffff', '192.0.2.1-192.0.2.1'],
      ['192.0.2.1/32', '2001:db8::/112'],
    ],
    [['::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'], ['::/0']],
    [[], []],
  ])('of %j are %j', (ranges, expected) => {
    expect(cover(...ranges)).toEqual(expected);
  });

  it('hold the same addresses, and no fewer would do', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat(255), { maxLength: 256 }),
        fc.constantFrom(4 as const, 6 as const),
        (values, family) => {
          const base = family === 4 ? 0xc0000200n : 0x20010db8n << 96n;
          const set = IntervalSet.of(
            values.map((value) => ({ family, first: base + BigInt(value), last: base + BigInt(value) })),
          );
          const cidrs = cidrsOf(set);
          expect(IntervalSet.of(cidrs.map((cidr) => rangeOfCidr(cidr))).equals(set)).toBe(true);
          expect(cidrs).toHaveLength(fewest(new Set(values), 0, 8));
        },
      ),
    );
  });
});
