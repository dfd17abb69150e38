// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { Electorate } from './electorate.ts';
import { ALL_RULES } from './rules.ts';
import { DEFAULT_TIMING, oblivionMs } from './timing.ts';

describe('an electorate', () => {
  it('never goes back to a lower epoch, nor to another text of the same', () => {
    const electorate = new Electorate(DEFAULT_TIMING, ALL_RULES);
    expect(electorate.adopt({ epoch: 3, voters: ['a', 'b', 'c'] }, 0)).toBe(true);
    expect(electorate.adopt({ epoch: 2, voters: ['a'] }, 1)).toBe(false);
    expect(electorate.adopt({ epoch: 3, voters: ['a'] }, 1)).toBe(false);
    expect(electorate.voters).toEqual(['a', 'b', 'c']);
    expect(electorate.majority).toBe(2);
  });

  it('says that an epoch has settled only when nothing of the one before is left', () => {
    const electorate = new Electorate(DEFAULT_TIMING, ALL_RULES);
    const settlesMs = oblivionMs(DEFAULT_TIMING);
    electorate.adopt({ epoch: 1, voters: ['a'] }, 0);
    expect(electorate.settledEpoch(settlesMs - 1)).toBe(0);
    expect(electorate.settledEpoch(settlesMs)).toBe(1);
    electorate.adopt({ epoch: 2, voters: ['a', 'b'] }, 1_000);
    expect(electorate.settledEpoch(1_000)).toBe(1);
    electorate.adopt({ epoch: 3, voters: ['a', 'b', 'c'] }, 1_001);
    expect(electorate.settledEpoch(1_000 + settlesMs)).toBe(1);
    expect(electorate.settledEpoch(1_001 + settlesMs)).toBe(3);
  });
});
