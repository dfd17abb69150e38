// SPDX-License-Identifier: Apache-2.0
import { isIPv4, isIPv6 } from 'node:net';
import type { Cause } from '../api/status.ts';
import { invalidValue } from './field.ts';

/** Family names of the Service API. */
export type IpFamily = 'IPv4' | 'IPv6';

/** Family of an address; leading zeros in IPv4 (`010.1.2.3`) are tolerated, as in the real server. */
export function familyOf(value: string): IpFamily | undefined {
  if (isIPv4(withoutLeadingZeros(value))) return 'IPv4';
  return isIPv6(value) && !value.includes('%') ? 'IPv6' : undefined;
}

function withoutLeadingZeros(value: string): string {
  return /^\d+(\.\d+){3}$/.test(value)
    ? value
        .split('.')
        .map((part) => part.replace(/^0+(?=\d)/, ''))
        .join('.')
    : value;
}

/** True for IPv4 in IPv6 (`::ffff:1.2.3.4`). */
function isMapped(value: string): boolean {
  const number = isIPv6(value) ? addressNumber(value) : undefined;
  return number !== undefined && number >> 32n === 0xffffn;
}

/** An address as a number; `undefined` when it is none. */
export function addressNumber(value: string): bigint | undefined {
  const family = familyOf(value);
  if (family === undefined) return undefined;
  if (family === 'IPv4') {
    return value.split('.').reduce((sum, part) => (sum << 8n) | BigInt(Number(part)), 0n);
  }
  const [head = '', tail] = value.split('::');
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  const middle = new Array<number>(8 - left.length - right.length).fill(0);
  return [...left, ...middle, ...right].reduce((sum, group) => (sum << 16n) | BigInt(group), 0n);
}

function groups(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
    return [(a << 8) | b, (c << 8) | d];
  });
}

/** A number as an address in canonical form (RFC 5952). */
export function addressText(number: bigint, family: IpFamily): string {
  if (family === 'IPv4') {
    return [24n, 16n, 8n, 0n].map((shift) => String((number >> shift) & 0xffn)).join('.');
  }
  const parts = Array.from({ length: 8 }, (_, index) =>
    Number((number >> BigInt(112 - 16 * index)) & 0xffffn),
  );
  let best = { start: 0, length: 0 };
  for (let start = 0; start < 8; start += 1) {
    let length = 0;
    while (start + length < 8 && parts[start + length] === 0) length += 1;
    if (length > best.length) best = { start, length };
  }
  const hex = parts.map((part) => part.toString(16));
  if (best.length < 2) return hex.join(':');
  return `${hex.slice(0, best.start).join(':')}::${hex.slice(best.start + best.length).join(':')}`;
}

/** What is wrong with an address in a field that has always been there; values that were accepted before are kept. */
export function validateIp(field: string, value: string, accepted: readonly string[] = []): Cause[] {
  if (accepted.includes(value)) return [];
  if (familyOf(value) === undefined) {
    return [invalidValue(field, value, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)')];
  }
  if (!isIPv4(value) && !isIPv6(value)) return [invalidValue(field, value, 'must not have leading 0s')];
  return isMapped(value) ? [invalidValue(field, value, 'must not be an IPv4-mapped IPv6 address')] : [];
}

/** What is wrong with a CIDR; host bits are not allowed. */
export function validateCidr(field: string, value: string, accepted: readonly string[] = []): Cause[] {
  if (accepted.includes(value)) return [];
  const [address = '', length = '', ...rest] = value.split('/');
  const family = familyOf(address);
  const bits = family === 'IPv4' ? 32 : 128;
  if (family === undefined || rest.length > 0 || !/^\d{1,3}$/.test(length) || Number(length) > bits) {
    return [invalidValue(field, value, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)')];
  }
  if ((!isIPv4(address) && !isIPv6(address)) || /^0\d/.test(length)) {
    return [invalidValue(field, value, 'must not have leading 0s in IP or prefix length')];
  }
  if (isMapped(address)) return [invalidValue(field, value, 'must not have an IPv4-mapped IPv6 address')];
  const number = addressNumber(address) ?? 0n;
  const host = (1n << BigInt(bits - Number(length))) - 1n;
  return (number & host) === 0n
    ? []
    : [invalidValue(field, value, 'must not have bits set beyond the prefix length')];
}

/** What is wrong with an address that traffic shall be sent to: not unspecified, loopback or link-local. */
export function validateEndpointAddress(field: string, value: string): Cause[] {
  const family = familyOf(value);
  const number = addressNumber(value);
  if (family === undefined || number === undefined)
    return [invalidValue(field, value, 'must be a valid IP address')];
  const within = (address: string, bits: number): boolean => {
    const network = addressNumber(address) ?? 0n;
    const size = BigInt((familyOf(address) === 'IPv4' ? 32 : 128) - bits);
    return familyOf(address) === family && network >> size === number >> size;
  };
  const problems: string[] = [];
  if (number === 0n) problems.push(`may not be unspecified (${value})`);
  if (within('127.0.0.0', 8) || within('::1', 128)) {
    problems.push('may not be in the loopback range (127.0.0.0/8, ::1/128)');
  }
  if (within('169.254.0.0', 16) || within('fe80::', 10)) {
    problems.push('may not be in the link-local range (169.254.0.0/16, fe80::/10)');
  }
  if (within('224.0.0.0', 24) || within('ff02::', 16)) {
    problems.push('may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)');
  }
  return problems.map((problem) => invalidValue(field, value, problem));
}
