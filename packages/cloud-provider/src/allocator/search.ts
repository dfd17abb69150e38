// SPDX-License-Identifier: Apache-2.0
import type { Address, Family } from '@fairlead/shared/address/address.ts';
import type { IntervalSet } from '@fairlead/shared/address/interval-set.ts';
import type { AddressRange } from '@fairlead/shared/address/range.ts';
import { isOctetEnd } from '@fairlead/shared/pools/octet-ends.ts';
import { type Pool, type PoolSource, poolContains } from '../pools/pool.ts';
import type { Holdings } from './holdings.ts';
import { type SharingTerms, type Terms, termsList } from './sharing.ts';
import type { Direction } from './value-set.ts';

/** The lowest free address of the first source that has one; the highest with `search-order: desc`. */
export function findFree(pool: Pool, family: Family, holdings: Holdings): bigint | undefined {
  for (const source of pool.sources) {
    const found = nearest(
      pool.order,
      freeNamedEnd(source, family, pool.order, holdings),
      freeIn(source.addresses, family, pool.order, holdings),
    );
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The lowest address of the pool (the highest with `search-order: desc`) that others hold and the Service can join. */
export function findJoinable(
  pool: Pool,
  family: Family,
  service: string,
  sharing: SharingTerms,
  holdings: Holdings,
): bigint | undefined {
  const [terms] = termsList(sharing);
  if (terms === undefined) return undefined;
  const fits = (value: bigint) =>
    poolContains(pool, { family, value }) && holdings.isAvailableTo(service, { family, value }, sharing);
  return pool.sources
    .map(({ addresses }) => joinableIn(addresses, family, pool.order, holdings, terms, fits))
    .reduce((best, found) => nearest(pool.order, best, found), undefined);
}

function joinableIn(
  addresses: IntervalSet,
  family: Family,
  order: Direction,
  holdings: Holdings,
  terms: Terms,
  fits: (value: bigint) => boolean,
): bigint | undefined {
  let from = firstOf(addresses, family, order);
  while (from !== undefined) {
    const value = holdings.nextJoinable(family, terms, from, order);
    if (value === undefined) return undefined;
    const inside = nextOf(addresses, family, value, order);
    if (inside === value && fits(value)) return value;
    from = inside === value ? nextOf(addresses, family, beyond(value, order), order) : inside;
  }
  return undefined;
}

function freeIn(
  addresses: IntervalSet,
  family: Family,
  order: Direction,
  holdings: Holdings,
): bigint | undefined {
  const ranges = addresses.ranges(family);
  const isAscending = order === 'ascending';
  let i = isAscending ? 0 : ranges.length - 1;
  for (let range = ranges[i]; range !== undefined; range = ranges[i]) {
    const value = holdings.nextFree(family, isAscending ? range.first : range.last, order);
    if (isPast(range, value, isAscending)) {
      i += isAscending ? 1 : -1;
      // Past one range means in the gap behind it as a rule, where an avoided address is; else in one far behind.
      if (isPast(ranges[i], value, isAscending)) i = rangeAt(ranges, value, isAscending);
    } else if (isOctetEnd(family, value)) holdings.stepOver(family, value);
    else return value;
  }
  return undefined;
}

/** Whether a search that has come to `value` has the range behind it. */
function isPast(range: AddressRange | undefined, value: bigint, isAscending: boolean): boolean {
  if (range === undefined) return false;
  return isAscending ? value > range.last : value < range.first;
}

/** Index of the range around `value`, or of the next one. */
function rangeAt(ranges: readonly AddressRange[], value: bigint, isAscending: boolean): number {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const range = ranges[middle];
    if (range !== undefined && (isAscending ? range.last < value : range.first <= value)) low = middle + 1;
    else high = middle;
  }
  return isAscending ? low : low - 1;
}

/** Addresses ending in .0 and .255 that the source names one by one are not found by {@link freeIn}. */
function freeNamedEnd(
  { namedEnds }: PoolSource,
  family: Family,
  order: Direction,
  holdings: Holdings,
): bigint | undefined {
  const isFree = (end: Address) => end.family === family && !holdings.isTaken(end);
  return (order === 'ascending' ? namedEnds.find(isFree) : namedEnds.findLast(isFree))?.value;
}

/** The one that a search in this direction meets first. */
function nearest(order: Direction, a: bigint | undefined, b: bigint | undefined): bigint | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a < b === (order === 'ascending') ? a : b;
}

function firstOf(addresses: IntervalSet, family: Family, order: Direction): bigint | undefined {
  return (order === 'ascending' ? addresses.first(family) : addresses.last(family))?.value;
}

function nextOf(addresses: IntervalSet, family: Family, value: bigint, order: Direction): bigint | undefined {
  const from = { family, value };
  return (order === 'ascending' ? addresses.atOrAbove(from) : addresses.atOrBelow(from))?.value;
}

function beyond(value: bigint, order: Direction): bigint {
  return order === 'ascending' ? value + 1n : value - 1n;
}
