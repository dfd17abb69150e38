// SPDX-License-Identifier: Apache-2.0

/** The Ethernet broadcast address. */
export const BROADCAST_MAC = 'ff:ff:ff:ff:ff:ff';
/** All zeros: "not known" in an ARP request. */
export const ZERO_MAC = '00:00:00:00:00:00';

/** Six bytes as lower-case hexadecimal with colons, the form used everywhere in the agent. */
export function formatMac(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    .toString('hex')
    .replace(/..(?!$)/g, '$&:');
}

/**
 * The six bytes of a hardware address.
 *
 * @throws TypeError when the text is not six pairs of hexadecimal digits with colons
 */
export function macBytes(mac: string): Uint8Array {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(mac)) {
    throw new TypeError(`"${mac}" is not a hardware address; expected for example 02:00:5e:10:00:01`);
  }
  return Buffer.from(mac.replaceAll(':', ''), 'hex');
}

/** Whether the group bit is set: multicast or broadcast, never the address of one station. */
export function isGroupMac(mac: string): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
}
