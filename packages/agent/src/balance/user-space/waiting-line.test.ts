// SPDX-License-Identifier: Apache-2.0
import { ManualClock } from '@fairlead/shared/runtime/clock.ts';
import { describe, expect, it } from 'vitest';
import { WaitingLine } from './waiting-line.ts';

describe('WaitingLine', () => {
  it('calls those who wait in the order in which they came, one for each room', () => {
    const line = new WaitingLine(new ManualClock());
    const called: string[] = [];
    const wait = (name: string) =>
      line.join(
        100,
        () => called.push(name),
        () => called.push(`${name} gave up`),
      );
    wait('a');
    const leave = wait('b');
    wait('c');
    leave();
    line.next();
    expect(called).toEqual(['a']);
    line.next();
    line.next();
    expect(called).toEqual(['a', 'c']);
    expect(line.length).toBe(0);
  });

  it('tells those whose time is up, once', () => {
    const clock = new ManualClock();
    const line = new WaitingLine(clock);
    const called: string[] = [];
    line.join(
      100,
      () => called.push('in'),
      () => called.push('out'),
    );
    clock.advance(100);
    line.next();
    expect(called).toEqual(['out']);
    expect(clock.pendingTimers).toBe(0);
  });
});
