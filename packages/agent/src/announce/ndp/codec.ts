// SPDX-License-Identifier: Apache-2.0
import { addressOf, formatValue } from '@fairlead/shared/address/address.ts';
import { formatMac, macBytes } from '../mac.ts';

interface NdpCommon {
  readonly destinationMac: string;
  readonly sourceMac: string;
  /** Source of the IPv6 header; `::` while the sender looks for duplicates. */
  readonly source: string;
  readonly destination: string;
  /** The address that the message is about. */
  readonly target: string;
  /** Link-layer address option: the source's in a solicitation, the target's in an advertisement. */
  readonly linkMac?: string;
}

/** Neighbour solicitation (RFC 4861 section 4.3) in its Ethernet and IPv6 headers. */
export interface Solicitation extends NdpCommon {
  readonly type: 'solicitation';
}

/** Neighbour advertisement (RFC 4861 section 4.4) in its Ethernet and IPv6 headers. */
export interface Advertisement extends NdpCommon {
  readonly type: 'advertisement';
  readonly isRouter: boolean;
  readonly isSolicited: boolean;
  readonly overrides: boolean;
}

/** The NDP messages that matter for who has an address. */
export type NdpFrame = Solicitation | Advertisement;

const ETHER_TYPE_IPV6 = 0x86dd;
const NEXT_HEADER_ICMPV6 = 58;
/** Nothing that came through a router may be believed, RFC 4861 section 7.1. */
const HOP_LIMIT = 255;
const TYPE_SOLICITATION = 135;
const TYPE_ADVERTISEMENT = 136;
const OPTION_SOURCE_LINK = 1;
const OPTION_TARGET_LINK = 2;
const FLAG_ROUTER = 0x80;
const FLAG_SOLICITED = 0x40;
const FLAG_OVERRIDE = 0x20;

const IPV6_AT = 14;
const ICMP_AT = IPV6_AT + 40;
const OPTIONS_AT = ICMP_AT + 24;
const OPTION_LENGTH = 8;

/**
 * The frame as bytes, checksum included.
 *
 * @throws TypeError when a hardware or IPv6 address is malformed
 */
export function encodeNdp(frame: NdpFrame): Uint8Array {
  const icmpLength = 24 + (frame.linkMac === undefined ? 0 : OPTION_LENGTH);
  const bytes = Buffer.alloc(ICMP_AT + icmpLength);
  bytes.set(macBytes(frame.destinationMac), 0);
  bytes.set(macBytes(frame.sourceMac), 6);
  bytes.writeUInt16BE(ETHER_TYPE_IPV6, 12);
  bytes.writeUInt8(0x60, IPV6_AT);
  bytes.writeUInt16BE(icmpLength, IPV6_AT + 4);
  bytes.writeUInt8(NEXT_HEADER_ICMPV6, IPV6_AT + 6);
  bytes.writeUInt8(HOP_LIMIT, IPV6_AT + 7);
  bytes.set(ipv6Bytes(frame.source), IPV6_AT + 8);
  bytes.set(ipv6Bytes(frame.destination), IPV6_AT + 24);
  bytes.writeUInt8(frame.type === 'solicitation' ? TYPE_SOLICITATION : TYPE_ADVERTISEMENT, ICMP_AT);
  if (frame.type === 'advertisement') {
    const flags =
      (frame.isRouter ? FLAG_ROUTER : 0) |
      (frame.isSolicited ? FLAG_SOLICITED : 0) |
      (frame.overrides ? FLAG_OVERRIDE : 0);
    bytes.writeUInt8(flags, ICMP_AT + 4);
  }
  bytes.set(ipv6Bytes(frame.target), ICMP_AT + 8);
  if (frame.linkMac !== undefined) {
    bytes.writeUInt8(frame.type === 'solicitation' ? OPTION_SOURCE_LINK : OPTION_TARGET_LINK, OPTIONS_AT);
    bytes.writeUInt8(1, OPTIONS_AT + 1);
    bytes.set(macBytes(frame.linkMac), OPTIONS_AT + 2);
  }
  bytes.writeUInt16BE(icmpChecksum(bytes, icmpLength), ICMP_AT + 2);
  return bytes;
}

/**
 * Reads an Ethernet frame. Undefined for everything that is not a valid solicitation or advertisement (RFC 4861
 * section 7.1): other types, extension headers, hop limit below 255, wrong checksum, broken options, a multicast target,
 * a solicited advertisement to a group, a probe that carries a source link-layer address.
 */
export function decodeNdp(frame: Uint8Array): NdpFrame | undefined {
  const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
  const icmpLength = ndpLength(bytes);
  if (icmpLength === undefined || icmpChecksum(bytes, icmpLength) !== 0) return undefined;
  const isSolicitation = bytes.readUInt8(ICMP_AT) === TYPE_SOLICITATION;
  const wantedOption = isSolicitation ? OPTION_SOURCE_LINK : OPTION_TARGET_LINK;
  const option = linkOption(bytes.subarray(OPTIONS_AT, ICMP_AT + icmpLength), wantedOption);
  if (option === 'broken') return undefined;
  const common = {
    destinationMac: formatMac(bytes.subarray(0, 6)),
    sourceMac: formatMac(bytes.subarray(6, 12)),
    source: ipv6Text(bytes, IPV6_AT + 8),
    destination: ipv6Text(bytes, IPV6_AT + 24),
    target: ipv6Text(bytes, ICMP_AT + 8),
    ...(option === undefined ? {} : { linkMac: option }),
  };
  if (isMulticast(common.target) || isMulticast(common.source)) return undefined;
  if (isSolicitation) {
    if (common.source === '::' && option !== undefined) return undefined;
    return { type: 'solicitation', ...common };
  }
  const flags = bytes.readUInt8(ICMP_AT + 4);
  const isSolicited = (flags & FLAG_SOLICITED) !== 0;
  if (isSolicited && isMulticast(common.destination)) return undefined;
  return {
    type: 'advertisement',
    ...common,
    isRouter: (flags & FLAG_ROUTER) !== 0,
    isSolicited,
    overrides: (flags & FLAG_OVERRIDE) !== 0,
  };
}

/** The solicited-node multicast group of an address (RFC 4291 section 2.7.1). */
export function solicitedNodeGroup(address: string): string {
  const low = ipv6Bytes(address).subarray(13);
  return formatValue(6, BigInt(`0xff0200000000000000000001ff${Buffer.from(low).toString('hex')}`));
}

/** The Ethernet address of an IPv6 multicast group (RFC 2464 section 7). */
export function multicastMac(group: string): string {
  const low = ipv6Bytes(group).subarray(12);
  return formatMac(Buffer.from([0x33, 0x33, ...low]));
}

/**
 * The 16 bytes of an IPv6 address.
 *
 * @throws TypeError for anything else
 */
export function ipv6Bytes(text: string): Uint8Array {
  const address = addressOf(text);
  if (address?.family !== 6) throw new TypeError(`"${text}" is not an IPv6 address`);
  return Buffer.from(address.value.toString(16).padStart(32, '0'), 'hex');
}

/** Length of the ICMPv6 part when the frame may be a solicitation or an advertisement. */
function ndpLength(bytes: Buffer): number | undefined {
  if (bytes.length < OPTIONS_AT || bytes.readUInt16BE(12) !== ETHER_TYPE_IPV6) return undefined;
  if (bytes.readUInt8(IPV6_AT) >> 4 !== 6 || bytes.readUInt8(IPV6_AT + 6) !== NEXT_HEADER_ICMPV6)
    return undefined;
  if (bytes.readUInt8(IPV6_AT + 7) !== HOP_LIMIT) return undefined;
  const type = bytes.readUInt8(ICMP_AT);
  if ((type !== TYPE_SOLICITATION && type !== TYPE_ADVERTISEMENT) || bytes.readUInt8(ICMP_AT + 1) !== 0) {
    return undefined;
  }
  const length = bytes.readUInt16BE(IPV6_AT + 4);
  return length >= 24 && bytes.length >= ICMP_AT + length ? length : undefined;
}

/** The wanted link-layer address option; 'broken' when an option has no length or runs past the end. */
function linkOption(options: Buffer, wanted: number): string | 'broken' | undefined {
  let found: string | undefined;
  for (let at = 0; at < options.length; ) {
    const length = at + 1 < options.length ? options.readUInt8(at + 1) * 8 : 0;
    if (length === 0 || at + length > options.length) return 'broken';
    if (options.readUInt8(at) === wanted && length === OPTION_LENGTH) {
      found = formatMac(options.subarray(at + 2, at + OPTION_LENGTH));
    }
    at += length;
  }
  return found;
}

/** Internet checksum over pseudo header and message; 0 for a received message that is intact. */
function icmpChecksum(bytes: Buffer, icmpLength: number): number {
  let sum = icmpLength + NEXT_HEADER_ICMPV6;
  for (let at = IPV6_AT + 8; at < ICMP_AT; at += 2) sum += bytes.readUInt16BE(at);
  const end = ICMP_AT + icmpLength;
  for (let at = ICMP_AT; at < end; at += 2) {
    sum += at + 1 < end ? bytes.readUInt16BE(at) : bytes.readUInt8(at) << 8;
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function isMulticast(address: string): boolean {
  return address.startsWith('ff') && address.indexOf(':') === 4;
}

function ipv6Text(bytes: Buffer, at: number): string {
  return formatValue(6, BigInt(`0x${bytes.toString('hex', at, at + 16)}`));
}
