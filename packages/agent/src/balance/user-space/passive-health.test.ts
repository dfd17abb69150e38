// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { afterFailure, isOut, type PassiveHealth, SOUND } from './passive-health.ts';

/** After failures at these times. */
function after(...times: readonly number[]): PassiveHealth {
  return times.reduce(afterFailure, SOUND);
}

describe('afterFailure', () => {
  it('leaves a target alone from the second failure in a row', () => {
    expect(isOut(SOUND, 0)).toBe(false);
    expect(isOut(after(0), 0)).toBe(false);
    expect(isOut(after(0, 1), 1)).toBe(true);
    expect(isOut(after(0, 1), 500)).toBe(true);
    expect(isOut(after(0, 1), 501)).toBe(false);
  });

  it('doubles the time with each failure after it, up to half a minute', () => {
    expect(after(0, 0, 500).outUntilMs).toBe(1_500);
    expect(after(0, 0, 500, 1_500).outUntilMs).toBe(3_500);
    const patient = Array.from({ length: 60 }, (_, index) => index * 30_000);
    expect(after(...patient).outUntilMs).toBe(59 * 30_000 + 30_000);
  });

  it('does not count what was under way when it was given up', () => {
    const given = after(0, 0);
    expect(afterFailure(given, 100)).toEqual(given);
  });

  it('never leaves a target alone for more than half a minute from now', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(40_000), { maxLength: 100, size: 'max' }), (steps) => {
        let [health, nowMs] = [SOUND, 0];
        for (const step of steps) {
          nowMs += step;
          health = afterFailure(health, nowMs);
          expect(health.outUntilMs).toBeLessThanOrEqual(nowMs + 30_000);
        }
      }),
    );
  });
});
