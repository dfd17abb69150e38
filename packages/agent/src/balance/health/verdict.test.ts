// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judge, unknownVerdict, type Verdict } from './verdict.ts';

const RULE = { rise: 3, fall: 2 };

function afterAll(outcomes: readonly boolean[], rule = RULE): Verdict {
  return outcomes.reduce<Verdict>(
    (verdict, ok, index) => judge(verdict, { ok, detail: String(index) }, rule, index),
    unknownVerdict(0),
  );
}

describe('judge', () => {
  it('takes the first outcome for the truth', () => {
    expect(afterAll([true]).state).toBe('up');
    expect(afterAll([false]).state).toBe('down');
  });

  it('changes its mind after outcomes in a row alone', () => {
    expect(afterAll([true, false]).state).toBe('up');
    expect(afterAll([true, false, true, false]).state).toBe('up');
    expect(afterAll([true, false, false])).toEqual({ state: 'down', sinceMs: 2, against: 0, detail: '2' });
    expect(afterAll([false, true, true]).state).toBe('down');
    expect(afterAll([false, true, true, false, true, true]).state).toBe('down');
    expect(afterAll([false, true, true, true])).toEqual({ state: 'up', sinceMs: 3, against: 0, detail: '3' });
  });

  it('is what the last run of equal outcomes that was long enough said', () => {
    const counts = fc.integer({ min: 1, max: 5 });
    fc.assert(
      fc.property(
        fc.array(fc.boolean(), { minLength: 1, maxLength: 60 }),
        counts,
        counts,
        (outcomes, rise, fall) => {
          expect(afterAll(outcomes, { rise, fall }).state).toBe(byRuns(outcomes, rise, fall));
        },
      ),
    );
  });
});

/** The same rule said another way: by runs instead of step by step. */
function byRuns(outcomes: readonly boolean[], rise: number, fall: number): Verdict['state'] {
  for (let end = outcomes.length; end > 1; end -= 1) {
    const ok = outcomes[end - 1] ?? false;
    const run = outcomes.slice(Math.max(0, end - (ok ? rise : fall)), end);
    if (run.length === (ok ? rise : fall) && run.every((each) => each === ok)) return ok ? 'up' : 'down';
  }
  return outcomes[0] ? 'up' : 'down';
}
