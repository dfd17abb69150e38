// SPDX-License-Identifier: Apache-2.0
import { type Address, type Family, familyName, formatValue, parseAddress } from './address.ts';
import { type Parsed, parsed, unparsable } from './parsed.ts';

/** All addresses from `first` to `last`, both included; `first <= last`. */
export interface AddressRange {
  readonly family: Family;
  readonly first: bigint;
  readonly last: bigint;
}

/** Reads `start-end`. White space around either address is ignored. */
export function parseRange(text: string): Parsed<AddressRange> {
  const dash = text.indexOf('-');
  if (dash < 0) return unparsable(notARange(text));
  const first = parseAddress(text.slice(0, dash).trim());
  if (!first.ok) return unparsable(`"${text}": ${first.problem}`);
  const last = parseAddress(text.slice(dash + 1).trim());
  if (!last.ok) return unparsable(`"${text}": ${last.problem}`);
  const { family } = first.value;
  if (family !== last.value.family) {
    return unparsable(
      `"${text}" starts with ${familyName(family)} and ends with ${familyName(last.value.family)}; expected one family`,
    );
  }
  if (first.value.value > last.value.value) {
    return unparsable(`"${text}" ends before it starts; expected the lower address first`);
  }
  return parsed({ family, first: first.value.value, last: last.value.value });
}

/** The range that holds this one address. */
export function rangeOfAddress(address: Address): AddressRange {
  return { family: address.family, first: address.value, last: address.value };
}

/** Number of addresses in the range. */
export function sizeOfRange(range: AddressRange): bigint {
  return range.last - range.first + 1n;
}

/** `start-end`, or the address alone when there is one. */
export function formatRange(range: AddressRange): string {
  const first = formatValue(range.family, range.first);
  return range.first === range.last ? first : `${first}-${formatValue(range.family, range.last)}`;
}

function notARange(text: string): string {
  return `"${text}" is not an address range; expected start-end, for example 192.0.2.10-192.0.2.20`;
}
