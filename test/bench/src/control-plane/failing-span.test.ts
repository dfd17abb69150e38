// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { longestFailingSpan } from './failing-span.ts';

/** One attempt each 100 ms; `x` failed. */
const attempts = (text: string) =>
  [...text].map((letter, index) => ({ startMs: index * 100, ok: letter !== 'x' }));

describe('longestFailingSpan', () => {
  it.each([
    ['', 0],
    ['....', 0],
    ['.x..', 100],
    ['.xx.x.', 200],
    ['x...xxx.', 300],
  ])('of "%s" is %d', (text, spanMs) => expect(longestFailingSpan(attempts(text))).toBe(spanMs));

  it('does not depend on the order in which they ended', () => {
    expect(longestFailingSpan(attempts('.xx.').toReversed())).toBe(200);
  });

  it('is not known before somebody succeeds again', () => {
    expect(() => longestFailingSpan(attempts('..x'))).toThrow('no end');
  });
});
