// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { percentile, summarize } from './statistics.ts';

test('a percentile is a measured value that the wished share does not exceed', () => {
  const values = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1 });
  fc.assert(
    fc.property(values, fc.double({ min: 0.01, max: 1, noNaN: true }), (list, share) => {
      const value = percentile(list, share);
      expect(list).toContain(value);
      const notAbove = list.filter((each) => each <= value).length;
      const below = list.filter((each) => each < value).length;
      expect(notAbove / list.length).toBeGreaterThanOrEqual(share - 1e-9);
      expect(below / list.length).toBeLessThan(share + 1e-9);
    }),
  );
});

test('of 10,000 values the 100 worst are beyond the 99th percentile', () => {
  const values = Array.from({ length: 10_000 }, (_, index) => index + 1);
  expect(summarize(values)).toEqual({ count: 10_000, p50Ms: 5_000, p99Ms: 9_900, worstMs: 10_000 });
});

test('there is no percentile of nothing', () => {
  expect(() => percentile([], 0.5)).toThrow('percentile of nothing');
});
