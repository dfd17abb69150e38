// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { DEFAULT_TIMING } from '../timing.ts';
import type { Happening } from './counts.ts';
import type { Violation } from './judge.ts';
import { describeRun, type RuleNumber, type RunOptions, run, shrink } from './run.ts';

const SAFETY: readonly Violation['rule'][] = ['twoHolders', 'stillOnNode', 'lowerEpoch'];

/** What has to happen in thousands of runs, or they would show nothing. A second agent starts only without rule 6. */
const HAPPENINGS: readonly Happening[] = [
  ...(['lost', 'cutOneWay', 'cutBothWays', 'late', 'veryLate', 'doubled', 'reordered', 'restarted'] as const),
  ...([
    'secondAgentRefused',
    'mainThreadBehind',
    'apiFault',
    'staleRead',
    'noRecord',
    'votersChanged',
  ] as const),
  ...([
    'votersRefused',
    'worstClock',
    'crash',
    'freeze',
    'workerStall',
    'mainStall',
    'drain',
    'linkDown',
  ] as const),
  ...(['refuse', 'usurp', 'outvote', 'restoreRecord', 'deleteRecord', 'unwant'] as const),
];

/** The first run of so many that finds such a violation. */
function firstFind(rule: Violation['rule'], seeds: number, options: RunOptions, fromSeed = 1) {
  for (let seed = fromSeed; seed < fromSeed + seeds; seed++) {
    const result = run(seed, options);
    if (result.violations.some((violation) => violation.rule === rule)) return result;
  }
  return undefined;
}

describe('simulated groups', () => {
  it('keep all rules under thousands of seeded sequences of faults', { timeout: 120_000 }, () => {
    const happened = new Set<Happening>();
    for (let seed = 1; seed <= 2_000; seed++) {
      const result = run(seed);
      if (result.violations.length > 0) expect.fail(describeRun(shrink(result)));
      for (const what of result.happened.keys()) happened.add(what);
    }
    expect(HAPPENINGS.filter((what) => !happened.has(what))).toEqual([]);
  });

  it('hold no address twice, however restless the placement is', { timeout: 120_000 }, () => {
    for (let seed = 1; seed <= 500; seed++) {
      const found = run(seed, { without: 7 }).violations.filter(({ rule }) => SAFETY.includes(rule));
      expect(found, `seed ${seed}`).toEqual([]);
    }
  });

  it('end with one holder of each address, too, when addresses are kept below a majority', {
    timeout: 120_000,
  }, () => {
    for (let seed = 1; seed <= 200; seed++) {
      const result = run(seed, { minority: 'keep' });
      if (result.violations.length > 0) expect.fail(describeRun(shrink(result, { minority: 'keep' })));
    }
  });

  it('do the same again for the same seed', () => {
    const { steps, faults } = run(7);
    expect(run(7)).toMatchObject({ steps, faults });
    expect(run(7, {}, faults).steps).toBe(steps);
  });

  it.each<[RuleNumber, Violation['rule'], number]>([
    [1, 'twoHolders', 1],
    [2, 'twoHolders', 1],
    [3, 'twoHolders', 1],
    // Rare: it takes two majorities of different epochs.
    [4, 'twoHolders', 280],
    [5, 'twoHolders', 1],
    [6, 'twoHolders', 1],
    [7, 'needlessMove', 1],
  ])('without rule %i are found to violate: %s', { timeout: 120_000 }, (without, rule, fromSeed) => {
    const found = firstFind(rule, 2_000, { without }, fromSeed);
    if (found === undefined) throw new Error('no violation found');
    const shrunk = shrink(found, { without });
    expect(shrunk.violations).not.toEqual([]);
    expect(shrunk.faults.length).toBeLessThanOrEqual(found.faults.length);
    expect(describeRun(shrunk)).toContain(`seed ${found.seed}`);
  });

  it('without rule 4 follow lower epochs', () => {
    expect(firstFind('lowerEpoch', 200, { without: 4 })).toBeDefined();
  });

  it('depend on clocks that keep within the drift that is allowed for, and on nothing more', {
    timeout: 120_000,
  }, () => {
    expect(firstFind('twoHolders', 1_000, { clockDrift: 0.05 })).toBeDefined();
    const timing = { ...DEFAULT_TIMING, maxDrift: 0.05 };
    for (let seed = 1; seed <= 300; seed++) {
      const found = run(seed, { timing }).violations.filter(({ rule }) => rule === 'twoHolders');
      expect(found, `seed ${seed}`).toEqual([]);
    }
  });
});
