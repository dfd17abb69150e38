// SPDX-License-Identifier: Apache-2.0
import type { Condition, Service } from '@fairlead/shared/kubernetes/objects.ts';
import { describe, expect, it } from 'vitest';
import { type ConditionWord, withCondition, withoutCondition } from './conditions.ts';
import { service } from './testing/services.ts';

const TYPE = 'fairlead.io/AddressAllocated';
const HAS: ConditionWord = { status: 'True', reason: 'Allocated', message: 'has 10.0.0.1 from pool global' };
const OTHERS: Condition = {
  type: 'fairlead.io/AddressAnnounced',
  status: 'True',
  reason: 'AddressHeld',
  message: 'node-1',
  lastTransitionTime: '2026-01-01T00:00:00Z',
};
const NOON = Date.UTC(2026, 5, 1, 12, 0, 0, 700);

function withStatus(conditions: readonly Condition[], generation?: number): Service {
  const plain = service('a', { ingress: ['10.0.0.1'] });
  return {
    ...plain,
    metadata: { ...plain.metadata, ...(generation !== undefined && { generation }) },
    status: { ...plain.status, conditions },
  };
}

function own(parts: Partial<Condition> = {}): Condition {
  return { type: TYPE, ...HAS, lastTransitionTime: '2026-01-02T00:00:00Z', ...parts };
}

describe('the condition', () => {
  it('is added beside all else in the status', () => {
    const before = withStatus([OTHERS]);
    expect(withCondition(before, HAS, NOON)?.status).toEqual({
      ...before.status,
      conditions: [OTHERS, own({ lastTransitionTime: '2026-06-01T12:00:00Z' })],
    });
  });

  it('is not written when it says so already', () => {
    expect(withCondition(withStatus([own(), OTHERS]), HAS, NOON)).toBeUndefined();
    expect(withCondition(withStatus([own({ observedGeneration: 3 })], 3), HAS, NOON)).toBeUndefined();
  });

  it.each<[string, ConditionWord, string]>([
    ['message', { ...HAS, message: 'has 10.0.0.2 from pool global' }, '2026-01-02T00:00:00Z'],
    ['reason', { ...HAS, reason: 'AddressMoved' }, '2026-01-02T00:00:00Z'],
    ['status', { status: 'False', reason: 'PoolExhausted', message: 'full' }, '2026-06-01T12:00:00Z'],
  ])('changes its time only with its status: %s', (_what, word, time) => {
    const { conditions } = withCondition(withStatus([own()]), word, NOON)?.status ?? {};
    expect(conditions).toEqual([{ type: TYPE, ...word, lastTransitionTime: time }]);
  });

  it('observes the generation where there is one', () => {
    const after = withCondition(withStatus([own({ observedGeneration: 3 })], 4), HAS, NOON);
    expect(after?.status?.conditions).toEqual([own({ observedGeneration: 4 })]);
  });

  it('goes alone', () => {
    const before = withStatus([OTHERS, own()]);
    expect(withoutCondition(before)?.status).toEqual({ ...before.status, conditions: [OTHERS] });
    expect(withoutCondition(withStatus([OTHERS]))).toBeUndefined();
  });
});
