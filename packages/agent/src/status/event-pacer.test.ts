// SPDX-License-Identifier: Apache-2.0
import { ManualClock } from '@fairlead/shared/runtime/clock.ts';
import { expect, it } from 'vitest';
import { EventPacer } from './event-pacer.ts';

it('lets a burst through and then keeps to its rate, in order', () => {
  const clock = new ManualClock();
  const pacer = new EventPacer(clock, { burst: 10, perSecond: 5, waiting: 1_000 });
  const done: number[] = [];
  for (let index = 0; index < 30; index++) pacer.add(() => done.push(index));
  expect(done).toHaveLength(10);
  clock.advance(2_000);
  expect(done).toHaveLength(20);
  clock.advance(60_000);
  expect(done).toEqual(Array.from({ length: 30 }, (_, index) => index));
  expect(clock.pendingTimers).toBe(0);
});

it('drops what is too much, and says how much', () => {
  const pacer = new EventPacer(new ManualClock(), { burst: 1, perSecond: 1, waiting: 2 });
  const accepted = [1, 2, 3, 4, 5].map(() => pacer.add(() => undefined));
  expect(accepted).toEqual([true, true, true, false, false]);
  expect(pacer.takeDropped()).toBe(2);
  expect(pacer.takeDropped()).toBe(0);
});

it('lets one more burst through at the end', () => {
  const clock = new ManualClock();
  const pacer = new EventPacer(clock, { burst: 3, perSecond: 1, waiting: 100 });
  let done = 0;
  for (let index = 0; index < 10; index++) pacer.add(() => done++);
  expect(pacer.stop()).toBe(4);
  expect(done).toBe(6);
  clock.advance(10_000);
  expect(done).toBe(6);
});
