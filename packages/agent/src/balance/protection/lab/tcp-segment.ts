// SPDX-License-Identifier: Apache-2.0
import { addressOf, bitsOf } from '@fairlead/shared/address/address.ts';
import { macBytes } from '../../../announce/mac.ts';

/** Bits of the TCP header. */
export const TCP_FLAG = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32 } as const;

/** A TCP segment without data or options, in its Ethernet and IP headers. */
export interface TcpSegment {
  readonly sourceMac: string;
  readonly destinationMac: string;
  /** Of the same family as the destination. */
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Sum of {@link TCP_FLAG}. */
  readonly flags: number;
  readonly sequence: number;
}

const ETHERNET = 14;
const TCP = 6;
const TCP_LENGTH = 20;
const TTL = 64;
const WINDOW = 64_240;

/** The frame as bytes, checksums included. Pure. @throws TypeError when an address is malformed or of another family */
export function encodeTcpSegment(segment: TcpSegment): Buffer {
  const source = bytesOf(segment.source);
  const destination = bytesOf(segment.destination);
  if (source.length !== destination.length)
    throw new TypeError(`${segment.source} and ${segment.destination} are of different families`);
  const [ip, etherType] =
    source.length === 4
      ? [ipv4Header(source, destination), 0x0800]
      : [ipv6Header(source, destination), 0x86dd];
  const tcp = Buffer.alloc(TCP_LENGTH);
  tcp.writeUInt16BE(segment.sourcePort, 0);
  tcp.writeUInt16BE(segment.destinationPort, 2);
  tcp.writeUInt32BE(segment.sequence, 4);
  tcp.writeUInt8((TCP_LENGTH / 4) << 4, 12);
  tcp.writeUInt8(segment.flags, 13);
  tcp.writeUInt16BE(WINDOW, 14);
  const pseudoHeader = Buffer.concat([source, destination, Buffer.from([0, TCP, 0, TCP_LENGTH])]);
  tcp.writeUInt16BE(checksum(Buffer.concat([pseudoHeader, tcp])), 16);
  const ethernet = Buffer.alloc(ETHERNET);
  ethernet.set(macBytes(segment.destinationMac), 0);
  ethernet.set(macBytes(segment.sourceMac), 6);
  ethernet.writeUInt16BE(etherType, 12);
  return Buffer.concat([ethernet, ip, tcp]);
}

function ipv4Header(source: Buffer, destination: Buffer): Buffer {
  const header = Buffer.alloc(20);
  header.writeUInt8(0x45, 0);
  header.writeUInt16BE(header.length + TCP_LENGTH, 2);
  header.writeUInt8(TTL, 8);
  header.writeUInt8(TCP, 9);
  header.set(source, 12);
  header.set(destination, 16);
  header.writeUInt16BE(checksum(header), 10);
  return header;
}

function ipv6Header(source: Buffer, destination: Buffer): Buffer {
  const header = Buffer.alloc(40);
  header.writeUInt8(0x60, 0);
  header.writeUInt16BE(TCP_LENGTH, 4);
  header.writeUInt8(TCP, 6);
  header.writeUInt8(TTL, 7);
  header.set(source, 8);
  header.set(destination, 24);
  return header;
}

function bytesOf(text: string): Buffer {
  const address = addressOf(text);
  if (address === undefined) throw new TypeError(`"${text}" is not an IP address`);
  const digits = bitsOf(address.family) / 4;
  return Buffer.from(address.value.toString(16).padStart(digits, '0'), 'hex');
}

/** Internet checksum (RFC 1071) of an even number of bytes; the field itself must be zero. */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
