// SPDX-License-Identifier: Apache-2.0
import { ManualClock } from '@fairlead/shared/runtime/clock.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { restartDelayMs, restarts } from './backoff.ts';
import { FRESH_PROBE, nextProbeState, probeSettings } from './probe-state.ts';
import { type ProbeKind, runProbe } from './prober.ts';

describe('thresholds of a probe', () => {
  it('change the verdict only after enough results in a row', () => {
    const thresholds = fc.record({
      successThreshold: fc.integer({ min: 1, max: 4 }),
      failureThreshold: fc.integer({ min: 1, max: 4 }),
    });
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 40 }), thresholds, (results, spec) => {
        const settings = probeSettings(spec);
        let state = FRESH_PROBE;
        for (const [index, success] of results.entries()) {
          const need = success ? spec.successThreshold : spec.failureThreshold;
          const row = results.slice(Math.max(0, index + 1 - need), index + 1);
          const reached = row.length === need && row.every((result) => result === success);
          const verdict = success ? 'success' : 'failure';
          const before = state.verdict;
          state = nextProbeState(state, success, settings);
          expect(state.verdict).toBe(reached ? verdict : before);
        }
      }),
    );
  });
});

/** Runs a probe of `periodSeconds: 2` for some seconds against a container that answers from `upMs` until `downMs`. */
async function watch(kind: ProbeKind, forMs: number, upMs: number, downMs = Number.POSITIVE_INFINITY) {
  const clock = new ManualClock(0);
  const stop = new AbortController();
  const verdicts: [number, string][] = [];
  const attempts: number[] = [];
  let failures = 0;
  const done = runProbe({
    kind,
    probe: { periodSeconds: 2, failureThreshold: 2 },
    clock,
    signal: stop.signal,
    attempt: async () => {
      const nowMs = clock.monotonicMs();
      attempts.push(nowMs);
      return { success: nowMs >= upMs && nowMs < downMs, message: 'refused' };
    },
    onVerdict: (verdict) => verdicts.push([clock.monotonicMs(), verdict]),
    onFailure: () => {
      failures += 1;
    },
  });
  await clock.advanceAsync(forMs);
  stop.abort();
  await clock.advanceAsync(10_000);
  await done;
  return { verdicts, attempts, failures };
}

describe('prober', () => {
  it('finds a fresh container ready within 100 ms, without failures on record', async () => {
    const { verdicts, failures } = await watch('readiness', 5_000, 250);
    expect(verdicts).toEqual([[300, 'success']]);
    expect(failures).toBe(0);
  });

  it('keeps to the period afterwards and needs the threshold to fail', async () => {
    const { verdicts, attempts } = await watch('readiness', 12_000, 0, 5_000);
    expect(attempts.slice(0, 4)).toEqual([0, 2_000, 4_000, 6_000]);
    expect(verdicts).toEqual([
      [0, 'success'],
      [8_000, 'failure'],
    ]);
  });

  it('does not hurry a liveness probe: failing early must not kill', async () => {
    const { attempts, verdicts } = await watch('liveness', 3_000, 1_000);
    expect(attempts).toEqual([0, 2_000]);
    expect(verdicts).toEqual([[2_000, 'success']]);
  });
});

describe('restarts', () => {
  it.each([
    ['Always', 0, true],
    ['OnFailure', 0, false],
    ['OnFailure', 1, true],
    ['Never', 1, false],
  ])('with policy %s after exit code %d: %s', (policy, code, expected) => {
    expect(restarts(policy, code)).toBe(expected);
  });

  it('come after pauses that double up to the maximum', () => {
    const pauses = [0, 1, 2, 5, 6, 100].map((count) => restartDelayMs(count, { baseMs: 250, maxMs: 10_000 }));
    expect(pauses).toEqual([250, 500, 1_000, 8_000, 10_000, 10_000]);
  });
});
