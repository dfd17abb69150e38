// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { scatteredNames, servingOrder } from './waiting-order.ts';

test('the older is served first, within a second the one that comes first by name', () => {
  const order = servingOrder([
    { name: 'a', creationTimestamp: '2026-01-01T00:00:02Z' },
    { name: 'd', creationTimestamp: '2026-01-01T00:00:01Z' },
    { name: 'c', creationTimestamp: '2026-01-01T00:00:01Z' },
  ]);
  expect(order).toEqual(['c', 'd', 'a']);
});

test('scattered names are distinct', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2_000 }), (count) => {
      expect(new Set(scatteredNames(count)).size).toBe(count);
    }),
  );
});

test('scattered names do not come in their own order', () => {
  const names = scatteredNames(100);
  expect(names).not.toEqual([...names].sort());
  expect(names).not.toEqual([...names].sort().reverse());
});
