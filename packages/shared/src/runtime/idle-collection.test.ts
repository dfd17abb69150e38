// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { ManualClock } from './clock.ts';
import { collectWhenIdle } from './idle-collection.ts';

it('collects when there is garbage and nothing to do, and not again for nothing', () => {
  const clock = new ManualClock();
  let heap = 40_000_000;
  let busy = 0.5;
  let collections = 0;
  const stop = collectWhenIdle({
    clock,
    collect: () => {
      collections++;
      heap = 20_000_000;
    },
    heapBytes: () => heap,
    utilization: () => busy,
  });
  clock.advance(60_000);
  expect(collections).toBe(0);
  busy = 0.01;
  clock.advance(240_000);
  expect(collections).toBe(1);
  heap += 17_000_000;
  clock.advance(60_000);
  expect(collections).toBe(2);
  stop();
  heap += 50_000_000;
  clock.advance(60_000);
  expect(collections).toBe(2);
});

it('does nothing where it may not', () => {
  const clock = new ManualClock();
  const stop = collectWhenIdle({
    clock,
    collect: undefined,
    heapBytes: () => Number.POSITIVE_INFINITY,
    utilization: () => 0,
  });
  stop();
});
