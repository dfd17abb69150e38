// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { delay, ManualClock } from '../runtime/clock.ts';
import { WorkQueue } from './work-queue.ts';

const keys = fc.constantFrom('a', 'b', 'c');
const steps = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('add' as const), key: keys }),
    fc.record({ do: fc.constant('later' as const), key: keys, ms: fc.nat(500) }),
    fc.record({ do: fc.constant('time' as const), ms: fc.nat(300) }),
  ),
  { maxLength: 40 },
);
/** For each pass: how long it takes and whether it fails. */
const passes = fc.array(fc.record({ ms: fc.nat(200), fails: fc.boolean() }), { minLength: 1, maxLength: 20 });

test('no key is lost, none is worked on twice at a time, and each addition is followed by a later pass', async () => {
  await fc.assert(
    fc.asyncProperty(steps, passes, fc.integer({ min: 1, max: 3 }), async (history, plan, concurrency) => {
      const clock = new ManualClock();
      const queue = new WorkQueue({ clock, random: () => 0.5, minRetryMs: 10, maxRetryMs: 100 });
      const stop = new AbortController();
      const active = new Set<string>();
      const wantedMs = new Map<string, number>();
      const lastGoodStartMs = new Map<string, number>();
      let pass = 0;
      const worker = async (key: string) => {
        expect(active.has(key)).toBe(false);
        active.add(key);
        expect(active.size).toBeLessThanOrEqual(concurrency);
        const startMs = clock.monotonicMs();
        const { ms, fails } = plan[pass++ % plan.length] ?? { ms: 0, fails: false };
        await delay(clock, ms);
        active.delete(key);
        // In the end everything succeeds, or the test would never end.
        if (fails && pass < 60) throw new Error('on purpose');
        lastGoodStartMs.set(key, startMs);
      };
      const running = queue.run(worker, { concurrency, signal: stop.signal });
      for (const step of history) {
        if (step.do === 'time') await clock.advanceAsync(step.ms);
        else {
          const ms = step.do === 'later' ? step.ms : 0;
          wantedMs.set(step.key, Math.max(wantedMs.get(step.key) ?? 0, clock.monotonicMs()));
          queue.addAfter(step.key, ms);
        }
      }
      await clock.advanceAsync(60_000);
      for (const [key, ms] of wantedMs) {
        expect(lastGoodStartMs.get(key)).toBeGreaterThanOrEqual(ms);
        expect(queue.failures(key)).toBe(0);
      }
      expect([queue.size, clock.pendingTimers]).toEqual([0, 0]);
      stop.abort();
      await running;
    }),
    { numRuns: 60 },
  );
});

test('pauses grow with each failure, up to the limit, and start small again after a success', async () => {
  const clock = new ManualClock(0);
  const queue = new WorkQueue({ clock, random: () => 0, minRetryMs: 100, maxRetryMs: 500 });
  const stop = new AbortController();
  const startsMs: number[] = [];
  const running = queue.run(
    async () => {
      startsMs.push(clock.monotonicMs());
      if (startsMs.length !== 6) throw new Error('on purpose');
    },
    { signal: stop.signal },
  );
  queue.add('a');
  await clock.advanceAsync(1_750);
  queue.add('a');
  await clock.advanceAsync(150);
  expect(startsMs.map((ms, index) => ms - (startsMs[index - 1] ?? 0))).toEqual([
    0, 100, 200, 400, 500, 500, 50, 100,
  ]);
  stop.abort();
  await running;
});

test('the earliest of several delays counts', async () => {
  const clock = new ManualClock(0);
  const queue = new WorkQueue({ clock });
  queue.addAfter('a', 300);
  queue.addAfter('a', 100);
  queue.addAfter('a', 200);
  await clock.advanceAsync(99);
  expect(queue.size).toBe(0);
  await clock.advanceAsync(1);
  expect(queue.size).toBe(1);
  expect(clock.pendingTimers).toBe(0);
});

test('stopping waits for what is under way and begins nothing new', async () => {
  const queue = new WorkQueue();
  const stop = new AbortController();
  const gate = Promise.withResolvers<void>();
  const done: string[] = [];
  const running = queue.run(
    async (key) => {
      await gate.promise;
      done.push(key);
    },
    { signal: stop.signal },
  );
  queue.add('a');
  queue.add('b');
  stop.abort();
  gate.resolve();
  await running;
  expect(done).toEqual(['a']);
  expect(queue.size).toBe(1);
});
