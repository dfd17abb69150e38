// SPDX-License-Identifier: Apache-2.0
/**
 * The PROXY protocol (haproxy.org/download/3.1/doc/proxy-protocol.txt): what a proxy says of the client before the first byte
 * of the connection. Pure.
 */
import { type Address, addressOf, formatAddress } from '@fairlead/shared/address/address.ts';
import { type Parsed, parsed, unparsable } from '@fairlead/shared/address/parsed.ts';
import type { ProxyProtocolVersion } from './listener.ts';

/** Address (canonical text) and port of one end of a connection. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** Who connected, and to where. */
export interface ProxiedEnds {
  readonly source: Endpoint;
  readonly destination: Endpoint;
}

/** A header that was read: the ends, unless the sender speaks for itself, and how many bytes it took. */
export interface ProxyHeader {
  readonly ends: ProxiedEnds | undefined;
  readonly length: number;
}

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const V1_PREFIX = Buffer.from('PROXY ', 'latin1');
/** Longest header of version 1, with its line end. */
const V1_MAX_LENGTH = 107;
/** Signature, version and command, family and protocol, length. */
const V2_FIXED_LENGTH = 16;
/** More than any list of additions that is in use. */
const V2_MAX_LENGTH = 4_096;
const V2_LOCAL = 0x20;
const V2_PROXY = 0x21;
const OVER_TCP = 1;
const OVER_UDP = 2;
const FAMILY_IPV4 = 0x10;
const FAMILY_IPV6 = 0x20;

/** The header that tells a target of these ends. Ends of different families become IPv6. @param over what the target is reached by */
export function proxyHeader(
  version: ProxyProtocolVersion,
  ends: ProxiedEnds,
  over: 'tcp' | 'udp' = 'tcp',
): Buffer {
  const [source, destination] = [addressOf(ends.source.address), addressOf(ends.destination.address)];
  if (source === undefined || destination === undefined) return unknownHeader(version);
  const isV4 = source.family === 4 && destination.family === 4;
  const from: BinaryEnd = { address: isV4 ? source : asIPv6(source), port: ends.source.port };
  const to: BinaryEnd = { address: isV4 ? destination : asIPv6(destination), port: ends.destination.port };
  return version === 1 ? textHeader(isV4, from, to) : binaryHeader(isV4, from, to, over);
}

/** An end whose address is known to be one. */
interface BinaryEnd {
  readonly address: Address;
  readonly port: number;
}

function unknownHeader(version: ProxyProtocolVersion): Buffer {
  if (version === 1) return Buffer.from('PROXY UNKNOWN\r\n', 'latin1');
  return Buffer.concat([SIGNATURE, Buffer.from([V2_LOCAL, 0, 0, 0])]);
}

function textHeader(isV4: boolean, from: BinaryEnd, to: BinaryEnd): Buffer {
  const addresses = `${textOf(from.address)} ${textOf(to.address)}`;
  return Buffer.from(`PROXY ${isV4 ? 'TCP4' : 'TCP6'} ${addresses} ${from.port} ${to.port}\r\n`, 'latin1');
}

function binaryHeader(isV4: boolean, from: BinaryEnd, to: BinaryEnd, over: 'tcp' | 'udp'): Buffer {
  const size = isV4 ? 4 : 16;
  const header = Buffer.alloc(V2_FIXED_LENGTH + 2 * size + 4);
  SIGNATURE.copy(header);
  header[12] = V2_PROXY;
  header[13] = (isV4 ? FAMILY_IPV4 : FAMILY_IPV6) | (over === 'tcp' ? OVER_TCP : OVER_UDP);
  header.writeUInt16BE(2 * size + 4, 14);
  let offset = V2_FIXED_LENGTH;
  for (const { address } of [from, to]) {
    header.write(address.value.toString(16).padStart(size * 2, '0'), offset, 'hex');
    offset += size;
  }
  header.writeUInt16BE(from.port, offset);
  header.writeUInt16BE(to.port, offset + 2);
  return header;
}

const MAPPED_PREFIX = 0xffffn << 32n;

/** IPv4 written as IPv6 is more often understood with dots. */
function textOf(address: Address): string {
  const mapped = unmapped(address);
  return mapped === undefined ? formatAddress(address) : `::ffff:${formatAddress(mapped)}`;
}

/** The IPv4 address that this IPv6 address stands for; undefined: none. */
function unmapped({ family, value }: Address): Address | undefined {
  if (family !== 6 || value >> 32n !== 0xffffn) return undefined;
  return { family: 4, value: value & 0xffff_ffffn };
}

function asIPv6(address: Address): Address {
  return address.family === 6 ? address : { family: 6, value: MAPPED_PREFIX | address.value };
}

/**
 * Reads a header of either version from the first bytes of a connection; undefined: there is more to come. Whatever is no header
 * is refused, as it could be a client that speaks for itself.
 */
export function readProxyHeader(bytes: Buffer): Parsed<ProxyHeader> | undefined {
  if (startsAs(bytes, SIGNATURE)) return readBinary(bytes);
  if (startsAs(bytes, V1_PREFIX)) return readText(bytes);
  return unparsable('the connection does not begin with a header of the PROXY protocol');
}

/** Does it begin so, as far as it is there? */
function startsAs(bytes: Buffer, prefix: Buffer): boolean {
  const length = Math.min(bytes.length, prefix.length);
  return bytes.subarray(0, length).equals(prefix.subarray(0, length));
}

function readBinary(bytes: Buffer): Parsed<ProxyHeader> | undefined {
  if (bytes.length < V2_FIXED_LENGTH) return undefined;
  const length = V2_FIXED_LENGTH + bytes.readUInt16BE(14);
  if (length > V2_MAX_LENGTH) {
    return unparsable(`the PROXY header has ${length} bytes; expected at most ${V2_MAX_LENGTH}`);
  }
  if (bytes.length < length) return undefined;
  const command = bytes.readUInt8(12);
  if (command === V2_LOCAL) return parsed({ ends: undefined, length });
  if (command !== V2_PROXY) return unparsable(`the PROXY header has an unknown command ${command}`);
  const family = bytes.readUInt8(13) & 0xf0;
  if (family !== FAMILY_IPV4 && family !== FAMILY_IPV6) return parsed({ ends: undefined, length });
  const size = family === FAMILY_IPV4 ? 4 : 16;
  if (length < V2_FIXED_LENGTH + 2 * size + 4) return unparsable('the PROXY header is too short');
  const ports = V2_FIXED_LENGTH + 2 * size;
  const end = (at: number, portAt: number): Endpoint => ({
    address: formatBytes(bytes.subarray(at, at + size)),
    port: bytes.readUInt16BE(portAt),
  });
  const source = end(V2_FIXED_LENGTH, ports);
  const destination = end(V2_FIXED_LENGTH + size, ports + 2);
  return parsed({ ends: { source, destination }, length });
}

function formatBytes(bytes: Buffer): string {
  const value = BigInt(`0x${bytes.toString('hex')}`);
  const address: Address = { family: bytes.length === 4 ? 4 : 6, value };
  return formatAddress(unmapped(address) ?? address);
}

function readText(bytes: Buffer): Parsed<ProxyHeader> | undefined {
  const end = bytes.subarray(0, V1_MAX_LENGTH).indexOf('\r\n');
  if (end < 0) {
    return bytes.length < V1_MAX_LENGTH ? undefined : unparsable('the PROXY header has no end of line');
  }
  const line = bytes.toString('latin1', 0, end);
  const length = end + 2;
  const [, protocol, from = '', to = '', fromPort = '', toPort = ''] = line.split(' ');
  if (protocol === 'UNKNOWN') return parsed({ ends: undefined, length });
  const [source, destination] = [endpointOf(from, fromPort), endpointOf(to, toPort)];
  if (!/^TCP[46]$/.test(protocol ?? '') || source === undefined || destination === undefined) {
    return unparsable(`the PROXY header is ${JSON.stringify(line)}`);
  }
  return parsed({ ends: { source, destination }, length });
}

function endpointOf(text: string, port: string): Endpoint | undefined {
  const address = addressOf(withoutMapping(text));
  if (address === undefined || !/^\d{1,5}$/.test(port) || Number(port) > 65_535) return undefined;
  return { address: formatAddress(address), port: Number(port) };
}

/** `::ffff:192.0.2.1`, or the same in hexadecimal, as the IPv4 address that it is. */
function withoutMapping(text: string): string {
  const words = /^::ffff:([\da-f]{1,4}):([\da-f]{1,4})$/i.exec(text);
  if (words === null) return text.replace(/^::ffff:(?=\d+\.)/i, '');
  const [high, low] = words.slice(1).map((word) => Number.parseInt(word, 16));
  return formatAddress({ family: 4, value: (BigInt(high ?? 0) << 16n) | BigInt(low ?? 0) });
}
