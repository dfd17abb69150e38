// SPDX-License-Identifier: Apache-2.0
/** The frames an observer sends and understands: ARP (RFC 826) and Neighbor Discovery (RFC 4861). Pure. */
import { type Address, address, formatAddress, formatValue } from '@fairlead/shared/address/address.ts';

/** How a frame claims an address. */
export type ClaimKind =
  /** Reply to a probe of ours. */
  | 'answer'
  /** Broadcast or multicast announcement: gratuitous ARP request or reply, unsolicited neighbour advertisement. */
  | 'announcement'
  /** Any other frame that says "this address has this MAC", e.g. an ARP request sent from the address. */
  | 'mention';

/** A claim read from a frame. */
export interface FrameClaim {
  readonly kind: ClaimKind;
  /** Canonical text. */
  readonly address: string;
  /** MAC the address is said to have. */
  readonly mac: string;
  /** MAC the frame itself came from, when it is another one. */
  readonly sentBy?: string;
  /** `answer`: number of the probe (see {@link Station}). */
  readonly probe?: number;
}

/**
 * Who probes: a station that exists in frames only, so that answers never reach (and refresh) a real neighbour cache.
 * The last byte of its MAC carries the probe number, so an answer names the probe it answers.
 */
export interface Station {
  /** Six bytes; the last one is replaced by the probe number, so no host may share the first five. */
  readonly mac: Buffer;
  readonly ipv4: Address;
  readonly ipv6: Address;
}

/** Probe numbers go round; an answer later than that many probes would name the wrong one. */
export const PROBE_NUMBERS = 64;

const ETHERTYPE_ARP = 0x0806;
const ETHERTYPE_IPV6 = 0x86dd;
const ARP_REQUEST = 1;
const ARP_REPLY = 2;
const NEIGHBOR_SOLICITATION = 135;
const NEIGHBOR_ADVERTISEMENT = 136;
const OPTION_SOURCE_MAC = 1;
const OPTION_TARGET_MAC = 2;
const SOLICITED_FLAG = 0x40;

/** Question "who has this address?" in the right protocol for its family. */
export function encodeProbe(target: Address, station: Station, probe: number): Buffer {
  return target.family === 4
    ? encodeArpRequest(target, station, probe)
    : encodeSolicitation(target, station, probe);
}

function encodeArpRequest(target: Address, station: Station, probe: number): Buffer {
  const source = macFor(station, probe);
  const body = Buffer.alloc(28);
  body.writeUInt16BE(1, 0); // Ethernet
  body.writeUInt16BE(0x0800, 2);
  body.writeUInt8(6, 4);
  body.writeUInt8(4, 5);
  body.writeUInt16BE(ARP_REQUEST, 6);
  source.copy(body, 8);
  addressBytes(station.ipv4).copy(body, 14);
  addressBytes(target).copy(body, 24);
  return Buffer.concat([ethernet(Buffer.alloc(6, 0xff), source, ETHERTYPE_ARP), body]);
}

function encodeSolicitation(target: Address, station: Station, probe: number): Buffer {
  const source = macFor(station, probe);
  const targetBytes = addressBytes(target);
  const group = Buffer.concat([Buffer.from('ff0200000000000000000001ff', 'hex'), targetBytes.subarray(13)]);
  const message = Buffer.concat([
    Buffer.from([NEIGHBOR_SOLICITATION, 0, 0, 0, 0, 0, 0, 0]),
    targetBytes,
    Buffer.from([OPTION_SOURCE_MAC, 1]),
    source,
  ]);
  const from = addressBytes(station.ipv6);
  message.writeUInt16BE(icmp6Checksum(from, group, message), 2);
  const header = Buffer.alloc(8);
  header.writeUInt8(0x60, 0);
  header.writeUInt16BE(message.length, 4);
  header.writeUInt8(58, 6);
  header.writeUInt8(255, 7); // anything less and receivers must ignore it
  const multicastMac = Buffer.concat([Buffer.from([0x33, 0x33]), group.subarray(12)]);
  return Buffer.concat([ethernet(multicastMac, source, ETHERTYPE_IPV6), header, from, group, message]);
}

/** The claim in a frame; undefined when it makes none, or is malformed, or is one of our own. */
export function parseClaim(frame: Buffer, station: Station): FrameClaim | undefined {
  if (frame.length < 14 || isFromStation(frame.subarray(6, 12), station)) return undefined;
  const type = frame.readUInt16BE(12);
  if (type === ETHERTYPE_ARP) return parseArp(frame, station);
  return type === ETHERTYPE_IPV6 ? parseAdvertisement(frame, station) : undefined;
}

function parseArp(frame: Buffer, station: Station): FrameClaim | undefined {
  if (frame.length < 42 || frame.readUInt32BE(14) !== 0x00010800 || frame.readUInt16BE(18) !== 0x0604)
    return undefined;
  const operation = frame.readUInt16BE(20);
  const senderMac = frame.subarray(22, 28);
  const sender = frame.readUInt32BE(28);
  const targetMac = frame.subarray(32, 38);
  const target = frame.readUInt32BE(38);
  if (sender === 0) return undefined; // a probe for duplicates (RFC 5227) claims nothing
  const base = claimBase(formatValue(4, BigInt(sender)), senderMac, frame);
  if (operation === ARP_REPLY && isFromStation(targetMac, station)) {
    return { kind: 'answer', ...base, probe: targetMac.readUInt8(5) };
  }
  if (sender === target) return { kind: 'announcement', ...base };
  return operation === ARP_REQUEST || operation === ARP_REPLY ? { kind: 'mention', ...base } : undefined;
}

function parseAdvertisement(frame: Buffer, station: Station): FrameClaim | undefined {
  const isAdvertisement =
    frame.length >= 78 && frame.readUInt8(20) === 58 && frame.readUInt8(54) === NEIGHBOR_ADVERTISEMENT;
  if (!isAdvertisement || frame.readUInt8(21) !== 255) return undefined;
  const target = frame.subarray(62, 78);
  const mac = targetMacOption(frame.subarray(78)) ?? frame.subarray(6, 12);
  const base = claimBase(formatValue(6, BigInt(`0x${target.toString('hex')}`)), mac, frame);
  const solicited = (frame.readUInt8(58) & SOLICITED_FLAG) !== 0;
  const destination = frame.subarray(0, 6);
  if (solicited && isFromStation(destination, station)) {
    return { kind: 'answer', ...base, probe: destination.readUInt8(5) };
  }
  return { kind: solicited ? 'mention' : 'announcement', ...base };
}

/** The MAC of the "target link-layer address" option, which a sender may leave out. */
function targetMacOption(options: Buffer): Buffer | undefined {
  for (let at = 0; at + 8 <= options.length; ) {
    const length = options.readUInt8(at + 1) * 8;
    if (length === 0) return undefined; // malformed (RFC 4861 section 4.6)
    if (options.readUInt8(at) === OPTION_TARGET_MAC) return options.subarray(at + 2, at + 8);
    at += length;
  }
  return undefined;
}

function claimBase(
  claimed: string,
  mac: Buffer,
  frame: Buffer,
): Pick<FrameClaim, 'address' | 'mac' | 'sentBy'> {
  const source = formatMac(frame.subarray(6, 12));
  const owner = formatMac(mac);
  return { address: claimed, mac: owner, ...(source === owner ? {} : { sentBy: source }) };
}

/** `02:fa:1e:00:00:65` -> six bytes. Throws on anything else. */
export function parseMac(text: string): Buffer {
  if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(text)) {
    throw new Error(
      `"${text}" is no MAC address; expected six pairs of hexadecimal digits like 02:00:00:00:00:01`,
    );
  }
  return Buffer.from(text.replaceAll(':', ''), 'hex');
}

/** Six bytes -> lower-case text with colons. */
export function formatMac(mac: Buffer): string {
  return [...mac].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** A station from its texts. */
export function stationOf(texts: {
  readonly mac: string;
  readonly ipv4: string;
  readonly ipv6: string;
}): Station {
  return { mac: parseMac(texts.mac), ipv4: address(texts.ipv4), ipv6: address(texts.ipv6) };
}

/** Canonical text of an address in any accepted form. */
export function canonical(text: string): string {
  return formatAddress(address(text));
}

function macFor(station: Station, probe: number): Buffer {
  const mac = Buffer.from(station.mac);
  mac.writeUInt8(probe % PROBE_NUMBERS, 5);
  return mac;
}

function isFromStation(mac: Buffer, station: Station): boolean {
  return mac.subarray(0, 5).equals(station.mac.subarray(0, 5));
}

function ethernet(destination: Buffer, source: Buffer, type: number): Buffer {
  return Buffer.concat([destination, source, Buffer.from([type >> 8, type & 0xff])]);
}

function addressBytes(value: Address): Buffer {
  return Buffer.from(value.value.toString(16).padStart(value.family === 4 ? 8 : 32, '0'), 'hex');
}

/** RFC 4443 section 2.3: ones' complement sum over pseudo-header and message. */
function icmp6Checksum(source: Buffer, destination: Buffer, message: Buffer): number {
  const length = Buffer.from([0, 0, message.length >> 8, message.length & 0xff, 0, 0, 0, 58]);
  const whole = Buffer.concat([source, destination, length, message]);
  let sum = 0;
  for (let at = 0; at < whole.length; at += 2) sum += whole.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
