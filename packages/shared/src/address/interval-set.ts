// SPDX-License-Identifier: Apache-2.0
import type { Address, Family } from './address.ts';
import type { AddressRange } from './range.ts';

/**
 * An immutable set of addresses, kept as sorted, disjoint, never adjacent ranges, each family apart. Its size in memory
 * depends on the number of ranges and not on the number of addresses, and every query is a binary search, so a /64 costs
 * as much as one address.
 */
export class IntervalSet {
  /** The set without addresses. */
  static readonly empty = new IntervalSet([], []);

  readonly #v4: readonly AddressRange[];
  readonly #v6: readonly AddressRange[];

  private constructor(v4: readonly AddressRange[], v6: readonly AddressRange[]) {
    this.#v4 = v4;
    this.#v6 = v6;
  }

  /** Set of all addresses in any of the ranges, which may overlap, touch and come in any order. */
  static of(ranges: Iterable<AddressRange>): IntervalSet {
    const v4: AddressRange[] = [];
    const v6: AddressRange[] = [];
    for (const range of ranges) (range.family === 4 ? v4 : v6).push(range);
    if (v4.length === 0 && v6.length === 0) return IntervalSet.empty;
    return new IntervalSet(merge(v4), merge(v6));
  }

  /** The ranges of a family in ascending order. */
  ranges(family: Family): readonly AddressRange[] {
    return family === 4 ? this.#v4 : this.#v6;
  }

  /** Whether there is no address in the set (of this family, when given). */
  isEmpty(family?: Family): boolean {
    if (family !== undefined) return this.ranges(family).length === 0;
    return this.#v4.length === 0 && this.#v6.length === 0;
  }

  /** Number of addresses of a family. A bigint, because a /64 does not fit a number. */
  size(family: Family): bigint {
    let total = 0n;
    for (const range of this.ranges(family)) total += range.last - range.first + 1n;
    return total;
  }

  /** Whether the address is in the set. */
  contains(address: Address): boolean {
    const ranges = this.ranges(address.family);
    const range = ranges[firstEndingAtOrAfter(ranges, address.value)];
    return range !== undefined && range.first <= address.value;
  }

  /** Lowest address of a family, undefined when there is none. */
  first(family: Family): Address | undefined {
    const range = this.ranges(family)[0];
    return range && { family, value: range.first };
  }

  /** Highest address of a family, undefined when there is none. */
  last(family: Family): Address | undefined {
    const range = this.ranges(family).at(-1);
    return range && { family, value: range.last };
  }

  /** Lowest address of the set that is at or above `from`. */
  atOrAbove(from: Address): Address | undefined {
    const ranges = this.ranges(from.family);
    const range = ranges[firstEndingAtOrAfter(ranges, from.value)];
    if (range === undefined) return undefined;
    return range.first <= from.value ? from : { family: from.family, value: range.first };
  }

  /** Highest address of the set that is at or below `from`. */
  atOrBelow(from: Address): Address | undefined {
    const ranges = this.ranges(from.family);
    const index = firstEndingAtOrAfter(ranges, from.value);
    const range = ranges[index];
    if (range !== undefined && range.first <= from.value) return from;
    const below = ranges[index - 1];
    return below && { family: from.family, value: below.last };
  }

  /** Lowest address of the set at or above `from` that is not in `taken`: the "next free" query of an allocator. */
  nextOutside(taken: IntervalSet, from: Address): Address | undefined {
    let candidate = this.atOrAbove(from);
    while (candidate !== undefined) {
      const ranges = taken.ranges(candidate.family);
      const blocking = ranges[firstEndingAtOrAfter(ranges, candidate.value)];
      if (blocking === undefined || blocking.first > candidate.value) return candidate;
      candidate = this.atOrAbove({ family: candidate.family, value: blocking.last + 1n });
    }
    return undefined;
  }

  /** All addresses that are in either set. */
  union(other: IntervalSet): IntervalSet {
    if (other.isEmpty()) return this;
    if (this.isEmpty()) return other;
    return new IntervalSet(merge([...this.#v4, ...other.#v4]), merge([...this.#v6, ...other.#v6]));
  }

  /** The addresses of this set that are not in the other one. */
  subtract(other: IntervalSet): IntervalSet {
    if (other.isEmpty() || this.isEmpty()) return this;
    return new IntervalSet(difference(this.#v4, other.#v4), difference(this.#v6, other.#v6));
  }

  /** The addresses that are in both sets. */
  intersect(other: IntervalSet): IntervalSet {
    return this.subtract(this.subtract(other));
  }

  /** Whether both sets hold the same addresses. */
  equals(other: IntervalSet): boolean {
    return sameRanges(this.#v4, other.#v4) && sameRanges(this.#v6, other.#v6);
  }
}

/** Index of the first range whose end is at or after `value`; the length when there is none. */
function firstEndingAtOrAfter(ranges: readonly AddressRange[], value: bigint): number {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const range = ranges[middle];
    if (range !== undefined && range.last < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Sorts and joins ranges of one family that overlap or touch. */
function merge(ranges: AddressRange[]): readonly AddressRange[] {
  if (ranges.length < 2) return ranges;
  const sorted = ranges.toSorted((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
  const merged: AddressRange[] = [];
  for (const range of sorted) {
    const previous = merged.at(-1);
    if (previous === undefined || range.first > previous.last + 1n) merged.push(range);
    else if (range.last > previous.last) merged[merged.length - 1] = { ...previous, last: range.last };
  }
  return merged;
}

/** What is left of `minuend` without `subtrahend`; both sorted and disjoint, one pass over each. */
function difference(
  minuend: readonly AddressRange[],
  subtrahend: readonly AddressRange[],
): readonly AddressRange[] {
  const left: AddressRange[] = [];
  for (const range of minuend) {
    let { first } = range;
    for (let i = firstEndingAtOrAfter(subtrahend, first); i < subtrahend.length && first <= range.last; i++) {
      const hole = subtrahend[i];
      if (hole === undefined || hole.first > range.last) break;
      if (hole.first > first) left.push({ family: range.family, first, last: hole.first - 1n });
      first = hole.last + 1n;
    }
    if (first <= range.last) left.push({ family: range.family, first, last: range.last });
  }
  return left;
}

function sameRanges(a: readonly AddressRange[], b: readonly AddressRange[]): boolean {
  return (
    a.length === b.length && a.every((range, i) => range.first === b[i]?.first && range.last === b[i]?.last)
  );
}
