// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { weightedTurns } from './turns.ts';

function sharesOf(turns: readonly number[], members: number): readonly number[] {
  const shares = new Array<number>(members).fill(0);
  for (const member of turns) shares[member] = (shares[member] ?? 0) + 1;
  return shares;
}

describe('weightedTurns', () => {
  it('is smooth', () => {
    expect(weightedTurns([3, 1])).toEqual([0, 0, 1, 0]);
    expect(weightedTurns([5, 1, 1])).toEqual([0, 0, 1, 0, 2, 0, 0]);
  });

  it('is as short as it can be', () => {
    expect(weightedTurns([100, 100])).toEqual([0, 1]);
    expect(weightedTurns([300, 0, 100])).toEqual([0, 0, 2, 0]);
  });

  it('is empty when nobody has a weight', () => {
    expect(weightedTurns([])).toEqual([]);
    expect(weightedTurns([0, 0])).toEqual([]);
  });

  const weights = fc.array(fc.integer({ min: 0, max: 65_535 }), { minLength: 1, maxLength: 20 });
  it('gives everybody a share in proportion to the weight, and nobody without one a turn', () => {
    fc.assert(
      fc.property(weights, (each) => {
        const turns = weightedTurns(each);
        const total = each.reduce((sum, weight) => sum + weight, 0);
        for (const [index, share] of sharesOf(turns, each.length).entries()) {
          const weight = each[index] ?? 0;
          if (weight === 0) expect(share).toBe(0);
          else expect(Math.abs(share / turns.length - weight / total)).toBeLessThan(0.025);
        }
      }),
    );
  });

  it('never makes anybody wait longer than evenly spread turns would, but for one', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 }), (each) => {
        const turns = weightedTurns(each);
        const shares = sharesOf(turns, each.length);
        for (let prefix = 1; prefix <= turns.length; prefix++) {
          const sofar = sharesOf(turns.slice(0, prefix), each.length);
          for (const [index, share] of shares.entries()) {
            const even = (prefix * share) / turns.length;
            expect(Math.abs((sofar[index] ?? 0) - even)).toBeLessThan(each.length);
          }
        }
      }),
    );
  });
});
