// SPDX-License-Identifier: Apache-2.0
import { type Address, bitsOf, type Family, formatValue, parseAddress } from './address.ts';
import { type Parsed, parsed, unparsable } from './parsed.ts';
import type { AddressRange } from './range.ts';

/** A prefix in CIDR notation (RFC 4632, RFC 4291), always with its host bits zero. */
export interface Cidr {
  readonly family: Family;
  /** Network address; host bits are zero. */
  readonly network: bigint;
  /** 0–32 or 0–128. */
  readonly prefixLength: number;
  /** The text had host bits set (`192.168.0.220/29`): accepted and masked, but worth telling the author. */
  readonly hostBitsMasked: boolean;
}

/** Reads `address/length`. Host bits are masked, as kube-vip-cloud-provider does, and reported in the result. */
export function parseCidr(text: string): Parsed<Cidr> {
  const slash = text.indexOf('/');
  if (slash < 0) return unparsable(notACidr(text));
  const base = parseAddress(text.slice(0, slash));
  if (!base.ok) return unparsable(`${notACidr(text)}: ${base.problem}`);
  const lengthText = text.slice(slash + 1);
  const bits = bitsOf(base.value.family);
  if (!/^(0|[1-9]\d{0,2})$/.test(lengthText) || Number(lengthText) > bits) {
    return unparsable(`"${text}" has the prefix length "${lengthText}"; expected 0 to ${bits}`);
  }
  return parsed(cidrOf(base.value, Number(lengthText)));
}

/** The prefix of this length that contains `address`. */
export function cidrOf(address: Address, prefixLength: number): Cidr {
  const hostBits = BigInt(bitsOf(address.family) - prefixLength);
  const network = (address.value >> hostBits) << hostBits;
  return { family: address.family, network, prefixLength, hostBitsMasked: network !== address.value };
}

/** `network/length` in canonical form. */
export function formatCidr(cidr: Cidr): string {
  return `${formatValue(cidr.family, cidr.network)}/${cidr.prefixLength}`;
}

/** All addresses of the prefix, network and broadcast address included. */
export function rangeOfCidr(cidr: Cidr): AddressRange {
  const size = 1n << BigInt(bitsOf(cidr.family) - cidr.prefixLength);
  return { family: cidr.family, first: cidr.network, last: cidr.network + size - 1n };
}

/** Whether the prefix contains the address. */
export function cidrContains(cidr: Cidr, address: Address): boolean {
  if (cidr.family !== address.family) return false;
  const hostBits = BigInt(bitsOf(cidr.family) - cidr.prefixLength);
  return address.value >> hostBits === cidr.network >> hostBits;
}

function notACidr(text: string): string {
  return `"${text}" is not a CIDR; expected address/length, for example 192.0.2.0/24 or 2001:db8::/64`;
}
