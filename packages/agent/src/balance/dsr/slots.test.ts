// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bidder, SLOTS, slotTable } from './slots.ts';

const bidder = (key: string, weight = 1, ending = 0): Bidder => ({ key, weight, ending });

const anyBidders = fc.uniqueArray(
  fc.record({
    key: fc.ipV4(),
    weight: fc.integer({ min: 0, max: 20 }),
    ending: fc.integer({ min: 0, max: 3 }),
  }),
  { selector: ({ key }) => key, minLength: 1, maxLength: 8 },
);

function ownersByKey(bidders: readonly Bidder[], size = 200): readonly (string | undefined)[] {
  return slotTable(bidders, size).owners.map((index) => bidders[index]?.key);
}

describe('slotTable', () => {
  it('gives shares in proportion to weights', () => {
    const owners = ownersByKey([bidder('10.0.0.1'), bidder('10.0.0.2'), bidder('10.0.0.3', 2)], SLOTS);
    const share = (key: string) => owners.filter((owner) => owner === key).length / SLOTS;
    expect(share('10.0.0.1')).toBeCloseTo(0.25, 1);
    expect(share('10.0.0.2')).toBeCloseTo(0.25, 1);
    expect(share('10.0.0.3')).toBeCloseTo(0.5, 1);
  });

  it('does not depend on the order of the bidders', () => {
    fc.assert(
      fc.property(anyBidders, (bidders) => {
        expect(ownersByKey(bidders.toReversed())).toEqual(ownersByKey(bidders));
      }),
    );
  });

  it('moves only slots of the one that loses weight or leaves, and only to others', () => {
    fc.assert(
      fc.property(anyBidders, fc.nat(7), fc.nat(20), (bidders, at, less) => {
        const index = at % bidders.length;
        const loser = bidders[index]?.key;
        const lighter = bidders.map((each, i) =>
          i === index ? { ...each, weight: Math.max(0, each.weight - less) } : each,
        );
        const before = ownersByKey(bidders);
        for (const after of [ownersByKey(lighter), ownersByKey(bidders.filter((_, i) => i !== index))]) {
          for (const [slot, owner] of after.entries()) {
            if (owner !== before[slot]) expect(before[slot]).toBe(loser);
          }
        }
        // Read backwards it says: one that comes or gains weight only wins slots.
      }),
    );
  });

  it('knows who had the slots of one that came or went', () => {
    fc.assert(
      fc.property(anyBidders, fc.integer({ min: 1, max: 20 }), (others, weight) => {
        const newcomer = bidder('new', weight);
        const before = ownersByKey(others);
        const all = [...others.map((each) => ({ ...each, ending: 0 })), newcomer];
        const { owners, runnersUp } = slotTable(all, 200);
        for (const [slot, owner] of owners.entries()) {
          if (all[owner] === newcomer) expect(all[runnersUp[slot] ?? -1]?.key).toBe(before[slot]);
        }
        // And the other way round: it gets nothing new, but is there as long as it ends what it has.
        const drained = slotTable([...all.slice(0, -1), bidder('new', 0, weight)], 200);
        for (const [slot, owner] of owners.entries()) {
          if (all[owner] === newcomer && drained.owners[slot] !== -1) {
            expect(drained.runnersUp[slot]).toBe(all.length - 1);
          }
        }
      }),
    );
  });

  it('has no owners where nobody has a weight', () => {
    expect(slotTable([bidder('10.0.0.1', 0, 1)], 2)).toEqual({ owners: [-1, -1], runnersUp: [0, 0] });
    expect(slotTable([], 1)).toEqual({ owners: [-1], runnersUp: [-1] });
  });
});
