// SPDX-License-Identifier: Apache-2.0
import { ManualClock } from '@fairlead/shared/runtime/clock.ts';
import { silentLogger } from '@fairlead/shared/runtime/logging.ts';
import { beforeEach, describe, expect, it } from 'vitest';
import type { AddressGroup, OwnershipEngine } from '../engine.ts';
import type { Lock, LockListener } from './lock.ts';
import { createLockEngine } from './lock-engine.ts';
import { SingleLock } from './single-lock.ts';

const ADDRESSES = ['192.0.2.75', '2001:db8::75'];
const GROUPS: readonly AddressGroup[] = [
  { key: 'all', services: [], addresses: ADDRESSES, candidates: 'any', lease: { namespace: '', name: '' } },
];
const NONE: ReadonlySet<string> = new Set();

/** A lock that does what the test says. */
class TestLock implements Lock {
  readonly #listener: LockListener;
  isContending = false;
  untilMs = Number.NEGATIVE_INFINITY;
  owner: string | undefined;

  constructor(listener: LockListener) {
    this.#listener = listener;
  }

  start = () => Promise.resolve();
  holdUntilMs = () => this.untilMs;
  holder = () => this.owner;
  problem = () => undefined;
  stop = () => Promise.resolve();

  contend(isOn: boolean): void {
    this.isContending = isOn;
    if (!isOn) this.become(undefined, Number.NEGATIVE_INFINITY);
  }

  become(owner: string | undefined, untilMs: number): void {
    this.owner = owner;
    this.untilMs = untilMs;
    this.#listener.onChange();
  }

  extend(untilMs: number): void {
    this.untilMs = untilMs;
    this.#listener.onExtended();
  }
}

describe('the engine of one lock', () => {
  let clock: ManualClock;
  let lock: TestLock;
  let engine: OwnershipEngine;
  const granted = () => [...engine.state().grants.keys()];

  beforeEach(async () => {
    clock = new ManualClock(1_000);
    engine = createLockEngine({
      name: 'test',
      node: 'server1',
      createLock: (listener) => {
        lock = new TestLock(listener);
        return lock;
      },
      clock,
      logger: silentLogger,
    });
    engine.want(GROUPS, NONE);
    await engine.start();
  });

  it('grants all addresses until the lock ends, and says when that is later', () => {
    const extended: ReadonlyMap<string, number>[] = [];
    engine.onExtended((grants) => extended.push(grants));
    expect(lock.isContending).toBe(true);
    lock.become('server1', 3_000);
    expect(engine.state().grants).toEqual(new Map(ADDRESSES.map((address) => [address, 3_000])));
    lock.extend(4_000);
    expect(extended).toEqual([new Map(ADDRESSES.map((address) => [address, 4_000]))]);
    clock.advance(2_999);
    expect(granted()).toEqual(ADDRESSES);
    clock.advance(2);
    expect(granted()).toEqual([]);
    expect(engine.stats().locks.get('test')).toEqual({ acquired: 1, lost: 1, isHolder: false });
  });

  it('names the owner, also when it is another host', () => {
    lock.become('server2', Number.NEGATIVE_INFINITY);
    expect(granted()).toEqual([]);
    expect(engine.state().owners.get('192.0.2.75')).toEqual({ node: 'server2', sinceMs: 1_000 });
  });

  it('gives the lock back only when nothing is on this host any more', () => {
    lock.become('server1', 3_000);
    const { version } = engine.state();
    engine.report(new Set(ADDRESSES), version);
    engine.want(GROUPS, new Set(['192.0.2.75']));
    expect(granted()).toEqual([]);
    expect(lock.isContending).toBe(true);
    // The pass that was under way when the link went down.
    engine.report(NONE, version);
    engine.want(GROUPS, new Set(['192.0.2.75']));
    expect(lock.isContending).toBe(true);
    engine.report(new Set(['2001:db8::75']), engine.state().version);
    expect(lock.isContending).toBe(true);
    engine.report(NONE, engine.state().version);
    expect(lock.isContending).toBe(false);
    engine.want(GROUPS, NONE);
    expect(lock.isContending).toBe(true);
  });

  it('lets others go first when it is drained', async () => {
    lock.become('server1', 3_000);
    const drained = engine.drain(1_000);
    expect(granted()).toEqual([]);
    engine.report(NONE, engine.state().version);
    await clock.advanceAsync(10);
    await drained;
    expect(lock.isContending).toBe(false);
  });
});

describe('a host that is alone', () => {
  it('has the lock whenever it wants it, a little while at a time', () => {
    const clock = new ManualClock(0);
    const heard: string[] = [];
    const lock = new SingleLock('server1', clock, {
      onChange: () => heard.push('change'),
      onExtended: () => heard.push('extended'),
    });
    lock.contend(true);
    lock.contend(true);
    clock.advance(10_000);
    expect(heard).toEqual(['change', ...Array.from({ length: 10 }, () => 'extended')]);
    expect(lock.holdUntilMs()).toBe(13_000);
    expect(lock.holder()).toBe('server1');
    lock.contend(false);
    expect(lock.holdUntilMs()).toBeLessThan(0);
    expect(clock.pendingTimers).toBe(0);
  });
});
