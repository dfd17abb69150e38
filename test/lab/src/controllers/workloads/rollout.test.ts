// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextRollingStep, resolveCount, rolloutLimits } from './rollout.ts';

describe('limits of a rolling update', () => {
  it.each([
    ['25%', 3, 'up', 1],
    ['25%', 3, 'down', 0],
    ['50%', 5, 'up', 3],
    [2, 10, 'up', 2],
    ['2', 10, 'up', 2],
    [undefined, 10, 'up', 0],
    ['banana', 10, 'up', 0],
  ] as const)('%s of %d rounded %s is %d', (value, total, round, expected) => {
    expect(resolveCount(value, total, round)).toBe(expected);
  });

  it('never stands still: one may be unavailable when both limits are zero', () => {
    expect(rolloutLimits(3, { maxSurge: 0, maxUnavailable: 0 })).toEqual({
      replicas: 3,
      maxSurge: 0,
      maxUnavailable: 1,
    });
  });
});

describe('a step of a rolling update', () => {
  it('starts with the surge, then trades old pods for new ones', () => {
    const limits = { replicas: 3, maxSurge: 1, maxUnavailable: 0 };
    const old = { wanted: 3, available: 3 };
    expect(nextRollingStep(limits, { wanted: 0, available: 0 }, [old])).toEqual({ fresh: 1, old: [3] });
    expect(nextRollingStep(limits, { wanted: 1, available: 0 }, [old])).toEqual({ fresh: 1, old: [3] });
    expect(nextRollingStep(limits, { wanted: 1, available: 1 }, [old])).toEqual({ fresh: 1, old: [2] });
  });

  it('takes broken old pods first', () => {
    const limits = { replicas: 3, maxSurge: 1, maxUnavailable: 1 };
    const step = nextRollingStep(limits, { wanted: 1, available: 1 }, [
      { wanted: 2, available: 2 },
      { wanted: 1, available: 0 },
    ]);
    expect(step.old).toEqual([1, 0]);
  });

  it('keeps the promised pods available on the way and always arrives', () => {
    const scenario = fc.record({
      replicas: fc.integer({ min: 1, max: 20 }),
      maxSurge: fc.integer({ min: 0, max: 5 }),
      maxUnavailable: fc.integer({ min: 0, max: 5 }),
      oldSizes: fc.array(fc.integer({ min: 0, max: 10 }), { maxLength: 3 }),
      starts: fc.infiniteStream(fc.boolean()),
    });
    fc.assert(
      fc.property(scenario, ({ replicas, maxSurge, maxUnavailable, oldSizes, starts }) => {
        const limits = rolloutLimits(replicas, { maxSurge, maxUnavailable });
        let fresh = { wanted: 0, available: 0 };
        let old = oldSizes.map((size) => ({ wanted: size, available: size }));
        const total = (sets: readonly { wanted: number }[]) => sets.reduce((sum, set) => sum + set.wanted, 0);
        const ready = () => fresh.available + old.reduce((sum, set) => sum + set.available, 0);
        const ceiling = Math.max(limits.replicas + limits.maxSurge, total(old));
        const floor = Math.min(ready(), limits.replicas - limits.maxUnavailable);
        for (let round = 0; round < 400; round += 1) {
          const step = nextRollingStep(limits, fresh, old);
          fresh = { wanted: step.fresh, available: Math.min(fresh.available, step.fresh) };
          old = old.map((set, index) => {
            const wanted = step.old[index] ?? 0;
            return { wanted, available: Math.min(set.available, wanted) };
          });
          expect(total([fresh, ...old])).toBeLessThanOrEqual(ceiling);
          expect(ready()).toBeGreaterThanOrEqual(floor);
          // Pods become available now or later; at the latest in every tenth round.
          const { value } = starts.next();
          if ((value || round % 10 === 9) && fresh.available < fresh.wanted) fresh.available += 1;
        }
        expect({ fresh: fresh.wanted, old: total(old) }).toEqual({ fresh: replicas, old: 0 });
      }),
      { numRuns: 60 },
    );
  });
});
