// SPDX-License-Identifier: Apache-2.0
import { addressOf, type Family, formatValue } from '@fairlead/shared/address/address.ts';
import { formatMac, macBytes } from '../announce/mac.ts';

/** A UDP datagram in its IP and Ethernet headers. */
export interface UdpFrame {
  readonly family: Family;
  readonly sourceMac: string;
  readonly destinationMac: string;
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly payload: Uint8Array;
}

const ETHERNET = 14;
const ETHER_TYPE = { 4: 0x0800, 6: 0x86dd } as const;
const HEADER = { 4: 20, 6: 40 } as const;
const UDP = 17;
const UDP_HEADER = 8;
const TTL = 64;
const DONT_FRAGMENT = 0x4000;
/** More fragments, or an offset. */
const FRAGMENT = 0x3fff;

/**
 * The frame as bytes, checksums included.
 *
 * @throws TypeError when an address is malformed or of another family
 */
export function encodeUdpFrame(frame: UdpFrame): Uint8Array {
  const { family, payload } = frame;
  const udpAt = ETHERNET + HEADER[family];
  const length = UDP_HEADER + payload.length;
  const bytes = Buffer.alloc(udpAt + length);
  bytes.set(macBytes(frame.destinationMac), 0);
  bytes.set(macBytes(frame.sourceMac), 6);
  bytes.writeUInt16BE(ETHER_TYPE[family], 12);
  const source = ipBytes(frame.source, family);
  const destination = ipBytes(frame.destination, family);
  if (family === 4) {
    bytes.writeUInt8(0x45, ETHERNET);
    bytes.writeUInt16BE(HEADER[4] + length, ETHERNET + 2);
    bytes.writeUInt16BE(DONT_FRAGMENT, ETHERNET + 6);
    bytes.writeUInt8(TTL, ETHERNET + 8);
    bytes.writeUInt8(UDP, ETHERNET + 9);
    bytes.set(source, ETHERNET + 12);
    bytes.set(destination, ETHERNET + 16);
    bytes.writeUInt16BE(complement(sumOf(bytes.subarray(ETHERNET, udpAt))), ETHERNET + 10);
  } else {
    bytes.writeUInt8(0x60, ETHERNET);
    bytes.writeUInt16BE(length, ETHERNET + 4);
    bytes.writeUInt8(UDP, ETHERNET + 6);
    bytes.writeUInt8(TTL, ETHERNET + 7);
    bytes.set(source, ETHERNET + 8);
    bytes.set(destination, ETHERNET + 24);
  }
  bytes.writeUInt16BE(frame.sourcePort, udpAt);
  bytes.writeUInt16BE(frame.destinationPort, udpAt + 2);
  bytes.writeUInt16BE(length, udpAt + 4);
  bytes.set(payload, udpAt + UDP_HEADER);
  const sum = sumOf(source) + sumOf(destination) + UDP + length + sumOf(bytes.subarray(udpAt));
  // A checksum of zero would mean that there is none (RFC 768).
  bytes.writeUInt16BE(complement(sum) || 0xffff, udpAt + 6);
  return bytes;
}

/**
 * Reads an Ethernet frame. Undefined for everything that is not one whole UDP datagram: other types, fragments, extension
 * headers, lengths that do not fit, a wrong IPv4 header checksum. The UDP checksum is not looked at: on links of one machine
 * it has often not been computed when a packet socket gets its copy. Never throws.
 */
export function decodeUdpFrame(frame: Uint8Array): UdpFrame | undefined {
  const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
  const family = familyOf(bytes);
  if (family === undefined) return undefined;
  const header = family === 4 ? (bytes.readUInt8(ETHERNET) & 0xf) * 4 : HEADER[6];
  const udpAt = ETHERNET + header;
  if (header < HEADER[family] || bytes.length < udpAt + UDP_HEADER) return undefined;
  if (family === 4 && !isWholeIpv4(bytes, udpAt)) return undefined;
  if (family === 6 && bytes.readUInt8(ETHERNET + 6) !== UDP) return undefined;
  const room = family === 4 ? bytes.readUInt16BE(ETHERNET + 2) - header : bytes.readUInt16BE(ETHERNET + 4);
  const length = bytes.readUInt16BE(udpAt + 4);
  if (length < UDP_HEADER || length > room || bytes.length < udpAt + length) return undefined;
  const addressesAt = ETHERNET + (family === 4 ? 12 : 8);
  const size = family === 4 ? 4 : 16;
  return {
    family,
    destinationMac: formatMac(bytes.subarray(0, 6)),
    sourceMac: formatMac(bytes.subarray(6, 12)),
    source: ipText(bytes.subarray(addressesAt, addressesAt + size), family),
    destination: ipText(bytes.subarray(addressesAt + size, addressesAt + 2 * size), family),
    sourcePort: bytes.readUInt16BE(udpAt),
    destinationPort: bytes.readUInt16BE(udpAt + 2),
    payload: bytes.subarray(udpAt + UDP_HEADER, udpAt + length),
  };
}

function familyOf(bytes: Buffer): Family | undefined {
  if (bytes.length < ETHERNET + 20) return undefined;
  const version = bytes.readUInt8(ETHERNET) >> 4;
  const family = version === 4 || version === 6 ? version : undefined;
  return family !== undefined && bytes.readUInt16BE(12) === ETHER_TYPE[family] ? family : undefined;
}

function isWholeIpv4(bytes: Buffer, udpAt: number): boolean {
  return (
    bytes.readUInt8(ETHERNET + 9) === UDP &&
    (bytes.readUInt16BE(ETHERNET + 6) & FRAGMENT) === 0 &&
    complement(sumOf(bytes.subarray(ETHERNET, udpAt))) === 0
  );
}

/** Sum of 16-bit words, an odd last byte padded (RFC 1071). */
function sumOf(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += ((bytes[at] ?? 0) << 8) + (bytes[at + 1] ?? 0);
  return sum;
}

function complement(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x1_0000);
  return ~folded & 0xffff;
}

function ipBytes(text: string, family: Family): Uint8Array {
  const address = addressOf(text);
  if (address?.family !== family) throw new TypeError(`"${text}" is not an IPv${family} address`);
  return Buffer.from(address.value.toString(16).padStart(family === 4 ? 8 : 32, '0'), 'hex');
}

function ipText(bytes: Buffer, family: Family): string {
  return formatValue(family, BigInt(`0x${bytes.toString('hex')}`));
}
