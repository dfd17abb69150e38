// SPDX-License-Identifier: Apache-2.0
import type { Family } from '../address/address.ts';
import type { AddressRange } from '../address/range.ts';

/**
 * Whether an IPv4 address ends in .0 or .255. Such addresses are the network or broadcast address of the subnets most
 * people run, and kube-vip-cloud-provider never hands them out; see docs/decisions for when we do.
 */
export function isOctetEnd(family: Family, value: bigint): boolean {
  if (family !== 4) return false;
  const octet = value & 0xffn;
  return octet === 0n || octet === 0xffn;
}

/** Number of addresses in the range that end in .0 or .255; 0 for IPv6. */
export function countOctetEnds(range: AddressRange): bigint {
  if (range.family !== 4) return 0n;
  return endsBelow(range.last + 1n) - endsBelow(range.first);
}

/** Number of values below `limit` that end in .0 or .255. */
function endsBelow(limit: bigint): bigint {
  return (limit >> 8n) * 2n + ((limit & 0xffn) > 0n ? 1n : 0n);
}
