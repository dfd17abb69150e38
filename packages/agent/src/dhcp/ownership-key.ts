// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { type Family, formatValue } from '@fairlead/shared/address/address.ts';

/*
 * Who owns an address that DHCP has yet to give is decided before there is an address. Engines, their datagrams and their
 * Leases know addresses only, so the wish itself gets one: 64 bits of a hash in the discard-only prefix 100::/64
 * (RFC 6666), which no network carries and no pool contains. It stays the same while the address behind it changes.
 */

/** The discard-only prefix, 100::/64. */
const PREFIX = 0x0100_0000_0000_0000n << 64n;
const PREFIX_TEXT = '100::';

/**
 * The name under which nodes elect the owner of a DHCP address: the same for all Services with one client identity, since
 * a server gives these one address. Pure.
 *
 * @param identity what the server tells clients by: the client identifier, else the hardware address
 */
export function ownershipKey(family: Family, identity: string): string {
  const hash = createHash('sha256').update(`fairlead dhcp ${family} ${identity}`).digest();
  return formatValue(6, PREFIX | hash.readBigUInt64BE(0));
}

/** Whether a text that ownership handles is such a key and no address of the network. Pure. */
export function isOwnershipKey(text: string): boolean {
  return text.startsWith(PREFIX_TEXT);
}
