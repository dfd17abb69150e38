// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAGLEV_SIZE, type MaglevMember, maglevTable } from './maglev.ts';

const anyMember: fc.Arbitrary<MaglevMember> = fc
  .record({ host: fc.integer({ min: 1, max: 65_000 }), port: fc.constantFrom(80, 8080) })
  .map(({ host, port }) => ({ key: `10.244.${host >> 8}.${host & 255} ${port}`, weight: 1 }));
const anyMembers = fc.uniqueArray(anyMember, { selector: ({ key }) => key, minLength: 2, maxLength: 20 });

function sharesOf(table: readonly number[], members: readonly MaglevMember[]): readonly number[] {
  const shares = new Array<number>(members.length).fill(0);
  for (const member of table) shares[member] = (shares[member] ?? 0) + 1;
  return shares;
}

/** Slot -> key of its member. */
function keysOf(members: readonly MaglevMember[]): readonly (string | undefined)[] {
  return maglevTable(members).map((index) => members[index]?.key);
}

describe('maglevTable', () => {
  it('has no slots without a member of some weight', () => {
    expect(maglevTable([])).toEqual([]);
    expect(maglevTable([{ key: 'a', weight: 0 }])).toEqual([]);
  });

  it('gives members of one weight the same number of slots, but for one', () => {
    fc.assert(
      fc.property(anyMembers, (members) => {
        const shares = sharesOf(maglevTable(members), members);
        expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('gives slots in proportion to weights, and none without one', () => {
    const weighted = fc.array(fc.tuple(anyMember, fc.integer({ min: 0, max: 10 })), {
      minLength: 1,
      maxLength: 10,
    });
    fc.assert(
      fc.property(weighted, (pairs) => {
        const members = pairs.map(([member, weight], index) => ({ key: `${member.key}/${index}`, weight }));
        const total = members.reduce((sum, { weight }) => sum + weight, 0);
        fc.pre(total > 0);
        for (const [index, share] of sharesOf(maglevTable(members), members).entries()) {
          const fair = (MAGLEV_SIZE * (members[index]?.weight ?? 0)) / total;
          expect(Math.abs(share - fair)).toBeLessThanOrEqual(members.length);
        }
      }),
    );
  });

  it('moves little more than it must when a member leaves, or comes', () => {
    fc.assert(
      fc.property(anyMembers, fc.nat(), (members, choice) => {
        const gone = members[choice % members.length]?.key;
        const [all, fewer] = [keysOf(members), keysOf(members.filter(({ key }) => key !== gone))];
        const moved = all.filter((key, slot) => key !== gone && key !== fewer[slot]).length;
        expect(moved / MAGLEV_SIZE).toBeLessThan(0.1);
      }),
    );
  });

  it('names the same member on every node, in whichever order they are told', () => {
    fc.assert(
      fc.property(anyMembers, (members) => {
        expect(keysOf([...members].reverse())).toEqual(keysOf(members));
      }),
    );
  });
});
