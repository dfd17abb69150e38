// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AffinityTable } from './affinity.ts';

describe('AffinityTable', () => {
  it('knows a client until it was away for too long', () => {
    const table = new AffinityTable();
    table.note('10.0.0.1', 'a', 0, 1_000);
    expect(table.targetOf('10.0.0.1', 999)).toBe('a');
    table.note('10.0.0.1', 'a', 999, 1_000);
    expect(table.targetOf('10.0.0.1', 1_998)).toBe('a');
    expect(table.targetOf('10.0.0.1', 1_999)).toBeUndefined();
    expect(table.targetOf('10.0.0.2', 0)).toBeUndefined();
  });

  it('forgets clients of targets that are gone, and all when told to', () => {
    const table = new AffinityTable();
    table.note('10.0.0.1', 'a', 0, 1_000);
    table.note('10.0.0.2', 'b', 0, 1_000);
    table.keep(new Set(['b']));
    expect(table.targetOf('10.0.0.1', 1)).toBeUndefined();
    expect(table.targetOf('10.0.0.2', 1)).toBe('b');
    table.clear();
    expect(table.targetOf('10.0.0.2', 1)).toBeUndefined();
  });

  it('remembers those who came last when there are too many', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(20), { maxLength: 200, size: 'max' }),
        fc.integer({ min: 1, max: 8 }),
        (visits, limit) => {
          const table = new AffinityTable(limit);
          for (const [nowMs, client] of visits.entries())
            table.note(`${client}`, `of ${client}`, nowMs, 1_000);
          const lately = [...new Set([...visits].reverse())].slice(0, limit);
          for (let client = 0; client <= 20; client += 1) {
            const expected = lately.includes(client) ? `of ${client}` : undefined;
            expect(table.targetOf(`${client}`, visits.length)).toBe(expected);
          }
        },
      ),
    );
  });
});
