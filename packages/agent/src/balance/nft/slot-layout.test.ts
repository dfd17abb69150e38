// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Backend } from '../model/frontend.ts';
import { backendOf } from '../testing/frontends.ts';
import { freshSlots, nextSlots } from './slot-layout.ts';

const anyBackends = fc
  .uniqueArray(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 40 })
  .map((numbers) => numbers.map((number) => backendOf(`10.0.0.${number}`)));

function counts(slots: readonly Backend[]): readonly number[] {
  return [...Map.groupBy(slots, ({ address }) => address).values()].map(({ length }) => length);
}

function spread(slots: readonly Backend[]): number {
  return Math.max(...counts(slots)) - Math.min(...counts(slots));
}

describe('freshSlots', () => {
  it('gives each back end the same number of slots, in turn', () => {
    fc.assert(
      fc.property(anyBackends, (backends) => {
        const slots = freshSlots(backends);
        expect(new Set(counts(slots)).size).toBe(1);
        expect(slots.slice(0, backends.length)).toEqual(backends);
        expect(slots.length).toBeGreaterThanOrEqual(Math.max(20, 2 * backends.length));
      }),
    );
  });
});

describe('nextSlots', () => {
  it('leads through any changes with shares that differ by one slot, and moves no more slots than it must', () => {
    fc.assert(
      fc.property(anyBackends, fc.array(anyBackends, { maxLength: 8 }), (first, changes) => {
        let slots = freshSlots(first);
        for (const backends of changes) {
          const next = nextSlots(slots, backends);
          if (next === undefined) {
            expect(slots.length).toBeLessThan(2 * backends.length);
            slots = freshSlots(backends);
            continue;
          }
          expect(next).toHaveLength(slots.length);
          expect(new Set(next.map(({ address }) => address))).toEqual(
            new Set(backends.map(({ address }) => address)),
          );
          expect(spread(next)).toBeLessThanOrEqual(1);
          expect(moved(slots, next)).toBe(fewestMoves(slots, backends));
          slots = next;
        }
      }),
    );
  });

  it('leaves everything when nothing has changed, and knows a back end by its address and port', () => {
    const backends = [backendOf('10.0.0.1'), backendOf('10.0.0.1', 81)];
    const slots = freshSlots(backends);
    expect(nextSlots(slots, [backendOf('10.0.0.1', 80 + 8000), backendOf('10.0.0.1', 81)])).toEqual(slots);
  });

  it('needs a fresh table for too many back ends, and has none for none', () => {
    const slots = freshSlots([backendOf('10.0.0.1')]);
    const many = Array.from({ length: 13 }, (_, index) => backendOf(`10.0.0.${index + 1}`));
    expect(nextSlots(slots, many)).toBeUndefined();
    expect(nextSlots(slots, [])).toBeUndefined();
  });
});

function moved(before: readonly Backend[], after: readonly Backend[]): number {
  return before.filter(({ address }, slot) => after[slot]?.address !== address).length;
}

/** Slots of back ends that are gone, and what those that stay have beyond their share. */
function fewestMoves(before: readonly Backend[], backends: readonly Backend[]): number {
  const kept = backends.map(({ address }) => before.filter((slot) => slot.address === address).length);
  const [low, extra] = [Math.floor(before.length / backends.length), before.length % backends.length];
  // The largest may have one slot more than the others.
  const stay = [...kept]
    .sort((a, b) => b - a)
    .map((count, index) => Math.min(count, index < extra ? low + 1 : low));
  return before.length - stay.reduce((sum, count) => sum + count, 0);
}
