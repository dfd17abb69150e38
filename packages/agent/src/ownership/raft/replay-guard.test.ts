// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Message } from './messages.ts';
import { ReplayGuard } from './replay-guard.ts';

const SELF = { name: 'me', instance: '0000000000000001' };

function message(instance: string, sequence: number, toInstance = SELF.instance, name = 'peer'): Message {
  const from = { name, instance };
  return {
    groupId: '',
    epoch: 1,
    term: 1,
    from,
    to: SELF.name,
    toInstance,
    sequence,
    body: { type: 'seek' },
  };
}

describe('ReplayGuard', () => {
  it('takes every message once, in any order within the window', () => {
    const guard = new ReplayGuard(SELF);
    const check = (sequence: number) => guard.check(message('a', sequence));
    expect([0, 5, 3, 5, 3, 0, 4, 36].map(check)).toEqual([
      undefined,
      undefined,
      undefined,
      'replayed',
      'replayed',
      'replayed',
      undefined,
      undefined,
    ]);
    // 4 is 32 behind: cannot be told any more.
    expect([4, 5, 6, 35].map(check)).toEqual(['replayed', 'replayed', undefined, undefined]);
  });

  it('takes only what is for this name and, if an instance is named, for this instance', () => {
    const guard = new ReplayGuard(SELF);
    expect(guard.check({ ...message('a', 1), to: 'other' })).toBe('notForUs');
    expect(guard.check(message('a', 1, 'anearlierinstanc'))).toBe('notForUs');
    expect(guard.check(message('a', 1, ''))).toBeUndefined();
    expect(guard.check(message(SELF.instance, 1, '', SELF.name))).toBe('ownMessage');
    // Another agent under our own name is another agent.
    expect(guard.check(message('b', 1, '', SELF.name))).toBeUndefined();
  });

  it('hears nothing more from an instance that has been followed by another', () => {
    const guard = new ReplayGuard(SELF);
    guard.check(message('a', 1));
    expect(guard.instanceOf('peer')).toBe('a');
    expect(guard.check(message('b', 1))).toBeUndefined();
    expect(guard.instanceOf('peer')).toBe('b');
    expect([guard.check(message('a', 2)), guard.check(message('a', 2, ''))]).toEqual([
      'oldInstance',
      'oldInstance',
    ]);
  });

  it('does not let a recorded message of an earlier instance silence the one that is alive', () => {
    const guard = new ReplayGuard(SELF);
    guard.check(message('alive', 1));
    expect(guard.check(message('recorded', 9, ''))).toBeUndefined();
    expect(guard.check(message('recorded', 9, ''))).toBe('replayed');
    expect(guard.instanceOf('peer')).toBe('alive');
    expect(guard.check(message('alive', 2))).toBeUndefined();
  });

  it('remembers a bounded number of instances, never less than the one that is alive', () => {
    const guard = new ReplayGuard(SELF);
    guard.check(message('alive', 1));
    for (let index = 0; index < 100; index++) guard.check(message(`recorded${index}`, 1, ''));
    expect(guard.check(message('alive', 1))).toBe('replayed');
    guard.keepOnly(new Set());
    expect(guard.instanceOf('peer')).toBeUndefined();
  });

  it('never lets anything through twice, whatever the order', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ instance: fc.constantFrom('a', 'b'), sequence: fc.nat(80) }), {
          maxLength: 200,
        }),
        (received) => {
          const guard = new ReplayGuard(SELF);
          const taken = new Set<string>();
          for (const { instance, sequence } of received) {
            if (guard.check(message(instance, sequence)) !== undefined) continue;
            expect(taken).not.toContain(`${instance}${sequence}`);
            taken.add(`${instance}${sequence}`);
          }
        },
      ),
    );
  });
});
