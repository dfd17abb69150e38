// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { RestingAddresses } from './resting.ts';

const LENGTHS_MS = [5, 20] as const;

const step = fc.record({
  value: fc.integer({ min: 0, max: 9 }),
  lengthMs: fc.constantFrom(...LENGTHS_MS),
  kind: fc.constantFrom('begin', 'cancel', 'wait'),
});

it('agrees with a plain list on what rests, for how long, and which rested longest', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const resting = new RestingAddresses();
      const model = new Map<number, { sinceMs: number; untilMs: number }>();
      steps.forEach(({ value, lengthMs, kind }, nowMs) => {
        if (kind === 'begin') {
          resting.begin(BigInt(value), nowMs, lengthMs);
          model.set(value, { sinceMs: nowMs, untilMs: nowMs + lengthMs });
        } else if (kind === 'cancel') {
          resting.cancel(BigInt(value));
          model.delete(value);
        }
        const over = [...model].filter(([, { untilMs }]) => untilMs <= nowMs).map(([each]) => each);
        for (const each of over) model.delete(each);
        const ended: number[] = [];
        resting.endRests(nowMs, (each) => ended.push(Number(each)));
        expect(ended.sort()).toEqual(over.sort());
        expect([...resting.values()].map(Number).sort()).toEqual([...model.keys()].sort());
        const even = [...model].filter(([each]) => each % 2 === 0);
        const fits = (each: bigint) => each % 2n === 0n;
        const bySince = even.toSorted(([, a], [, b]) => a.sinceMs - b.sinceMs);
        expect(resting.longest(fits)).toBe(bySince[0] && BigInt(bySince[0][0]));
        const ends = even.map(([, { untilMs }]) => untilMs);
        expect(resting.firstEndMs(fits)).toBe(ends.length === 0 ? undefined : Math.min(...ends));
      });
    }),
  );
});
