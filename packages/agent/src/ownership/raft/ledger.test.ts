// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { Ledger } from './ledger.ts';
import { MAX_ADDRESSES_PER_MESSAGE } from './messages.ts';

const OWNER = { instance: '1', binding: 1 };

describe('a ledger', () => {
  it('bounds what was removed by what was granted before that, not after', () => {
    const ledger = new Ledger(OWNER, ['a', 'b'], 100);
    ledger.extend(300);
    ledger.remove('a');
    ledger.extend(400);
    expect(ledger.leavingUntilMs('a')).toBe(300);
    expect(ledger.boundMs).toBe(400);
  });

  it('takes an address for free only when its removal is acknowledged as carried out', () => {
    const ledger = new Ledger(OWNER, ['a'], 100);
    ledger.remove('a');
    expect(ledger.acknowledge(1, 0)).toEqual([]);
    expect(ledger.isKnown).toBe(true);
    expect(ledger.acknowledge(1, 1)).toEqual(['a']);
    expect(ledger.leavingUntilMs('a')).toBe(Number.NEGATIVE_INFINITY);
  });

  it('does not take a refusal for one of an address that was granted again since', () => {
    const ledger = new Ledger(OWNER, ['a'], 100);
    ledger.remove('a');
    ledger.add('a');
    expect(ledger.refuse(['a'], 0)).toEqual([]);
    expect(ledger.has('a')).toBe(true);
    expect(ledger.refuse(undefined, 2)).toEqual(['a']);
    expect(ledger.has('a')).toBe(false);
  });

  it('tells a long change in steps, each with the last word on what it has', () => {
    const ledger = new Ledger(OWNER, ['gone'], 100);
    for (let number = 0; number < 100; number++) ledger.add(`a${number}`);
    ledger.remove('gone');
    ledger.remove('a0');
    const steps = ledger.steps(0);
    expect(steps.map(({ isLast }) => isLast)).toEqual([false, false, true]);
    expect(steps.map(({ base, version }) => [base, version])).toEqual([
      [0, 49],
      [49, 97],
      [97, 102],
    ]);
    for (const { add, remove } of steps) {
      expect(add.length + remove.length).toBeLessThanOrEqual(MAX_ADDRESSES_PER_MESSAGE);
    }
    expect(steps.flatMap(({ add }) => add)).toHaveLength(99);
    expect(steps.flatMap(({ remove }) => remove)).toEqual(['gone', 'a0']);
    ledger.acknowledge(97, 97);
    expect(ledger.steps(97)).toHaveLength(1);
  });
});
