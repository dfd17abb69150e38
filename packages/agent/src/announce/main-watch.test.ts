// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest';
import { MAIN_STALL_MS, MainWatch } from './main-watch.ts';

test('a main thread that moves its counter is never stalled', () => {
  const watch = new MainWatch(0, 0);
  for (let step = 1; step < 100; step += 1) expect(watch.isStalled(step, step * 900)).toBe(false);
});

test('a counter that stands still for two seconds is a stall, until it moves again', () => {
  const watch = new MainWatch(7, 0);
  for (let nowMs = 0; nowMs < MAIN_STALL_MS; nowMs += 200) expect(watch.isStalled(7, nowMs)).toBe(false);
  expect(watch.isStalled(7, MAIN_STALL_MS)).toBe(true);
  expect(watch.isStalled(7, MAIN_STALL_MS + 200)).toBe(true);
  expect(watch.isStalled(8, MAIN_STALL_MS + 400)).toBe(false);
});

test('a gap of the watching thread says nothing about the watched one', () => {
  const watch = new MainWatch(7, 0);
  expect(watch.isStalled(7, 60_000)).toBe(false);
  for (let nowMs = 60_200; nowMs < 62_000; nowMs += 200) expect(watch.isStalled(7, nowMs)).toBe(false);
  expect(watch.isStalled(7, 62_000)).toBe(true);
});
