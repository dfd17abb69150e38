// SPDX-License-Identifier: Apache-2.0
import { ManualClock } from '@fairlead/shared/runtime/clock.ts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { dueCount, dueMs, offer, saturate } from './open-loop.ts';

test('every act is due at its own time and not before', () => {
  const rates = fc.integer({ min: 1, max: 5_000 });
  fc.assert(
    fc.property(rates, fc.integer({ min: 0, max: 100_000 }), (rate, index) => {
      expect(dueCount(dueMs(index, rate), rate, 1_000_000)).toBe(index + 1);
      expect(dueCount(dueMs(index, rate) - 0.001, rate, 1_000_000)).toBe(index);
    }),
  );
});

test('the rate is kept while no answer comes', async () => {
  const clock = new ManualClock();
  const begun: number[] = [];
  const done = offer({
    count: 200,
    ratePerSecond: 100,
    clock,
    begin: () => begun.push(clock.monotonicMs()),
  });
  await clock.advanceAsync(990);
  expect(begun).toHaveLength(100);
  await clock.advanceAsync(1_000);
  expect(Math.max(...(await done))).toBe(0);
});

test('after a stall the missed acts follow at once and their lateness is told', async () => {
  const clock = new ManualClock();
  const begun: number[] = [];
  const done = offer({ count: 100, ratePerSecond: 100, clock, begin: (index) => begun.push(index) });
  clock.advance(505);
  await clock.advanceAsync(485);
  const lateMs = await done;
  expect(begun).toHaveLength(100);
  expect(lateMs[1]).toBeGreaterThanOrEqual(495);
  expect(lateMs.at(-1)).toBe(0);
});

test('a saturated run has as many acts under way as it has lanes, and does each once', async () => {
  const seen: number[] = [];
  let active = 0;
  let most = 0;
  await saturate(50, 7, async (index) => {
    active += 1;
    most = Math.max(most, active);
    await Promise.resolve();
    seen.push(index);
    active -= 1;
  });
  expect(most).toBe(7);
  expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, index) => index));
});
