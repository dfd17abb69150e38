// SPDX-License-Identifier: Apache-2.0
import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import { ManualClock } from './clock.ts';
import { silentLogger } from './logging.ts';
import { createShutdown } from './shutdown.ts';

class FakeHost extends EventEmitter {
  readonly exits: number[] = [];
  exit(code: number): void {
    this.exits.push(code);
  }
}

function setUp() {
  const host = new FakeHost();
  const clock = new ManualClock();
  const shutdown = createShutdown({ logger: silentLogger, clock, timeLimitMs: 5_000, host });
  return { host, clock, shutdown };
}

it('aborts the signal, then runs the steps in reverse order, then exits', async () => {
  const { host, shutdown } = setUp();
  const order: string[] = [];
  shutdown.signal.addEventListener('abort', () => order.push('signal'));
  shutdown.addStep('first', () => {
    order.push('first');
  });
  shutdown.addStep('second', async () => {
    order.push('second begins');
    await Promise.resolve();
    order.push('second ends');
  });
  host.emit('SIGTERM');
  expect(await shutdown.done).toBe(0);
  expect(order).toEqual(['signal', 'second begins', 'second ends', 'first']);
  expect(host.exits).toEqual([0]);
  expect(host.listenerCount('SIGTERM')).toBe(0);
});

it('goes on after a failing step and exits with 1', async () => {
  const { shutdown } = setUp();
  let ran = false;
  shutdown.addStep('first', () => {
    ran = true;
  });
  shutdown.addStep('second', () => Promise.reject(new Error('broken')));
  shutdown.request('test');
  expect(await shutdown.done).toBe(1);
  expect(ran).toBe(true);
});

it('exits with 1 when the steps take too long', async () => {
  const { clock, shutdown } = setUp();
  shutdown.addStep('stuck', () => new Promise(() => {}));
  shutdown.request('test');
  clock.advance(5_000);
  expect(await shutdown.done).toBe(1);
});

it('exits at once on the second signal', () => {
  const { host, shutdown } = setUp();
  shutdown.addStep('stuck', () => new Promise(() => {}));
  host.emit('SIGINT');
  expect(host.exits).toEqual([]);
  host.emit('SIGTERM');
  expect(host.exits).toEqual([1]);
});
