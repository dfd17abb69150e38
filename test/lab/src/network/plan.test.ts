// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hostBatch, switchBatch } from './apply.ts';
import { CLIENT, CONTROL_PLANE, hostByMac, hostOf, nodesOf, planNetwork } from './plan.ts';

const options = fc.record({ workers: fc.integer({ min: 0, max: 90 }), ipv6: fc.boolean() });

describe('planNetwork', () => {
  it('gives every host a name, MAC, address and port of its own', () => {
    fc.assert(
      fc.property(options, (chosen) => {
        const { hosts, bridge } = planNetwork(chosen);
        for (const key of ['name', 'mac', 'ipv4', 'switchPort'] as const) {
          const values = hosts.map((host) => host[key]);
          expect(new Set(values).size).toBe(values.length);
        }
        expect(hosts.every((host) => host.switchPort.length <= 15)).toBe(true);
        expect(hosts.map((host) => host.ipv4)).not.toContain(bridge.ipv4);
        const podCidrs = hosts.flatMap((host) => host.podCidrs);
        expect(new Set(podCidrs).size).toBe(podCidrs.length);
      }),
    );
  });

  it('leads every node to the pods of every other one, through its address', () => {
    fc.assert(
      fc.property(options, (chosen) => {
        const plan = planNetwork(chosen);
        for (const node of nodesOf(plan)) {
          const podRoutes = node.routes.filter((route) => !route.destination.endsWith('/0'));
          const others = nodesOf(plan).filter((other) => other.name !== node.name);
          const expected = others.flatMap((other) =>
            other.podCidrs.map((cidr) => `${cidr} via ${cidr.includes(':') ? other.ipv6 : other.ipv4}`),
          );
          expect(podRoutes.map((route) => `${route.destination} via ${route.via}`).join()).toBe(
            expected.join(),
          );
        }
      }),
      { numRuns: 10 },
    );
  });

  it('keeps IPv6 out of everything when it is off', () => {
    const plan = planNetwork({ ipv6: false });
    const text = [...switchBatch(plan), ...plan.hosts.flatMap((host) => hostBatch(host, 1))].join('\n');
    expect(text).not.toMatch(/fd00/);
    expect(plan.serviceCidrs).toEqual(['10.96.0.0/16']);
  });

  it('uses the addresses that users know from kind', () => {
    const plan = planNetwork();
    expect(plan.hosts.map((host) => `${host.name} ${host.ipv4} ${host.ipv6}`)).toEqual([
      'control-plane 172.18.0.2 fd00:18::2',
      'worker1 172.18.0.3 fd00:18::3',
      'worker2 172.18.0.4 fd00:18::4',
      'worker3 172.18.0.5 fd00:18::5',
      'client 172.18.0.100 fd00:18::64',
    ]);
    expect(plan.apiServer).toBe('172.18.0.2:6443');
    expect(hostOf(plan, 'worker2').podCidrs).toEqual(['10.244.2.0/24', 'fd00:10:244:2::/64']);
    expect(hostOf(plan, CLIENT).podCidrs).toEqual([]);
    expect(hostByMac(plan, '02:FA:1E:00:00:02')?.name).toBe(CONTROL_PLANE);
  });

  it('names what is wrong', () => {
    expect(() => planNetwork({ workers: 91 })).toThrow('number of workers is 91');
    expect(() => planNetwork({ workers: 1.5 })).toThrow('number of workers is 1.5');
    expect(() => hostOf(planNetwork({ workers: 1 }), 'worker2')).toThrow('control-plane, worker1, client');
  });
});
