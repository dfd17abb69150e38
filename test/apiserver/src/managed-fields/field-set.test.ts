// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  difference,
  EMPTY,
  type FieldSet,
  fromFieldsV1,
  intersection,
  isEmpty,
  node,
  paths,
  pathText,
  sameSet,
  toFieldsV1,
  union,
  withoutTrees,
} from './field-set.ts';

function anySet(depth: number): fc.Arbitrary<FieldSet> {
  const element = fc.constantFrom('f:a', 'f:b', 'k:{"port":80}', 'v:"x"');
  const below = depth === 0 ? fc.constant(EMPTY) : anySet(depth - 1);
  return fc
    .tuple(fc.boolean(), fc.array(fc.tuple(element, below), { maxLength: 3 }))
    .map(([member, children]) => node(member, children));
}

/** The root of a set is never a member itself. */
const root = anySet(3).map((value): FieldSet => ({ member: false, children: value.children }));

const list = (value: FieldSet): string[] => [...paths(value)].map((path) => path.join(' '));

describe('field sets', () => {
  test('fieldsV1 can be written and read back', () => {
    fc.assert(
      fc.property(root, (a) => {
        expect(sameSet(fromFieldsV1(toFieldsV1(a)), a)).toBe(true);
      }),
    );
  });

  test('union, intersection and difference are those of the sets of paths', () => {
    fc.assert(
      fc.property(root, root, (a, b) => {
        const [left, right] = [new Set(list(a)), new Set(list(b))];
        expect(new Set(list(union(a, b)))).toEqual(new Set([...left, ...right]));
        expect(new Set(list(intersection(a, b)))).toEqual(
          new Set([...left].filter((path) => right.has(path))),
        );
        expect(new Set(list(difference(a, b)))).toEqual(
          new Set([...left].filter((path) => !right.has(path))),
        );
      }),
    );
  });

  test('no operation leaves empty branches behind', () => {
    fc.assert(
      fc.property(root, (a) => {
        expect(isEmpty(difference(a, a))).toBe(true);
        expect(sameSet(union(a, EMPTY), a)).toBe(true);
        expect(isEmpty(intersection(a, EMPTY))).toBe(true);
      }),
    );
  });

  test('withoutTrees takes whatever lies below a member', () => {
    fc.assert(
      fc.property(root, root, (a, b) => {
        const trees = list(b);
        const left = list(a).filter(
          (path) => !trees.some((tree) => path === tree || path.startsWith(`${tree} `)),
        );
        expect(new Set(list(withoutTrees(a, b)))).toEqual(new Set(left));
      }),
    );
  });

  test('paths read as in conflict messages', () => {
    expect(pathText(['f:spec', 'f:ports', 'k:{"port":80,"protocol":"TCP"}', 'f:name'])).toBe(
      '.spec.ports[port=80,protocol="TCP"].name',
    );
    expect(pathText(['f:metadata', 'f:finalizers', 'v:"a.b/c"'])).toBe('.metadata.finalizers[="a.b/c"]');
  });
});
