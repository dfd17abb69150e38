// SPDX-License-Identifier: Apache-2.0
import ipaddr from 'ipaddr.js';
import { type Parsed, parsed, unparsable } from './parsed.ts';

/** IP version. */
export type Family = 4 | 6;

/** Both versions, IPv4 first: the order used wherever a stable order is needed. */
export const FAMILIES: readonly Family[] = [4, 6];

/** One IP address: its version and its value as an unsigned 32-bit or 128-bit integer. */
export interface Address {
  readonly family: Family;
  readonly value: bigint;
}

/** Number of bits in an address of this family: 32 or 128. */
export function bitsOf(family: Family): 32 | 128 {
  return family === 4 ? 32 : 128;
}

/** Largest value of this family: 255.255.255.255 or ffff:…:ffff. */
export function lastValueOf(family: Family): bigint {
  return family === 4 ? LAST_IPV4 : LAST_IPV6;
}

const LAST_IPV4 = (1n << 32n) - 1n;
const LAST_IPV6 = (1n << 128n) - 1n;
const MAPPED_PREFIX = 0xffffn;

/**
 * Reads one IP address. Strict where other parsers guess: four decimal parts without leading zeros for IPv4 (`010.0.0.1`
 * is octal to some programs and decimal to others), no zone index and no IPv4-mapped form for IPv6 (the API server and
 * the kernel treat `::ffff:192.0.2.1` as IPv4, others do not). No surrounding white space.
 */
export function parseAddress(text: string): Parsed<Address> {
  const family: Family = text.includes(':') ? 6 : 4;
  if (family === 4) {
    const value = valueOfIPv4(text);
    return value === undefined ? unparsable(notAnAddress(text)) : parsed({ family, value });
  }
  if (text.includes('%')) return unparsable(`"${text}" has a zone index; expected a plain IP address`);
  if (!ipaddr.IPv6.isValid(text)) return unparsable(notAnAddress(text));
  const value = joinParts(ipaddr.IPv6.parse(text).parts, 16n);
  if (value >> 32n === MAPPED_PREFIX) {
    return unparsable(
      `"${text}" is an IPv4 address in IPv6 form; expected ${formatValue(4, value & LAST_IPV4)}`,
    );
  }
  return parsed({ family, value });
}

/** By ourselves: it is done several times for each change of a Service, and the library takes several times as long. */
function valueOfIPv4(text: string): bigint | undefined {
  let value = 0;
  let parts = 0;
  /** Of the part that is being read; -1 before its first digit. */
  let part = -1;
  for (let index = 0; index <= text.length; index += 1) {
    const digit = text.charCodeAt(index) - DIGIT_ZERO;
    if (index === text.length || digit === DOT) {
      if (part < 0) return undefined;
      value = value * 256 + part;
      parts += 1;
      part = -1;
      continue;
    }
    // A zero is a part of its own.
    if (!(digit >= 0 && digit <= 9) || part === 0) return undefined;
    part = part < 0 ? digit : part * 10 + digit;
    if (part > 255) return undefined;
  }
  return parts === 4 ? BigInt(value) : undefined;
}

const DIGIT_ZERO = 48;
/** The dot, counted from the zero. */
const DOT = -2;

/** The address, or undefined when `text` is not one: for data that other programs wrote. */
export function addressOf(text: string): Address | undefined {
  const result = parseAddress(text);
  return result.ok ? result.value : undefined;
}

/** The address; throws a TypeError that names what was received. For constants and tests. */
export function address(text: string): Address {
  const result = parseAddress(text);
  if (!result.ok) throw new TypeError(result.problem);
  return result.value;
}

/** Canonical text: dotted decimal, or RFC 5952 (lower case, longest run of zeros compressed). */
export function formatAddress(address: Address): string {
  return formatValue(address.family, address.value);
}

/** Canonical text of a value of this family (see {@link formatAddress}). */
export function formatValue(family: Family, value: bigint): string {
  if (family === 4) {
    const bits = Number(value);
    return `${bits >>> 24}.${(bits >>> 16) & 255}.${(bits >>> 8) & 255}.${bits & 255}`;
  }
  const parts: number[] = [];
  for (let shift = 112n; shift >= 0n; shift -= 16n) parts.push(Number((value >> shift) & 0xffffn));
  return new ipaddr.IPv6(parts).toRFC5952String();
}

/** Order for sorting: IPv4 before IPv6, then by value. */
export function compareAddresses(a: Address, b: Address): number {
  if (a.family !== b.family) return a.family - b.family;
  if (a.value === b.value) return 0;
  return a.value < b.value ? -1 : 1;
}

/** Same family and same value. */
export function sameAddress(a: Address, b: Address): boolean {
  return a.family === b.family && a.value === b.value;
}

/** `0.0.0.0` or `::`: stands for "ask DHCP" in our contract, and is never held by one Service alone. */
export function isUnspecified(address: Address): boolean {
  return address.value === 0n;
}

/** "IPv4" or "IPv6", as the Kubernetes API spells it. */
export function familyName(family: Family): 'IPv4' | 'IPv6' {
  return family === 4 ? 'IPv4' : 'IPv6';
}

function joinParts(parts: readonly number[], bitsPerPart: bigint): bigint {
  let value = 0n;
  for (const part of parts) value = (value << bitsPerPart) | BigInt(part);
  return value;
}

function notAnAddress(text: string): string {
  return `"${text}" is not an IP address; expected for example 192.0.2.10 or 2001:db8::10`;
}
