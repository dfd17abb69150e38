// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Family } from './address.ts';
import { IntervalSet } from './interval-set.ts';
import type { AddressRange } from './range.ts';

const UNIVERSE = 48;
const ranges = (family: Family) =>
  fc.array(
    fc.tuple(fc.integer({ min: 0, max: UNIVERSE - 1 }), fc.integer({ min: 0, max: 9 })).map(
      ([first, length]): AddressRange => ({
        family,
        first: BigInt(first),
        last: BigInt(Math.min(UNIVERSE - 1, first + length)),
      }),
    ),
    { maxLength: 8 },
  );

/** The naive model: a plain set of small numbers. */
function model(list: readonly AddressRange[]): Set<number> {
  const members = new Set<number>();
  for (const { first, last } of list) for (let i = first; i <= last; i++) members.add(Number(i));
  return members;
}

function members(set: IntervalSet, family: Family = 4): number[] {
  return Array.from({ length: UNIVERSE }, (_, i) => i).filter((i) =>
    set.contains({ family, value: BigInt(i) }),
  );
}

const sorted = (set: Iterable<number>) => [...set].sort((a, b) => a - b);

describe('IntervalSet', () => {
  it('keeps ranges sorted, disjoint and never adjacent', () => {
    fc.assert(
      fc.property(ranges(4), (list) => {
        const set = IntervalSet.of(list);
        expect(members(set)).toEqual(sorted(model(list)));
        expect(set.size(4)).toBe(BigInt(model(list).size));
        set.ranges(4).forEach((range, i, all) => {
          const next = all[i + 1];
          expect(next === undefined || next.first > range.last + 1n).toBe(true);
        });
      }),
    );
  });

  it('agrees with plain sets on union, subtract and intersect', () => {
    fc.assert(
      fc.property(ranges(6), ranges(6), (a, b) => {
        const [setA, setB, modelA, modelB] = [IntervalSet.of(a), IntervalSet.of(b), model(a), model(b)];
        expect(members(setA.union(setB), 6)).toEqual(sorted(new Set([...modelA, ...modelB])));
        expect(members(setA.subtract(setB), 6)).toEqual(sorted([...modelA].filter((i) => !modelB.has(i))));
        expect(members(setA.intersect(setB), 6)).toEqual(sorted([...modelA].filter((i) => modelB.has(i))));
        expect(setA.union(setB).equals(setB.union(setA))).toBe(true);
      }),
    );
  });

  it('finds neighbours and the next free address like a linear search', () => {
    fc.assert(
      fc.property(ranges(4), ranges(4), fc.integer({ min: 0, max: UNIVERSE }), (a, b, from) => {
        const [set, taken] = [IntervalSet.of(a), IntervalSet.of(b)];
        const inSet = sorted(model(a));
        const at = { family: 4 as const, value: BigInt(from) };
        const number = (found: { value: bigint } | undefined) => found && Number(found.value);
        expect(number(set.atOrAbove(at))).toBe(inSet.find((i) => i >= from));
        expect(number(set.atOrBelow(at))).toBe(inSet.findLast((i) => i <= from));
        expect(number(set.nextOutside(taken, at))).toBe(inSet.find((i) => i >= from && !model(b).has(i)));
        expect(number(set.first(4))).toBe(inSet[0]);
        expect(number(set.last(4))).toBe(inSet.at(-1));
      }),
    );
  });

  it('keeps the families apart', () => {
    const set = IntervalSet.of([
      { family: 4, first: 1n, last: 2n },
      { family: 6, first: 2n, last: 1n << 100n },
    ]);
    expect(set.contains({ family: 6, value: 1n })).toBe(false);
    expect(set.contains({ family: 4, value: 3n })).toBe(false);
    expect(set.size(6)).toBe((1n << 100n) - 1n);
    expect(set.isEmpty()).toBe(false);
    expect(IntervalSet.empty.isEmpty(4)).toBe(true);
    expect(set.subtract(set).isEmpty()).toBe(true);
  });
});
