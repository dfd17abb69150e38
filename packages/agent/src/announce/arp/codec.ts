// SPDX-License-Identifier: Apache-2.0
import { addressOf, formatValue } from '@fairlead/shared/address/address.ts';
import { formatMac, macBytes } from '../mac.ts';

/** ARP for IPv4 over Ethernet (RFC 826), with the addresses of the Ethernet frame around it. */
export interface ArpFrame {
  readonly destinationMac: string;
  readonly sourceMac: string;
  readonly operation: 'request' | 'reply';
  readonly senderMac: string;
  /** Dotted decimal; 0.0.0.0 in a probe (RFC 5227). */
  readonly senderAddress: string;
  readonly targetMac: string;
  readonly targetAddress: string;
}

const ETHER_TYPE_ARP = 0x0806;
const ETHER_TYPE_IPV4 = 0x0800;
const HARDWARE_ETHERNET = 1;
const OPERATION_REQUEST = 1;
const OPERATION_REPLY = 2;
/** Header (14) and ARP body (28). */
const BODY_END = 42;
/** Shortest Ethernet frame without its checksum; what a driver would otherwise pad with whatever is in memory. */
const MIN_FRAME_LENGTH = 60;

/**
 * The frame as bytes, padded with zeros to the shortest Ethernet frame.
 *
 * @throws TypeError when a hardware or IPv4 address is malformed
 */
export function encodeArp(frame: ArpFrame): Uint8Array {
  const bytes = Buffer.alloc(MIN_FRAME_LENGTH);
  bytes.set(macBytes(frame.destinationMac), 0);
  bytes.set(macBytes(frame.sourceMac), 6);
  bytes.writeUInt16BE(ETHER_TYPE_ARP, 12);
  bytes.writeUInt16BE(HARDWARE_ETHERNET, 14);
  bytes.writeUInt16BE(ETHER_TYPE_IPV4, 16);
  bytes.writeUInt8(6, 18);
  bytes.writeUInt8(4, 19);
  bytes.writeUInt16BE(frame.operation === 'request' ? OPERATION_REQUEST : OPERATION_REPLY, 20);
  bytes.set(macBytes(frame.senderMac), 22);
  bytes.writeUInt32BE(ipv4Value(frame.senderAddress), 28);
  bytes.set(macBytes(frame.targetMac), 32);
  bytes.writeUInt32BE(ipv4Value(frame.targetAddress), 38);
  return bytes;
}

/**
 * Reads an Ethernet frame. Undefined for everything that is not a request or reply about IPv4 over Ethernet: too
 * short, tagged, other hardware or protocol types, other operations.
 */
export function decodeArp(frame: Uint8Array): ArpFrame | undefined {
  if (frame.length < BODY_END) return undefined;
  const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
  if (bytes.readUInt16BE(12) !== ETHER_TYPE_ARP || bytes.readUInt16BE(14) !== HARDWARE_ETHERNET)
    return undefined;
  if (bytes.readUInt16BE(16) !== ETHER_TYPE_IPV4 || bytes.readUInt16BE(18) !== 0x0604) return undefined;
  const operation = bytes.readUInt16BE(20);
  if (operation !== OPERATION_REQUEST && operation !== OPERATION_REPLY) return undefined;
  return {
    destinationMac: formatMac(bytes.subarray(0, 6)),
    sourceMac: formatMac(bytes.subarray(6, 12)),
    operation: operation === OPERATION_REQUEST ? 'request' : 'reply',
    senderMac: formatMac(bytes.subarray(22, 28)),
    senderAddress: formatValue(4, BigInt(bytes.readUInt32BE(28))),
    targetMac: formatMac(bytes.subarray(32, 38)),
    targetAddress: formatValue(4, BigInt(bytes.readUInt32BE(38))),
  };
}

function ipv4Value(text: string): number {
  const address = addressOf(text);
  if (address?.family !== 4) throw new TypeError(`"${text}" is not an IPv4 address`);
  return Number(address.value);
}
