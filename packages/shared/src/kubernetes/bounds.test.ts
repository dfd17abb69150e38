// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Backoff } from './backoff.ts';
import { TokenBucket } from './token-bucket.ts';

test('whatever the gaps: no window of time has more acts than burst plus rate', () => {
  const gaps = fc.array(fc.integer({ min: 0, max: 3_000 }), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(
      gaps,
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 1, max: 20 }),
      (list, perSecond, burst) => {
        const bucket = new TokenBucket(perSecond, burst, 0);
        const actsMs: number[] = [];
        let nowMs = 0;
        for (const gap of list) {
          nowMs += gap;
          actsMs.push(nowMs + bucket.reserve(nowMs));
        }
        for (let from = 0; from < actsMs.length; from += 1) {
          const to = actsMs.length - 1;
          const windowMs = (actsMs[to] ?? 0) - (actsMs[from] ?? 0);
          expect(to - from + 1).toBeLessThanOrEqual(burst + (windowMs * perSecond) / 1000 + 1e-6);
        }
      },
    ),
  );
});

test('a bucket lets through what it promises, and says how long the next one takes', () => {
  const bucket = new TokenBucket(2, 2, 0);
  expect([bucket.tryTake(0), bucket.tryTake(0), bucket.tryTake(0)]).toEqual([true, true, false]);
  expect(bucket.waitMs(0)).toBe(500);
  expect([bucket.reserve(0), bucket.reserve(0), bucket.waitMs(1_000)]).toEqual([500, 1_000, 500]);
});

test('pauses double within their jitter and stay within their bounds', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { minLength: 1, maxLength: 100 }),
      (dice) => {
        let index = 0;
        const backoff = new Backoff({ minMs: 200, maxMs: 2_500, random: () => dice[index] ?? 0 });
        for (index = 0; index < dice.length; index += 1) {
          const fullMs = Math.min(200 * 2 ** index, 2_500);
          const pauseMs = backoff.next();
          expect(pauseMs).toBeLessThanOrEqual(fullMs);
          expect(pauseMs).toBeGreaterThanOrEqual(fullMs / 2);
        }
        expect(backoff.failures).toBe(dice.length);
        backoff.reset();
        expect(backoff.next()).toBeLessThanOrEqual(200);
      },
    ),
  );
});
