// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OverlaidMap } from './overlaid-map.ts';

/** What a map does with the same changes; a replaced entry keeps its place. */
function changed(
  map: ReadonlyMap<number, string>,
  changes: ReadonlyMap<number, string | undefined>,
): ReadonlyMap<number, string> {
  const result = new Map(map);
  for (const [key, value] of changes) {
    if (value === undefined) result.delete(key);
    else result.set(key, value);
  }
  return result;
}

const KEYS = 400;
const changesOf = (maxLength: number) =>
  fc
    .array(fc.tuple(fc.nat(KEYS), fc.option(fc.string(), { nil: undefined })), { maxLength })
    .map((entries): ReadonlyMap<number, string | undefined> => new Map(entries));

describe('a map overlaid with changes', () => {
  it('is the map that has been changed, after any number of changes, and changes nothing', () => {
    const first = fc
      .array(fc.tuple(fc.nat(KEYS), fc.string()))
      .map((entries): ReadonlyMap<number, string> => new Map(entries));
    fc.assert(
      fc.property(first, fc.array(changesOf(100), { maxLength: 12 }), (start, steps) => {
        let ours = start;
        let plain = start;
        for (const changes of steps) {
          const [before, asItWas] = [ours, new Map(ours)];
          ours = OverlaidMap.over(ours, changes);
          plain = changed(plain, changes);
          expect(new Map(before)).toEqual(asItWas);
        }
        expect(new Map(ours)).toEqual(plain);
        expect(ours.size).toBe(plain.size);
        expect([...ours.keys()]).toEqual([...ours].map(([key]) => key));
        expect([...ours.values()]).toEqual([...ours].map(([, value]) => value));
        for (let key = 0; key <= KEYS; key++) {
          expect(ours.get(key)).toBe(plain.get(key));
          expect(ours.has(key)).toBe(plain.has(key));
        }
        const seen: [number, string][] = [];
        ours.forEach((value, key) => void seen.push([key, value]));
        expect(seen).toEqual([...ours]);
      }),
    );
  });

  it('keeps the place of what is replaced, and puts what is new last', () => {
    const map = new Map(['a', 'b', 'c'].map((key) => [key, 1]));
    const overlaid = OverlaidMap.over(
      map,
      new Map([
        ['d', 2],
        ['b', 2],
        ['a', undefined],
      ]),
    );
    expect([...overlaid]).toEqual([
      ['b', 2],
      ['c', 1],
      ['d', 2],
    ]);
  });
});
