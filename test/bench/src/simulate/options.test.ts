// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { addBatches, NO_RUNS, runBatch } from './batch.ts';
import { commandFor, readSimulateOptions } from './options.ts';

describe('options of the simulation', () => {
  it('has defaults, on all cores', () => {
    expect(readSimulateOptions([], 8)).toMatchObject({
      runs: 1_000_000,
      seed: 1,
      minutes: undefined,
      threads: 8,
      run: {},
    });
  });

  it('takes what is given, and says what is wrong', () => {
    const args = ['--runs', '20', '--seed', '7', '--minutes', '2', '--without', '4', '--minority', 'keep'];
    expect(readSimulateOptions(args, 2)).toMatchObject({
      runs: 20,
      seed: 7,
      minutes: 2,
      run: { without: 4, minority: 'keep' },
    });
    expect(() => readSimulateOptions(['--runs', '0'], 2)).toThrow(
      '--runs: expected a whole number above 0, got "0"',
    );
    expect(() => readSimulateOptions(['--without', '8'], 2)).toThrow('1 to 7, got 8');
    expect(() => readSimulateOptions(['--minority', 'lose'], 2)).toThrow('release or keep');
    expect(() => readSimulateOptions(['--speed', '8'], 2)).toThrow();
  });

  it('names the command that repeats a run', () => {
    expect(commandFor(12, {})).toBe('npm run bench -- simulate --runs 1 --seed 12');
    expect(commandFor(12, { without: 3, minority: 'keep' })).toBe(
      'npm run bench -- simulate --runs 1 --seed 12 --without 3 --minority keep',
    );
  });
});

describe('a batch of runs', () => {
  it('adds up, and ends with what it looks for', () => {
    const some = runBatch({ firstSeed: 1, runs: 3, options: {}, lookFor: undefined });
    expect(some).toMatchObject({ runs: 3, failures: [] });
    expect(addBatches(NO_RUNS, some)).toEqual(some);
    const biting = runBatch({ firstSeed: 1, runs: 200, options: { without: 5 }, lookFor: 'twoHolders' });
    expect(biting.failures).toHaveLength(1);
    expect(biting.runs).toBeLessThan(200);
  });
});
