// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_TIMING, outlastMs, tailWaitMs, timingProblem } from './timing.ts';

const timing = { ...DEFAULT_TIMING, maxDrift: 0.001 };
const rate = fc.double({ min: 1 - timing.maxDrift, max: 1 + timing.maxDrift, noNaN: true });

describe('outlastMs', () => {
  it('on any clock is longer than the same time on any other', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10_000 }), rate, rate, (ms, ours, theirs) => {
        expect(outlastMs(timing, ms) / ours).toBeGreaterThanOrEqual(ms / theirs);
      }),
    );
  });
});

describe('tailWaitMs', () => {
  it('outlasts every grant that a coordinator can give before its right ends', () => {
    const { grantMs, tailMs, leaseMs } = timing;
    fc.assert(
      fc.property(
        rate,
        rate,
        rate,
        fc.double({ min: 0, max: 2 * grantMs, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (coordinator, member, voter, beforeMs, share) => {
          // By the coordinator's clock: a renewal comes at 0 and is answered while the right lasts, up to `endMs`.
          const endMs = Math.min(beforeMs, leaseMs + grantMs * share);
          const lengthMs = Math.floor(Math.min(grantMs, endMs + tailMs));
          const grantEnds = lengthMs / member;
          const freeAt = endMs / coordinator + tailWaitMs(timing) / voter;
          expect(freeAt).toBeGreaterThanOrEqual(grantEnds);
        },
      ),
    );
  });
});

describe('timingProblem', () => {
  it('finds nothing wrong with the defaults', () => {
    expect(timingProblem(DEFAULT_TIMING)).toBeUndefined();
  });

  it.each([
    [{ renewMs: 200 }, 'at least two renewals (400 ms)'],
    [{ heartbeatMs: 100 }, 'at least two heartbeats (200 ms)'],
    [{ tailMs: 301 }, 'at most a grant (300 ms)'],
    [{ renewMs: 0 }, 'more than 0'],
    [{ maxDrift: 0.5 }, 'between 0 and 0.1'],
  ])('%o: %s', (change, problem) => {
    expect(timingProblem({ ...DEFAULT_TIMING, ...change })).toContain(problem);
  });
});
