// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type WaitingGroup, WaitingList } from './waiting-list.ts';

const X = { key: 'x' };
const Y = { key: 'y' };

function serveUpTo(
  list: WaitingList<WaitingGroup>,
  count: number,
  concerns: (group: WaitingGroup) => boolean = () => true,
): string[] {
  const served: string[] = [];
  list.offer(concerns, (service) => {
    if (served.length === count) return false;
    served.push(service);
    return true;
  });
  return served;
}

it('serves the oldest first, over all groups, whatever the order of arrival', () => {
  const waiter = fc.record({ age: fc.integer({ min: 100, max: 105 }), group: fc.constantFrom(X, Y) });
  fc.assert(
    fc.property(fc.array(waiter, { maxLength: 20 }), fc.nat(20), (waiters, count) => {
      const list = new WaitingList<WaitingGroup>();
      waiters.forEach(({ age, group }, i) => {
        list.add(`s${i + 10}`, `${age}`, group);
      });
      const order = waiters
        .map(({ age }, i) => `${age} s${i + 10}`)
        .sort()
        .map((text) => text.slice(4));
      expect(list.oldestFirst()).toEqual(order);
      expect(serveUpTo(list, count)).toEqual(order.slice(0, count));
      expect(list.size).toBe(Math.max(0, order.length - count));
    }),
  );
});

it('asks only the oldest of a group after a refusal, and leaves other groups alone', () => {
  const list = new WaitingList<WaitingGroup>();
  list.add('a', '1', X);
  list.add('b', '2', X);
  list.add('c', '3', Y);
  const asked: string[] = [];
  list.offer(
    (group) => group === X,
    (service) => {
      asked.push(service);
      return false;
    },
  );
  expect(asked).toEqual(['a']);
});

it('moves a waiter between groups and forgets it', () => {
  const list = new WaitingList<WaitingGroup>();
  list.add('a', '1', X);
  list.add('a', '1', Y);
  expect(serveUpTo(list, 9, (group) => group === X)).toEqual([]);
  expect(list.oldestFirst()).toEqual(['a']);
  list.remove('a');
  list.remove('a');
  expect(list.size).toBe(0);
});

it('goes on with a group whose first has moved to another one', () => {
  const list = new WaitingList<WaitingGroup>();
  list.add('old', '2026-01-01', X);
  list.add('young', '2026-01-02', X);
  const asked: string[] = [];
  list.offer(
    (group) => group === X,
    (service) => {
      asked.push(service);
      if (service === 'old') list.add('old', '2026-01-01', Y);
      return service === 'young';
    },
  );
  expect(asked).toEqual(['old', 'young']);
  expect(list.oldestFirst()).toEqual(['old']);
});
