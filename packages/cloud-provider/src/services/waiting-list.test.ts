// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { WaitingList } from './waiting-list.ts';

function serveUpTo(
  list: WaitingList,
  count: number,
  concerns: (group: string) => boolean = () => true,
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
  const waiter = fc.record({ age: fc.integer({ min: 100, max: 105 }), group: fc.constantFrom('x', 'y') });
  fc.assert(
    fc.property(fc.array(waiter, { maxLength: 20 }), fc.nat(20), (waiters, count) => {
      const list = new WaitingList();
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
  const list = new WaitingList();
  list.add('a', '1', 'x');
  list.add('b', '2', 'x');
  list.add('c', '3', 'y');
  const asked: string[] = [];
  list.offer(
    (group) => group === 'x',
    (service) => {
      asked.push(service);
      return false;
    },
  );
  expect(asked).toEqual(['a']);
});

it('moves a waiter between groups and forgets it', () => {
  const list = new WaitingList();
  list.add('a', '1', 'x');
  list.add('a', '1', 'y');
  expect(serveUpTo(list, 9, (group) => group === 'x')).toEqual([]);
  expect(list.has('a')).toBe(true);
  list.remove('a');
  list.remove('a');
  expect(list.size).toBe(0);
});

it('goes on with a group whose first has moved to another one', () => {
  const list = new WaitingList();
  list.add('old', '2026-01-01', 'group');
  list.add('young', '2026-01-02', 'group');
  const asked: string[] = [];
  list.offer(
    (group) => group === 'group',
    (service) => {
      asked.push(service);
      if (service === 'old') list.add('old', '2026-01-01', 'elsewhere');
      return service === 'young';
    },
  );
  expect(asked).toEqual(['old', 'young']);
  expect(list.oldestFirst()).toEqual(['old']);
});
