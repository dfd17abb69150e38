// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TcpSample } from './tcp-events.ts';
import { answersPerPod, attemptsWithin, longestSuccessGap, summarizeTcp } from './tcp-judge.ts';

const sample = fc
  .record({
    startMs: fc.integer({ min: 0, max: 10_000 }),
    tookMs: fc.integer({ min: 0, max: 1_000 }),
    ok: fc.boolean(),
    pod: fc.constantFrom('a', 'b', 'c'),
  })
  .map(
    ({ startMs, tookMs, ok, pod }): TcpSample => ({
      kind: 'sample',
      startMs,
      endMs: startMs + tookMs,
      ok,
      ...(ok ? { pod } : { error: 'timeout' }),
    }),
  );

const good = (endMs: number): TcpSample => ({
  kind: 'sample',
  startMs: endMs - 1,
  endMs,
  ok: true,
  pod: 'a',
});

describe('longestSuccessGap', () => {
  it('is the largest difference of neighbours, in whatever order the samples come', () => {
    fc.assert(
      fc.property(fc.array(sample), (samples) => {
        const ends = samples.filter(({ ok }) => ok).map(({ endMs }) => endMs);
        const gap = longestSuccessGap(samples);
        if (ends.length < 2) {
          expect(gap).toBeUndefined();
          return;
        }
        const sorted = ends.toSorted((a, b) => a - b);
        const expected = Math.max(...sorted.slice(1).map((end, index) => end - (sorted[index] ?? 0)));
        expect(gap?.gapMs).toBe(expected);
        expect(longestSuccessGap(samples.toReversed())).toEqual(gap);
      }),
    );
  });

  it('never shrinks when a success is taken away from between others', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 5_000 }), { minLength: 3 }), (ends) => {
        const sorted = ends.toSorted((a, b) => a - b);
        const fewer = [sorted[0] ?? 0, ...sorted.slice(2)];
        const gapOf = (times: readonly number[]) => longestSuccessGap(times.map(good))?.gapMs ?? 0;
        expect(gapOf(fewer)).toBeGreaterThanOrEqual(gapOf(sorted));
      }),
    );
  });

  it('looks only into its window', () => {
    const samples = [0, 1_000, 1_100, 1_400, 9_000].map(good);
    expect(longestSuccessGap(samples, { fromMs: 500, toMs: 2_000 })).toEqual({
      fromMs: 1_100,
      toMs: 1_400,
      gapMs: 300,
    });
  });
});

describe('totals', () => {
  it('add up', () => {
    fc.assert(
      fc.property(fc.array(sample), (samples) => {
        const { sent, failed, perPod, errors } = summarizeTcp(samples);
        const sum = (counts: Readonly<Record<string, number>>) =>
          Object.values(counts).reduce((a, b) => a + b, 0);
        expect(sum(perPod) + failed).toBe(sent);
        expect(sum(errors)).toBe(failed);
        expect(answersPerPod(samples)).toEqual(perPod);
      }),
    );
  });

  it('put an attempt into the window it began in', () => {
    const late: TcpSample = { kind: 'sample', startMs: 990, endMs: 1_990, ok: false, error: 'timeout' };
    expect(attemptsWithin([late, good(1_500)], { fromMs: 1_000, toMs: 2_000 })).toEqual({
      sent: 1,
      failed: [],
    });
    expect(attemptsWithin([late], { fromMs: 0, toMs: 1_000 })).toEqual({ sent: 1, failed: [late] });
  });
});
