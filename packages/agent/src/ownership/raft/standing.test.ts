// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest';
import { NodeStanding } from './standing.ts';

const policy = { settleMs: 30_000, maxSettleMs: 100_000, forgiveMs: 600_000 };

test('a node is trusted from the first moment, and settled after a while', () => {
  const standing = new NodeStanding(policy);
  expect([standing.condition, standing.isTrusted(0)]).toEqual(['lost', false]);
  expect(standing.become('ready', 1_000)).toBe(true);
  expect(standing.become('ready', 2_000)).toBe(false);
  expect([standing.isTrusted(1_000), standing.isSettled(30_999), standing.isSettled(31_000)]).toEqual([
    true,
    false,
    true,
  ]);
});

test('each loss doubles the wait up to a bound, and is forgiven in time', () => {
  const standing = new NodeStanding(policy);
  const waits: number[] = [];
  let nowMs = 0;
  for (let losses = 1; losses <= 3; losses++) {
    standing.become('ready', nowMs);
    standing.become('lost', nowMs + 1_000);
    standing.become('ready', nowMs + 2_000);
    waits.push(standing.settledAtMs() - nowMs - 2_000);
    nowMs += 3_000;
    standing.become('draining', nowMs);
  }
  expect(waits).toEqual([60_000, 100_000, 100_000]);
  standing.become('lost', nowMs);
  expect([standing.losses(nowMs), standing.isForgotten(nowMs)]).toEqual([3, false]);
  expect(standing.losses(nowMs + 1_200_000)).toBe(1);
  expect(standing.isForgotten(nowMs + 1_800_000)).toBe(true);
});

test('leaving by drain is no loss; losing the link is one', () => {
  const drained = new NodeStanding(policy);
  drained.become('ready', 0);
  drained.become('draining', 1);
  drained.become('lost', 2);
  expect(drained.losses(2)).toBe(0);
  const unplugged = new NodeStanding(policy);
  unplugged.become('ready', 0);
  unplugged.become('ineligible', 1);
  unplugged.become('lost', 2);
  expect(unplugged.losses(2)).toBe(1);
});
