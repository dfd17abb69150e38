// SPDX-License-Identifier: Apache-2.0
import { bitsOf, FAMILIES } from './address.ts';
import type { Cidr } from './cidr.ts';
import type { IntervalSet } from './interval-set.ts';
import type { AddressRange } from './range.ts';

/** The fewest prefixes that hold exactly the addresses of a set, IPv4 first, ascending. */
export function cidrsOf(set: IntervalSet): readonly Cidr[] {
  return FAMILIES.flatMap((family) => set.ranges(family).flatMap((range) => cidrsOfRange(range)));
}

/**
 * The largest prefix that begins where the last one ended, as often as needed. No cover is smaller: a prefix of any cover lies within one
 * of these, since prefixes do not overlap in part.
 */
function cidrsOfRange({ family, first, last }: AddressRange): readonly Cidr[] {
  const cidrs: Cidr[] = [];
  const bits = bitsOf(family);
  for (let network = first; network <= last; ) {
    let hostBits = 0;
    // One bit more as long as the prefix still begins here and does not reach beyond the end.
    while (hostBits < bits) {
      const size = 1n << BigInt(hostBits + 1);
      if (network % size !== 0n || network + size - 1n > last) break;
      hostBits += 1;
    }
    cidrs.push({ family, network, prefixLength: bits - hostBits, hostBitsMasked: false });
    network += 1n << BigInt(hostBits);
  }
  return cidrs;
}
