// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { type Family, formatValue } from '@fairlead/shared/address/address.ts';
import { formatMac, macBytes } from '../announce/mac.ts';
import type { DhcpIdentity } from './dhcp-addresses.ts';

/**
 * A hardware address that belongs to a name for ever: locally administered, never that of a group, from a hash. What
 * kube-vip draws by chance is lost with its annotation; this one is not. Pure.
 */
export function derivedMac(name: string): string {
  const bytes = createHash('sha256').update(`fairlead dhcp ${name}`).digest().subarray(0, 6);
  bytes.writeUInt8((bytes.readUInt8(0) & 0xfc) | 0x02, 0);
  return formatMac(bytes);
}

/**
 * By what a server knows the client: DHCPv4 the client identifier when one is sent, else the hardware address; DHCPv6 the
 * DUID, which is made of the hardware address. Two Services that are the same in this get one address. Pure.
 */
export function clientOf(family: Family, { mac, hostName }: DhcpIdentity): string {
  return family === 4 && hostName !== undefined ? `id:${clientIdOf(hostName)}` : `mac:${mac}`;
}

/** Client identifier (option 61) of a host name, as kube-vip sends it: its bytes, without a type. Hexadecimal. Pure. */
export function clientIdOf(hostName: string): string {
  return Buffer.from(hostName, 'latin1').toString('hex');
}

/** DUID-LL (RFC 8415, 11.4) of a hardware address, as hexadecimal digits. Pure. */
export function duidOf(mac: string): string {
  return `00030001${Buffer.from(macBytes(mac)).toString('hex')}`;
}

/** IAID: the last four bytes of the hardware address, as most clients choose it. Pure. */
export function iaidOf(mac: string): number {
  return Buffer.from(macBytes(mac)).readUInt32BE(2);
}

/** The link-local address of a hardware address (RFC 4291, appendix A). Pure. */
export function linkLocalOf(mac: string): string {
  const bytes = Buffer.from(macBytes(mac));
  const id = Buffer.concat([bytes.subarray(0, 3), Buffer.from([0xff, 0xfe]), bytes.subarray(3)]);
  id.writeUInt8(id.readUInt8(0) ^ 0x02, 0);
  return formatValue(6, (0xfe80n << 112n) | id.readBigUInt64BE(0));
}
