// SPDX-License-Identifier: Apache-2.0
import type { NeighborEvent } from '@fairlead/test-lab/observer/neighbor-events.ts';
import { expect, it } from 'vitest';
import { steadinessOf } from './steadiness.ts';

const ADDRESS = '172.18.0.200';

it('counts moves, and how long questions waited, within the stretch only', () => {
  const events: NeighborEvent[] = [{ kind: 'watching', atMs: 0, addresses: [ADDRESS] }];
  for (let index = 0; index < 300; index += 1) {
    const atMs = index * 20;
    const mac = index < 150 ? '02:00:00:00:00:0a' : '02:00:00:00:00:0b';
    events.push({ kind: 'probe', atMs });
    events.push({
      kind: 'answer',
      atMs: atMs + (index === 10 ? 90 : 2),
      address: ADDRESS,
      mac,
      probeMs: atMs,
    });
  }
  const whole = steadinessOf(events, [ADDRESS], 0, 6_000);
  expect(whole).toMatchObject({ moves: 1, longestTwoOwnersMs: 0, longestNobodyMs: 0 });
  expect(whole.answerMs).toEqual({ p50: 2, p99: 2, worst: 90 });
  expect(steadinessOf(events, [ADDRESS], 1_000, 2_000)).toMatchObject({ moves: 0, answerMs: { worst: 2 } });
});
