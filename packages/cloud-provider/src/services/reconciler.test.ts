// SPDX-License-Identifier: Apache-2.0
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import { describe, expect, it } from 'vitest';
import { FakeCluster } from './testing/fake-cluster.ts';
import { addressOf, leading, RANGE, standby, until, warnings } from './testing/leading.ts';
import { allocatedService, service } from './testing/services.ts';

describe('giving', () => {
  it('writes the address with one PUT, no GET, and two Events', async () => {
    const rig = leading();
    rig.cluster.put(service('a'));
    await until(() => expect(addressOf(rig, 'a')).toBe('172.18.0.200'));
    expect(rig.cluster.get('a')).toMatchObject({
      metadata: {
        labels: { implementation: 'kube-vip' },
        finalizers: ['service.kubernetes.io/load-balancer-cleanup'],
      },
      spec: { loadBalancerIP: '172.18.0.200' },
    });
    await until(() =>
      expect(rig.events.map(({ type, reason }) => `${type} ${reason}`)).toEqual([
        'Normal EnsuringLoadBalancer',
        'Normal EnsuredLoadBalancer',
      ]),
    );
    expect([rig.cluster.writes, rig.cluster.gets]).toEqual([1, 0]);
    expect(await rig.metrics()).toContain('fairlead_ipam_pool_used{pool="global",family="IPv4"} 1');
  });

  it('gives the older Service the lower address, whatever the order at the start', async () => {
    const rig = standby({ concurrency: 1 });

    rig.cluster.put(service('young', { createdAt: '2026-01-02T00:00:00Z' }));
    rig.cluster.put(service('old', { createdAt: '2026-01-01T00:00:00Z' }));
    rig.cluster.deliver();
    rig.lead();
    await until(() => expect(addressOf(rig, 'young')).toBe('172.18.0.201'));
    expect(addressOf(rig, 'old')).toBe('172.18.0.200');
  });

  it('writes nothing for Services that have their address, at a restart', async () => {
    const cluster = new FakeCluster();
    cluster.put(allocatedService('a', '172.18.0.202'));
    cluster.put(allocatedService('b', '10.9.9.9'));
    cluster.put(service('new', { createdAt: '2027-01-01T00:00:00Z' }));
    cluster.deliver();
    const rig = leading({ cluster });
    await until(() => expect(addressOf(rig, 'new')).toBe('172.18.0.200'));
    expect(cluster.writes).toBe(1);
  });

  it('never gives an address twice while the watch is behind, with writes under way', async () => {
    const rig = leading({ data: { 'range-global': '10.0.0.1-10.0.0.40' }, concurrency: 8 });
    for (let i = 0; i < 40; i++) rig.cluster.put(service(`s${i}`));
    rig.cluster.deliver();
    rig.cluster.watchFlows = false;
    await until(() => expect(rig.cluster.writes).toBe(40));
    rig.cluster.deliver();
    const given = rig.cluster.all().map((each) => addressOf(rig, each.metadata?.name ?? ''));
    expect(new Set(given).size).toBe(40);
  });
});

describe('writes that go wrong', () => {
  it('decides again from the fresh state after a conflict', async () => {
    const rig = leading();
    rig.cluster.watchFlows = false;
    rig.cluster.put(service('a'));
    rig.cluster.deliver();
    // A user is faster: the write of 172.18.0.200 must not overwrite the wish for 172.18.0.202.
    rig.cluster.edit('a', (each) => withAnnotation(each, '172.18.0.202'));
    await until(() => expect(rig.cluster.writes).toBe(1));
    expect(addressOf(rig, 'a')).toBe('172.18.0.202');
    expect(rig.cluster.get('a')?.spec?.loadBalancerIP).toBe('172.18.0.202');
    rig.cluster.deliver();
    rig.cluster.watchFlows = true;
    rig.cluster.put(service('b'));
    await until(() => expect(addressOf(rig, 'b')).toBe('172.18.0.200'));
  });

  it.each(['conflict', 'server error', 'answer lost', 'not reached'] as const)(
    'gets there after: %s',
    async (fault) => {
      const rig = leading();
      rig.cluster.faults.push(fault, fault);
      rig.cluster.put(service('a'));
      rig.cluster.put(service('b', { createdAt: '2026-01-02T00:00:00Z' }));
      await until(() =>
        expect([addressOf(rig, 'a'), addressOf(rig, 'b')].sort()).toEqual(['172.18.0.200', '172.18.0.201']),
      );
      await until(() => expect(rig.reconciler.waiting).toBe(0));
    },
  );

  it('keeps an address reserved after an unclear answer until the watch shows the outcome', async () => {
    const rig = leading();
    rig.cluster.watchFlows = false;
    rig.cluster.faults.push('answer lost');
    rig.cluster.put(service('a'));
    rig.cluster.deliver();
    await until(() => expect(rig.cluster.writes).toBe(1));
    rig.cluster.put(service('b'));
    rig.cluster.deliver(0);
    expect(rig.holdings.holderOf({ family: 4, value: 0xac1200c8n })).toBe('default/a');
    rig.cluster.watchFlows = true;
    rig.cluster.deliver();
    await until(() => expect(addressOf(rig, 'b')).toBe('172.18.0.201'));
  });

  it('tells the user once when it may not write, and tries again', async () => {
    const rig = leading();
    rig.cluster.faults.push('forbidden', 'forbidden');
    rig.cluster.put(service('a'));
    await until(() => expect(addressOf(rig, 'a')).toBe('172.18.0.200'));
    expect(warnings(rig)).toEqual(['default/a: cannot write the Service: services is forbidden']);
  });

  it('writes nothing once leadership is gone', async () => {
    let leader = true;
    const rig = standby();

    rig.lead(() => leader);
    rig.cluster.put(service('a'));
    await until(() => expect(addressOf(rig, 'a')).toBe('172.18.0.200'));
    leader = false;
    rig.cluster.put(service('b'));
    await new Promise((resolve) => setImmediate(resolve));
    await rig.stop();
    expect(addressOf(rig, 'b')).toBeUndefined();
    rig.lead();
    await until(() => expect(addressOf(rig, 'b')).toBe('172.18.0.201'));
  });
});

describe('waiting', () => {
  it.each<[Record<string, string> | undefined, RegExp]>([
    [{ 'range-global': 'banana' }, /range-global=banana/],
    [{ 'range-global': '' }, /range-global=: is empty/],
    [{}, /no address pool for namespace default/],
    [undefined, /does not exist/],
  ])('%j: one Warning that names the key, and an address as soon as it is mended', async (data, message) => {
    const rig = leading({ data: {} });
    rig.setPools(data);
    rig.cluster.put(service('a'));
    await until(() => expect(warnings(rig)).toEqual([expect.stringMatching(message)]));
    expect(rig.events[0]?.reason).toBe('SyncLoadBalancerFailed');
    rig.cluster.edit('a', (each) => ({ ...each }));
    rig.setPools(data);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(warnings(rig)).toHaveLength(1);
    expect(rig.cluster.writes).toBe(0);
    rig.setPools(RANGE);
    await until(() => expect(addressOf(rig, 'a')).toBe('172.18.0.200'));
    expect(rig.reconciler.waiting).toBe(0);
  });

  it('serves exactly the oldest waiter when an address comes free, before any newcomer', async () => {
    const rig = leading({ data: { 'range-global': '172.18.0.200-172.18.0.200' } });
    rig.cluster.put(service('holder'));
    await until(() => expect(addressOf(rig, 'holder')).toBe('172.18.0.200'));
    for (const [name, day] of [
      ['third', 4],
      ['first', 2],
      ['second', 3],
    ] as const) {
      rig.cluster.put(service(name, { createdAt: `2026-01-0${day}T00:00:00Z` }));
    }
    await until(() => expect(warnings(rig)).toHaveLength(3));
    expect(warnings(rig).join()).toContain('the only IPv4 address of range-global=172.18.0.200-172.18.0.200');
    rig.cluster.remove('holder');
    rig.cluster.put(service('newcomer', { createdAt: '2026-02-01T00:00:00Z' }));
    await until(() => expect(addressOf(rig, 'first')).toBe('172.18.0.200'));
    expect(rig.cluster.all().filter((each) => each.metadata?.finalizers).length).toBe(1);
  });

  it('serves all waiters, oldest first, when the pool grows', async () => {
    const rig = leading({ data: { 'range-global': '10.0.0.1-10.0.0.1' } });
    for (const day of [4, 2, 3, 1])
      rig.cluster.put(service(`day${day}`, { createdAt: `2026-01-0${day}T00:00:00Z` }));
    await until(() => expect(rig.reconciler.waiting).toBe(3));
    const lucky = rig.cluster.all().find((each) => each.metadata?.finalizers)?.metadata?.name;
    rig.setPools({ 'range-global': '10.0.0.1-10.0.0.3' });
    await until(() => expect(rig.reconciler.waiting).toBe(1));
    await until(() => expect(rig.cluster.writes).toBe(3));
    const rest = ['day1', 'day2', 'day3', 'day4'].filter((name) => name !== lucky);
    expect(rest.map((name) => addressOf(rig, name))).toEqual(['10.0.0.2', '10.0.0.3', undefined]);
  });

  it('serves a refused request when the holder lets go', async () => {
    const rig = leading();
    rig.cluster.put(service('holder', { annotation: '172.18.0.202' }));
    await until(() => expect(rig.cluster.get('holder')?.metadata?.finalizers).toBeDefined());
    rig.cluster.put(service('later', { loadBalancerIP: '172.18.0.202', createdAt: '2026-02-01T00:00:00Z' }));
    await until(() => expect(warnings(rig).join()).toContain('belongs to Service default/holder'));
    expect(addressOf(rig, 'later')).toBeUndefined();
    rig.cluster.remove('holder');
    await until(() => expect(addressOf(rig, 'later')).toBe('172.18.0.202'));
  });
});

describe('taking back', () => {
  it('lets a deleted Service go and gives its address to the next', async () => {
    const rig = leading();
    rig.cluster.put(service('a'));
    await until(() => expect(addressOf(rig, 'a')).toBe('172.18.0.200'));
    rig.cluster.remove('a');
    await until(() => expect(rig.cluster.get('a')).toBeUndefined());
    rig.cluster.put(service('b'));
    await until(() => expect(addressOf(rig, 'b')).toBe('172.18.0.200'));
    expect(rig.cluster.writes).toBe(3);
  });

  it('removes every trace when the type changes, and gives anew when it changes back', async () => {
    const rig = leading();
    rig.cluster.put(service('a'));
    await until(() => expect(addressOf(rig, 'a')).toBe('172.18.0.200'));
    rig.cluster.edit('a', (each) => ({ ...each, spec: { ...each.spec, type: 'ClusterIP' } }));
    await until(() => expect(addressOf(rig, 'a')).toBeUndefined());
    expect(rig.cluster.get('a')).toMatchObject({ metadata: { labels: { app: 'a' }, finalizers: [] } });
    expect(rig.cluster.get('a')?.metadata?.labels).not.toHaveProperty('implementation');
    expect(rig.cluster.get('a')?.spec).not.toHaveProperty('loadBalancerIP');
    await until(() => expect(rig.holdings.size).toBe(0));
    rig.cluster.edit('a', (each) => ({ ...each, spec: { ...each.spec, type: 'LoadBalancer' } }));
    await until(() => expect(addressOf(rig, 'a')).toBe('172.18.0.200'));
  });

  it('survives a Service deleted and made anew under the same name', async () => {
    const rig = leading();
    rig.cluster.put(service('a'));
    await until(() => expect(addressOf(rig, 'a')).toBe('172.18.0.200'));
    rig.cluster.watchFlows = false;
    rig.cluster.remove('a');
    rig.cluster.deliver();
    await until(() => expect(rig.cluster.get('a')).toBeUndefined());
    rig.cluster.put({ ...service('a', { annotation: '172.18.0.202' }) });
    rig.cluster.watchFlows = true;
    rig.cluster.deliver();
    await until(() => expect(rig.cluster.get('a')?.spec?.loadBalancerIP).toBe('172.18.0.202'));
    await until(() => expect([...rig.holdings.held(4)]).toEqual([0xac1200can]));
  });
});

function withAnnotation(each: Service, text: string): Service {
  return {
    ...each,
    metadata: {
      ...each.metadata,
      annotations: { ...each.metadata?.annotations, 'kube-vip.io/loadbalancerIPs': text },
    },
  };
}
