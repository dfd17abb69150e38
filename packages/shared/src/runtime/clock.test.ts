// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest';
import { delay, ManualClock, systemClock } from './clock.ts';

test('the manual clock calls timers in the order they are due, at their time, and not when cancelled', () => {
  const clock = new ManualClock(0);
  const calls: string[] = [];
  const note = (name: string) => () => void calls.push(`${name}@${clock.monotonicMs()}`);
  clock.setTimer(note('c'), 30);
  clock.setTimer(note('a'), 10);
  clock.setTimer(note('b'), 10);
  clock.setTimer(note('x'), 20).cancel();
  clock.setTimer(() => clock.setTimer(note('nested'), 5), 10);
  expect(clock.nextTimerMs()).toBe(10);
  clock.advance(29);
  expect([calls, clock.pendingTimers]).toEqual([['a@10', 'b@10', 'nested@15'], 1]);
  clock.advance(1);
  expect(calls.at(-1)).toBe('c@30');
});

test('what waits for a delay runs on before the next timer', async () => {
  const clock = new ManualClock(0);
  const timesMs: number[] = [];
  const run = async () => {
    for (let i = 0; i < 3; i += 1) {
      await delay(clock, 100);
      timesMs.push(clock.monotonicMs());
    }
  };
  const running = run();
  await clock.advanceAsync(1_000);
  await running;
  expect(timesMs).toEqual([100, 200, 300]);
  expect(clock.wallMs() - Date.UTC(2026, 0, 1)).toBe(1_000);
});

test('a delay ends at once when aborted, before or during it, and leaves no timer', async () => {
  const clock = new ManualClock();
  const controller = new AbortController();
  const waiting = delay(clock, 1_000, controller.signal);
  controller.abort();
  await waiting;
  await delay(clock, 1_000, controller.signal);
  expect(clock.pendingTimers).toBe(0);
});

test('the system clock is the monotonic clock of the machine, which other threads and processes share', async () => {
  const monotonicMs = () => Number(process.hrtime.bigint()) / 1e6;
  for (let look = 0; look < 3; look++) {
    const before = monotonicMs();
    const now = systemClock.monotonicMs();
    expect(now).toBeGreaterThanOrEqual(before);
    expect(now).toBeLessThanOrEqual(monotonicMs());
    // Node counts whole milliseconds from the begin of its turn, so this may end before the clock has moved by as many.
    await delay(systemClock, 5);
    expect(systemClock.monotonicMs()).toBeGreaterThan(now);
  }
  expect(Math.abs(systemClock.wallMs() - Date.now())).toBeLessThan(1_000);
});
