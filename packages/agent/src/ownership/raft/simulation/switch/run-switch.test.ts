// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { GroupEngine } from '../../group-record.ts';
import { runSwitch } from './run-switch.ts';

describe('a change of the engine by a rolling restart', () => {
  it.each<[GroupEngine, GroupEngine, boolean]>([
    ['lease', 'raft', false],
    ['lease', 'raft', true],
    ['raft', 'lease', false],
    ['raft', 'lease', true],
  ])(
    'from %s to %s (faults: %s) never gives an address to two, and comes to an end',
    (from, to, hasFaults) => {
      const downMs: number[] = [];
      for (let seed = 1; seed <= 30; seed++) {
        const result = runSwitch(seed, { from, to, hasFaults });
        expect(result.violations, `seed ${seed}`).toEqual([]);
        if (result.downMs !== undefined) downMs.push(result.downMs);
      }
      expect(downMs.length).toBeGreaterThan(25);
      // Simulated time: the same on every machine.
      if (!hasFaults) expect(Math.max(...downMs)).toBeLessThan(600);
    },
  );

  it('is judged: who does not wait for the others is found', () => {
    const results = Array.from({ length: 10 }, (_, index) =>
      runSwitch(index + 1, { from: 'raft', to: 'lease', hasFaults: false, isHasty: true }),
    );
    expect(results.some(({ violations }) => violations.length > 0)).toBe(true);
  });

  it('is the same again for the same seed', () => {
    const options = { from: 'lease', to: 'raft', hasFaults: true } as const;
    expect(runSwitch(5, options)).toEqual(runSwitch(5, options));
  });
});
