// SPDX-License-Identifier: Apache-2.0
import type { Condition, Service } from '@fairlead/shared/kubernetes/objects.ts';
import { describe, expect, it } from 'vitest';
import { FakeCluster, type Rig } from './testing/fake-cluster.ts';
import {
  addressOf,
  aMoment,
  conditionOf,
  hasAddress,
  leading,
  standby,
  until,
  verdictOf,
  warnings,
} from './testing/leading.ts';
import { allocatedService, service } from './testing/services.ts';

/** An agent says in the status that it serves the address. */
function announce(rig: Rig, name: string, ip: string): void {
  const condition: Condition = {
    type: 'fairlead.io/AddressAnnounced',
    status: 'True',
    reason: 'AddressHeld',
    message: '',
    lastTransitionTime: '2026-01-01T00:00:00Z',
  };
  rig.cluster.edit(name, (each) => ({
    ...each,
    status: {
      loadBalancer: { ingress: [{ ip }] },
      conditions: [...(each.status?.conditions ?? []), condition],
    },
  }));
}

describe('what the status says', () => {
  it('is written right after the address: two PUTs, no GET, two Events', async () => {
    const rig = leading();
    rig.cluster.put(service('a'));
    await hasAddress(rig, 'a', '172.18.0.200');
    expect(conditionOf(rig, 'a')).toEqual({
      type: 'fairlead.io/AddressAllocated',
      status: 'True',
      reason: 'Allocated',
      message: 'has 172.18.0.200 from pool global',
      lastTransitionTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    });
    await aMoment();
    expect([rig.cluster.writes, rig.cluster.statusWrites, rig.cluster.gets]).toEqual([1, 1, 0]);
    expect(rig.events).toHaveLength(2);
  });

  it('is a refusal with its code and its words, until there is an address', async () => {
    const rig = leading({ data: { 'range-global': '172.18.0.200-172.18.0.200' } });
    rig.cluster.put(allocatedService('holder', '172.18.0.200'));
    rig.cluster.put(service('a'));
    await until(() => expect(verdictOf(rig, 'a')).toBe('False PoolExhausted'));
    expect(conditionOf(rig, 'a')?.message).toContain('range-global=172.18.0.200-172.18.0.200');
    await aMoment();
    expect([rig.cluster.writes, rig.cluster.statusWrites, rig.cluster.gets]).toEqual([0, 1, 0]);
    rig.cluster.remove('holder');
    await hasAddress(rig, 'a', '172.18.0.200');
  });

  it('begins, in a refusal, with what is refused: agents believe nothing else', async () => {
    const rig = leading();
    rig.cluster.put(service('holder', { annotation: '172.18.0.201' }));
    await hasAddress(rig, 'holder', '172.18.0.201');
    rig.cluster.put(service('later', { loadBalancerIP: '172.18.0.201', createdAt: '2026-02-01T00:00:00Z' }));
    await until(() => expect(verdictOf(rig, 'later')).toBe('False AddressConflict'));
    expect(conditionOf(rig, 'later')?.message).toMatch(/^spec\.loadBalancerIP=172\.18\.0\.201: /);
    const both = { policy: 'RequireDualStack', loadBalancerIP: '172.18.0.202' } as const;
    rig.cluster.put(service('dual', both));
    await until(() => expect(verdictOf(rig, 'dual')).toBe('False NoPool'));
    expect(conditionOf(rig, 'dual')?.message).toMatch(/^spec\.loadBalancerIP=172\.18\.0\.202: .* needs IPv6/);
  });

  it('leaves alone what the peer served, and is kept up to date where it stands', async () => {
    const cluster = new FakeCluster();
    cluster.put(allocatedService('peers', '172.18.0.202'));
    const stale = { ...allocatedService('stale', '172.18.0.201') };
    const condition = {
      type: 'fairlead.io/AddressAllocated',
      status: 'False',
      reason: 'PoolExhausted',
      message: 'full',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    } as const;
    cluster.put({ ...stale, status: { ...stale.status, conditions: [condition] } });
    cluster.deliver();
    const rig = leading({ cluster });
    await until(() => expect(verdictOf(rig, 'stale')).toBe('True Allocated'));
    await aMoment();
    expect(conditionOf(rig, 'peers')).toBeUndefined();
    expect([cluster.writes, cluster.statusWrites]).toEqual([0, 1]);
  });

  it('is written by the next instance when the first one ended between both PUTs', async () => {
    const cluster = new FakeCluster();
    cluster.statusFaults.push('not reached');
    const first = standby({ cluster });
    first.lead(() => cluster.writes === 0);
    cluster.put(service('a'));
    await until(() => expect(addressOf(first, 'a')).toBe('172.18.0.200'));
    await first.stop();
    expect(conditionOf(first, 'a')).toBeUndefined();
    const second = leading({ cluster });
    await until(() => expect(verdictOf(second, 'a')).toBe('True Allocated'));
    expect([cluster.writes, cluster.statusWrites]).toEqual([1, 1]);
    await second.stop();
    const third = leading({ cluster });
    await aMoment();
    await third.stop();
    expect([cluster.writes, cluster.statusWrites]).toEqual([1, 1]);
  });

  it('does not overwrite what an agent wrote at the same time, and needs no GET', async () => {
    const rig = leading();
    rig.cluster.onWrite = () => {
      // The agent is faster than our second PUT.
      queueMicrotask(() => announce(rig, 'a', '172.18.0.200'));
    };
    rig.cluster.put(service('a'));
    await until(() => expect(rig.cluster.get('a')?.status?.conditions).toHaveLength(2));
    expect(rig.cluster.get('a')?.status?.loadBalancer?.ingress).toEqual([{ ip: '172.18.0.200' }]);
    expect(verdictOf(rig, 'a')).toBe('True Allocated');
    await aMoment();
    expect([rig.cluster.writes, rig.cluster.gets]).toEqual([1, 0]);
  });

  it.each(['conflict', 'server error', 'answer lost', 'not reached'] as const)(
    'gets there after: %s',
    async (fault) => {
      const rig = leading();
      rig.cluster.statusFaults.push(fault, fault);
      rig.cluster.put(service('a'));
      await hasAddress(rig, 'a', '172.18.0.200');
      expect(rig.cluster.writes).toBe(1);
    },
  );

  it('costs one warning in the log, and nothing else, when the role does not allow it', async () => {
    const rig = leading();
    rig.cluster.statusFaults.push('forbidden', 'forbidden');
    for (const name of ['a', 'b']) rig.cluster.put(service(name));
    await until(() => expect([addressOf(rig, 'a'), addressOf(rig, 'b')]).not.toContain(undefined));
    await aMoment();
    expect([rig.cluster.writes, rig.cluster.statusWrites]).toEqual([2, 0]);
    expect(warnings(rig)).toEqual([]);
    rig.cluster.put(service('c'));
    await until(() => expect(addressOf(rig, 'c')).toBeDefined());
    await aMoment();
    expect(rig.cluster.statusWrites).toBe(0);
  });

  it('makes nobody decide from an older state while the watch is behind', async () => {
    const rig = leading({ data: { 'range-global': '10.0.0.1-10.0.0.9' } });
    rig.cluster.put(service('a'));
    rig.cluster.deliver();
    rig.cluster.watchFlows = false;
    await until(() => expect(rig.cluster.statusWrites).toBe(1));
    // The change of the address arrives, that of the status does not yet.
    rig.cluster.deliver(1);
    rig.setPools({ 'range-global': '10.0.0.1-10.0.0.8' });
    await aMoment();
    rig.cluster.deliver();
    await aMoment();
    expect([rig.cluster.writes, rig.cluster.statusWrites, rig.cluster.gets]).toEqual([1, 1, 0]);
  });

  it('tells a refusal once, over restarts, too', async () => {
    const cluster = new FakeCluster();
    const first = leading({ cluster, data: {} });
    cluster.put(service('a'));
    await until(() => expect(verdictOf(first, 'a')).toBe('False NoPool'));
    expect(warnings(first)).toHaveLength(1);
    await first.stop();
    const second = leading({ cluster, data: {} });
    await until(() => expect(second.reconciler.waiting).toBe(1));
    expect(warnings(second)).toEqual([]);
    expect(cluster.statusWrites).toBe(1);
  });
});

describe('10,000 Services', () => {
  it('are not touched by an edit that has nothing to do with them', async () => {
    const cluster = new FakeCluster();
    const data = { 'cidr-global': '10.0.0.0/16' };
    const rig = standby({ cluster, data, concurrency: 100 });
    for (let i = 0; i < 2_000; i++) cluster.put(service(`s${i}`));
    cluster.deliver();
    rig.lead();
    await until(() => expect(cluster.statusWrites).toBe(2_000));
    await aMoment();
    const before = cluster.all().map((each: Service) => each.metadata?.resourceVersion);
    const start = performance.now();
    rig.setPools({ ...data, 'range-other': '10.9.0.1-10.9.0.9', 'serch-order': 'desc' });
    const tookMs = performance.now() - start;
    await aMoment();
    expect(cluster.all().map((each: Service) => each.metadata?.resourceVersion)).toEqual(before);
    // A limit against something quadratic; it takes a few milliseconds.
    expect(tookMs).toBeLessThan(500);
  }, 20_000);
});
