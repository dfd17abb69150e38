// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ValueSet } from './value-set.ts';

const command = fc.record({ add: fc.boolean(), value: fc.integer({ min: 0, max: 60 }) });

it('agrees with a plain set on every query, whatever the order of additions and removals', () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 120 }), (commands) => {
      const set = new ValueSet();
      const model = new Set<number>();
      for (const { add, value } of commands) {
        if (add) {
          set.add(BigInt(value));
          model.add(value);
        } else {
          expect(set.delete(BigInt(value))).toBe(model.delete(value));
        }
      }
      for (let value = 0; value <= 61; value++) {
        let next = value;
        while (model.has(next)) next++;
        let previous = value;
        while (model.has(previous)) previous--;
        const above = [...model].filter((other) => other >= value);
        const below = [...model].filter((other) => other <= value);
        const number = (found: bigint | undefined) => (found === undefined ? undefined : Number(found));
        expect(number(set.nextPresent(BigInt(value), 'ascending'))).toBe(
          above.length === 0 ? undefined : Math.min(...above),
        );
        expect(number(set.nextPresent(BigInt(value), 'descending'))).toBe(
          below.length === 0 ? undefined : Math.max(...below),
        );
        expect(set.has(BigInt(value))).toBe(model.has(value));
        expect(set.nextAbsent(BigInt(value), 'ascending')).toBe(BigInt(next));
        expect(set.nextAbsent(BigInt(value), 'descending')).toBe(BigInt(previous));
      }
      const runs = [...model].filter((value) => !model.has(value - 1)).length;
      expect(set.intervals).toBe(runs);
      expect(set.isEmpty).toBe(model.size === 0);
    }),
  );
});

it('stays right when it has to split: 20,000 values far apart, then joined', () => {
  const set = new ValueSet();
  const values = Array.from({ length: 20_000 }, (_, i) => BigInt((i * 7_919) % 20_000) * 2n);
  for (const value of values) set.add(value);
  expect(set.intervals).toBe(20_000);
  expect(set.nextAbsent(10_000n, 'ascending')).toBe(10_001n);
  for (const value of values) set.add(value + 1n);
  expect(set.intervals).toBe(1);
  expect(set.nextAbsent(0n, 'ascending')).toBe(40_000n);
  for (const value of values) set.delete(value);
  expect(set.intervals).toBe(20_000);
  expect(set.has(10_000n)).toBe(false);
  expect(set.nextPresent(10_000n, 'ascending')).toBe(10_001n);
  expect(set.nextPresent(10_000n, 'descending')).toBe(9_999n);
});
