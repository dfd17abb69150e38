// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { type DemoReport, judgeDemo } from './report.ts';

const GOOD: DemoReport = {
  engine: 'lease',
  externalIP: '192.0.2.10',
  secondsToExternalIP: 0.3,
  secondsToFirstAnswer: 0.5,
  requests: 3000,
  perPod: { a: 1000, b: 1001, c: 999 },
  podLoss: { sent: 200, failed: 0 },
  nodeLoss: { outageMs: 5000, from: 'worker1', to: 'worker2' },
  apiServer: 'embedded',
  invariants: { probesPerSecond: 24, longestZeroOwnersMs: 4900, longestTwoOwnersMs: 0, violated: 0 },
};

const bad = (change: Partial<DemoReport>): number =>
  judgeDemo({ ...GOOD, ...change }, 3).filter((verdict) => !verdict.good).length;

describe('judgeDemo', () => {
  it('accepts a run within all bounds', () => {
    expect(bad({})).toBe(0);
    expect(bad({ engine: 'raft', nodeLoss: { outageMs: 500, from: 'worker1', to: 'worker2' } })).toBe(0);
  });

  it.each<[string, Partial<DemoReport>]>([
    ['a late first answer', { secondsToFirstAnswer: 1.2 }],
    ['a pod that got 11 % too much', { perPod: { a: 1110, b: 945, c: 945 } }],
    ['a pod that got nothing', { perPod: { a: 1500, b: 1500 } }],
    ['a failed request after a pod was lost', { podLoss: { sent: 200, failed: 1 } }],
    ['a pod-loss phase without a single request', { podLoss: { sent: 0, failed: 0 } }],
    ['a long outage', { nodeLoss: { outageMs: 8001, from: 'worker1', to: 'worker2' } }],
    [
      'a long outage with raft',
      { engine: 'raft', nodeLoss: { outageMs: 501, from: 'worker1', to: 'worker2' } },
    ],
    ['an address that did not move', { nodeLoss: { outageMs: 10, from: 'worker1', to: 'worker1' } }],
    ['two owners', { invariants: { ...GOOD.invariants, longestTwoOwnersMs: 40 } }],
    ['a violation', { invariants: { ...GOOD.invariants, violated: 1 } }],
    ['too few probes', { invariants: { ...GOOD.invariants, probesPerSecond: 19 } }],
  ])('refuses %s', (_, change) => expect(bad(change)).toBe(1));
});
