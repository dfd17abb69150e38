// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { Refusals } from './refusals.ts';

const GROUP = { addresses: ['x', 'y'], candidates: 'any' as const };
const MEMBERS = new Map([
  ['a', 0],
  ['b', 0],
]);

describe('refusals', () => {
  it('take a member off the candidates of the whole group, for a while', () => {
    const refusals = new Refusals();
    refusals.note('y', 'a', 0);
    expect(refusals.applyTo([GROUP], MEMBERS, 1)).toEqual([{ ...GROUP, candidates: new Set(['b']) }]);
    const untilMs = refusals.untilMs('y', 'a');
    expect(refusals.nextMs(1)).toBe(untilMs);
    expect(refusals.applyTo([GROUP], MEMBERS, untilMs)).toEqual([GROUP]);
    expect(refusals.nextMs(untilMs)).toBe(Number.POSITIVE_INFINITY);
  });

  it('last longer each time, but not when said twice, and are forgiven', () => {
    const refusals = new Refusals();
    const refuse = (nowMs: number) => {
      refusals.note('x', 'a', nowMs);
      return refusals.untilMs('x', 'a');
    };
    const first = refuse(0);
    expect(refuse(100)).toBe(first);
    expect(refuse(first) - first).toBe(2 * first);
    const groups = [GROUP];
    expect(refusals.applyTo(groups, MEMBERS, 1e6)).toBe(groups);
    expect(refuse(1e6) - 1e6).toBe(first);
  });
});
