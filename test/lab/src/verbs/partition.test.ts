// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { planNetwork } from '../network/plan.ts';
import { renderPartitions } from './partition.ts';

describe('renderPartitions', () => {
  const plan = planNetwork({ workers: 3 });

  it('drops what comes from a host, what goes to it, or both', () => {
    const script = renderPartitions(
      plan,
      new Map([
        ['worker1', 'in'],
        ['worker2', 'out'],
        ['worker3', 'both'],
      ]),
    );
    expect(script).toContain('set silenced { type ifname; elements = { "p-worker2", "p-worker3" }; }');
    expect(script).toContain('set deafened { type ifname; elements = { "p-worker1", "p-worker3" }; }');
  });

  it('separates two sets of hosts from each other and from nobody else', () => {
    const script = renderPartitions(plan, new Map(), {
      one: ['worker1'],
      other: ['worker2', 'control-plane'],
    });
    expect(script).toContain('set one { type ifname; elements = { "p-worker1" }; }');
    expect(script).toContain('set other { type ifname; elements = { "p-worker2", "p-control-plane" }; }');
    expect(script).toContain('set silenced { type ifname; }');
  });

  it('drops nothing without partitions, and replaces what was there', () => {
    const script = renderPartitions(plan, new Map());
    expect(script).not.toContain('elements');
    expect(script).toMatch(/^table bridge fairlead-lab\ndelete table bridge fairlead-lab\n/);
  });
});
