// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isJsonObject, type Json, type JsonObject, jsonEqual } from '../api/objects.ts';
import { mergePatch } from './merge-patch.ts';

/** Values without null, which a merge patch cannot express. */
const value: fc.Arbitrary<Json> = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.integer({ min: 0, max: 3 }),
    fc.stringMatching(/^[xy]?$/),
    fc.boolean(),
    fc.array(tie('value'), { maxLength: 3 }),
    fc
      .dictionary(fc.stringMatching(/^[a-c]$/), tie('value'), { maxKeys: 3 })
      .map((object): Json => ({ ...object })),
  ),
})).value;
const object = fc
  .dictionary(fc.stringMatching(/^[a-c]$/), value)
  .map((entries): JsonObject => ({ ...entries }));

/** The merge patch that makes `after` of `before`. */
function difference(before: JsonObject, after: JsonObject): JsonObject {
  const patch: Record<string, Json> = {};
  for (const key of Object.keys(before)) if (after[key] === undefined) patch[key] = null;
  for (const [key, item] of Object.entries(after)) {
    const old = before[key];
    if (item === undefined || jsonEqual(old, item)) continue;
    patch[key] = isJsonObject(old) && isJsonObject(item) ? difference(old, item) : item;
  }
  return patch;
}

describe('mergePatch', () => {
  test('the difference of two objects turns the first into the second', () => {
    fc.assert(
      fc.property(object, object, (before, after) => {
        expect(mergePatch(before, difference(before, after))).toEqual(after);
      }),
    );
  });

  test('a second application changes nothing', () => {
    fc.assert(
      fc.property(object, object, (target, patch) => {
        const once = mergePatch(target, patch);
        expect(mergePatch(once, patch)).toEqual(once);
      }),
    );
  });

  test('null removes and is dropped from new objects', () => {
    expect(mergePatch({ a: 1, b: 2 }, { a: null, c: { d: null, e: 1 } })).toEqual({ b: 2, c: { e: 1 } });
  });
});
