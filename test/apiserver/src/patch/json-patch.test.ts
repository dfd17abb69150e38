// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isJsonObject, type Json } from '../api/objects.ts';
import { StatusError } from '../api/status.ts';
import { applyJsonPatch } from './json-patch.ts';

const json = fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.parse(JSON.stringify(value)) as Json);
const document = fc
  .dictionary(fc.stringMatching(/^[a-c]{1,2}$/), json)
  .map((value) => ({ ...value }) as Json);

describe('applyJsonPatch', () => {
  test('an added value can be read, tested and removed again', () => {
    fc.assert(
      fc.property(document, json, (target, value) => {
        const added = applyJsonPatch(target, [{ op: 'add', path: '/new', value }]);
        expect(applyJsonPatch(added, [{ op: 'test', path: '/new', value }])).toEqual(added);
        expect(applyJsonPatch(added, [{ op: 'remove', path: '/new' }])).toEqual(target);
      }),
    );
  });

  test('a move there and back changes nothing', () => {
    fc.assert(
      fc.property(document, json, (target, value) => {
        const start = applyJsonPatch(target, [{ op: 'add', path: '/from', value }]);
        const operations = [
          { op: 'move', from: '/from', path: '/to' },
          { op: 'move', from: '/to', path: '/from' },
        ];
        expect(applyJsonPatch(start, operations)).toEqual(start);
      }),
    );
  });

  test('never changes the document it is given', () => {
    fc.assert(
      fc.property(document, json, (target, value) => {
        const before = JSON.stringify(target);
        const key = isJsonObject(target) ? (Object.keys(target)[0] ?? 'x') : 'x';
        applyJsonPatch(target, [{ op: 'replace', path: `/${key}`, value }]);
        expect(JSON.stringify(target)).toBe(before);
      }),
    );
  });

  test.each([
    ['inserts into lists', { op: 'add', path: '/l/1', value: 9 }, { l: [1, 9, 2] }],
    ['appends with -', { op: 'add', path: '/l/-', value: 9 }, { l: [1, 2, 9] }],
    ['counts negative indexes from the end', { op: 'remove', path: '/l/-1' }, { l: [1] }],
    ['unescapes ~1 and ~0', { op: 'add', path: '/a~1b~0c', value: 1 }, { l: [1, 2], 'a/b~c': 1 }],
  ])('%s', (_name, operation, expected) => {
    expect(applyJsonPatch({ l: [1, 2] }, [operation])).toEqual(expected);
  });

  test.each([
    { op: 'test', path: '/l', value: [] },
    { op: 'remove', path: '/nothing' },
    { op: 'replace', path: '/nothing/below', value: 1 },
    { op: 'add', path: '/l/9', value: 1 },
    { op: 'add', path: '/l/x', value: 1 },
    { op: 'fold', path: '/l' },
    { op: 'move', from: '/nothing', path: '/l' },
    { op: 'remove', path: '' },
  ])('refuses %j with the wordless 422 of the real server', (operation) => {
    expect(() => applyJsonPatch({ l: [1, 2] }, [operation])).toThrow(
      new StatusError(422, 'Invalid', 'the server rejected our request due to an error in our request', {}),
    );
  });

  test('refuses more than 10,000 operations with 413', () => {
    const operations = Array.from({ length: 10_001 }, () => ({ op: 'test', path: '/x', value: null }));
    expect(() => applyJsonPatch({}, operations)).toThrow(
      /maximum operations in a JSON patch is 10000, got 10001/,
    );
  });
});
