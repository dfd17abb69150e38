// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FaultRules, NO_FAULT, seededRandom } from './rules.ts';

const UPDATE = { verb: 'update', resource: 'services', namespace: 'n', user: 'agent' };

describe('FaultRules', () => {
  it('does nothing without rules', () => {
    expect(new FaultRules().plan(UPDATE)).toEqual(NO_FAULT);
  });

  it('hits the requests it selects, and no others', () => {
    const rules = new FaultRules();
    rules.set([{ select: { verbs: ['update'], resources: ['services'] }, status: 409 }]);
    expect(rules.plan(UPDATE).status).toBe(409);
    expect(rules.plan({ ...UPDATE, verb: 'get' }).status).toBeUndefined();
    expect(rules.plan({ ...UPDATE, resource: 'services/status' }).status).toBeUndefined();
    expect(rules.hits()).toEqual([1]);
  });

  it('stops after a number of times', () => {
    const rules = new FaultRules();
    rules.set([{ status: 500, times: 2 }]);
    expect([1, 2, 3].map(() => rules.plan(UPDATE).status)).toEqual([500, 500, undefined]);
  });

  it('adds delays up and lets the first error win', () => {
    const rules = new FaultRules();
    rules.set([{ latencyMs: 10 }, { status: 429, retryAfterSeconds: 3 }, { latencyMs: 5, status: 500 }]);
    expect(rules.plan(UPDATE)).toEqual({
      delayMs: 15,
      status: 429,
      retryAfterSeconds: 3,
      drop: false,
      when: 'before',
    });
  });

  it('does the same for the same seed', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const roll = (): unknown[] => {
          const rules = new FaultRules();
          rules.set([{ rate: 0.4, status: 500, jitterMs: 20 }], seed);
          return Array.from({ length: 20 }, () => rules.plan(UPDATE));
        };
        expect(roll()).toEqual(roll());
      }),
    );
  });

  it('hits about as often as its rate says', () => {
    const random = seededRandom(7);
    const hits = Array.from({ length: 10_000 }, random).filter((value) => value < 0.3).length;
    expect(hits).toBeGreaterThan(2_800);
    expect(hits).toBeLessThan(3_200);
  });
});
