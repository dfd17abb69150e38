// SPDX-License-Identifier: Apache-2.0
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import { describe, expect, it } from 'vitest';
import type { ClassMode } from './service-state.ts';
import { FakeCluster, type Rig } from './testing/fake-cluster.ts';
import {
  addressOf,
  aMoment,
  hasAddress,
  holderOf,
  isClean,
  leading,
  until,
  verdictOf,
} from './testing/leading.ts';
import { allocatedService, service } from './testing/services.ts';
import { tracesOf } from './testing/traces.ts';

const FIRST = '172.18.0.200';
const KUBE_VIP: ClassMode = { kind: 'class', name: 'kube-vip.io/kube-vip-class' };
const FINALIZER = 'service.kubernetes.io/load-balancer-cleanup';

type Type = 'LoadBalancer' | 'ClusterIP' | 'NodePort' | 'ExternalName';

/** What a user does to the type and the class. */
function turn(rig: Rig, name: string, type: Type, loadBalancerClass?: string): void {
  rig.cluster.edit(name, (each) => ({
    ...each,
    spec: { ...each.spec, type, ...(loadBalancerClass !== undefined && { loadBalancerClass }) },
  }));
}

/** Does things that the watch shows only when all of them are done. */
function unseen(rig: Rig, deeds: () => void): void {
  rig.cluster.watchFlows = false;
  deeds();
  rig.cluster.deliver();
  rig.cluster.watchFlows = true;
}

async function withAddress(options: Parameters<typeof leading>[0] = {}, traits = {}): Promise<Rig> {
  const rig = leading(options);
  rig.cluster.put(service('a', traits));
  await hasAddress(rig, 'a', FIRST);
  return rig;
}

/** The address is nobody's, and the next Service gets it. */
async function isFree(rig: Rig, traits = {}): Promise<void> {
  await until(() => expect(holderOf(rig, FIRST)).toBeUndefined());
  rig.cluster.put(service('next', { createdAt: '2026-05-01T00:00:00Z', ...traits }));
  await hasAddress(rig, 'next', FIRST);
}

describe('no LoadBalancer any more', () => {
  it.each<Type>(['ClusterIP', 'NodePort', 'ExternalName'])('%s', async (type) => {
    const rig = await withAddress();
    turn(rig, 'a', type);
    await isClean(rig, 'a');
    expect(rig.cluster.get('a')?.metadata?.annotations).toEqual({ 'example.org/keep': 'yes' });
    expect(rig.cluster.get('a')?.metadata?.labels).toEqual({ app: 'a' });
    await isFree(rig);
    expect(rig.events.map(({ reason }) => reason)).toContain('DeletedLoadBalancer');
  });

  it('after a request in the annotation, or in the spec', async () => {
    for (const traits of [{ annotation: FIRST }, { loadBalancerIP: FIRST }]) {
      const rig = await withAddress({}, traits);
      turn(rig, 'a', 'ClusterIP');
      await isClean(rig, 'a');
      await isFree(rig);
    }
  });

  it('after a refusal: the condition goes, the words of the user stay', async () => {
    const rig = await withAddress();
    rig.cluster.put(service('b', { annotation: FIRST, createdAt: '2026-02-01T00:00:00Z' }));
    await until(() => expect(verdictOf(rig, 'b')).toBe('False AddressConflict'));
    turn(rig, 'b', 'ClusterIP');
    await until(() => expect(tracesOf(rig.cluster.get('b'))).toEqual(['kube-vip.io/loadbalancerIPs']));
    await until(() => expect(rig.reconciler.waiting).toBe(0));
  });

  it('while nobody was there to see it', async () => {
    const rig = await withAddress();
    await rig.stop();
    turn(rig, 'a', 'ClusterIP');
    const next = leading({ cluster: rig.cluster });
    await isClean(next, 'a');
    await isFree(next);
  });

  it('keeps an interface that the user wrote, and takes back ours', async () => {
    const data = { 'range-global': `${FIRST}-${FIRST}`, 'interface-global': 'eth1' };
    const rig = await withAddress({ data });
    const link = () => rig.cluster.get('a')?.metadata?.annotations?.['kube-vip.io/serviceInterface'];
    expect(link()).toBe('eth1');
    turn(rig, 'a', 'ClusterIP');
    await isClean(rig, 'a');
    turn(rig, 'a', 'LoadBalancer');
    await hasAddress(rig, 'a', FIRST);
    rig.cluster.edit('a', (each) => annotated(each, 'kube-vip.io/serviceInterface', 'eth9'));
    turn(rig, 'a', 'ClusterIP');
    await until(() => expect(tracesOf(rig.cluster.get('a'))).toEqual(['kube-vip.io/serviceInterface']));
    expect(link()).toBe('eth9');
  });

  it.each(['conflict', 'server error', 'answer lost', 'not reached'] as const)(
    'with a write that goes wrong: %s',
    async (fault) => {
      const rig = await withAddress();
      rig.cluster.faults.push(fault);
      rig.cluster.statusFaults.push(fault);
      turn(rig, 'a', 'ClusterIP');
      await isClean(rig, 'a');
      await isFree(rig);
    },
  );
});

describe('type changed away and back', () => {
  it('too quickly to be seen: keeps its address, nothing is written', async () => {
    const rig = await withAddress();
    const before = [rig.cluster.writes, rig.cluster.statusWrites];
    unseen(rig, () => {
      turn(rig, 'a', 'ClusterIP');
      turn(rig, 'a', 'LoadBalancer');
    });
    await aMoment();
    expect(addressOf(rig, 'a')).toBe(FIRST);
    expect([rig.cluster.writes, rig.cluster.statusWrites]).toEqual(before);
  });

  it('while the address is being taken back', async () => {
    const rig = await withAddress();
    rig.cluster.watchFlows = false;
    turn(rig, 'a', 'ClusterIP');
    rig.cluster.deliver();
    // Meets the PUT that gives the address back.
    turn(rig, 'a', 'LoadBalancer');
    rig.cluster.watchFlows = true;
    rig.cluster.deliver();
    await hasAddress(rig, 'a', FIRST);
    await aMoment();
    await hasAddress(rig, 'a', FIRST);
    expect(holderOf(rig, FIRST)).toBe('default/a');
  });

  it('many times, ending either way', async () => {
    for (const last of ['ClusterIP', 'LoadBalancer'] as const) {
      const rig = await withAddress();
      for (let i = 0; i < 20; i++) {
        turn(rig, 'a', i % 2 === 0 ? 'ClusterIP' : 'LoadBalancer');
        await Promise.resolve();
      }
      turn(rig, 'a', last);
      if (last === 'ClusterIP') await isClean(rig, 'a');
      else await hasAddress(rig, 'a', FIRST);
      await until(() => expect(rig.holdings.size).toBe(last === 'ClusterIP' ? 0 : 1));
    }
  });
});

describe('another class by way of another type', () => {
  it('seen: clean before, left alone after, and its addresses count', async () => {
    const rig = await withAddress();
    turn(rig, 'a', 'ClusterIP');
    await isClean(rig, 'a');
    turn(rig, 'a', 'LoadBalancer', 'example.org/other');
    rig.cluster.edit('a', (each) => ({ ...each, status: { loadBalancer: { ingress: [{ ip: FIRST }] } } }));
    await aMoment();
    expect(tracesOf(rig.cluster.get('a'))).toEqual([]);
    rig.cluster.put(service('next'));
    await hasAddress(rig, 'next', '172.18.0.201');
  });

  it('not seen: our leftovers go, what the other one wrote stays and counts', async () => {
    const rig = await withAddress();
    unseen(rig, () => {
      turn(rig, 'a', 'NodePort');
      turn(rig, 'a', 'LoadBalancer', 'example.org/other');
      rig.cluster.edit('a', (each) => ({
        ...each,
        metadata: {
          ...each.metadata,
          annotations: { ...each.metadata?.annotations, 'example.org/pool': 'x' },
        },
        status: { ...each.status, loadBalancer: { ingress: [{ ip: '172.18.0.201' }] } },
      }));
    });
    await isClean(rig, 'a');
    expect(rig.cluster.get('a')).toMatchObject({
      metadata: { annotations: { 'example.org/keep': 'yes', 'example.org/pool': 'x' } },
      spec: { loadBalancerClass: 'example.org/other' },
      status: { loadBalancer: { ingress: [{ ip: '172.18.0.201' }] } },
    });
    expect(holderOf(rig, '172.18.0.201')).toBe('default/a');
    await isFree(rig);
  });

  it('not seen, with an address that the user wrote for the other one', async () => {
    const rig = await withAddress();
    unseen(rig, () => {
      turn(rig, 'a', 'NodePort');
      turn(rig, 'a', 'LoadBalancer', 'example.org/other');
      rig.cluster.edit('a', (each) => ({
        ...annotated(each, 'kube-vip.io/loadbalancerIPs', '172.18.0.202'),
        spec: { ...each.spec, loadBalancerIP: '172.18.0.202' },
      }));
    });
    await until(() =>
      expect(tracesOf(rig.cluster.get('a'))).toEqual(['kube-vip.io/loadbalancerIPs', 'spec.loadBalancerIP']),
    );
    expect(holderOf(rig, '172.18.0.202')).toBe('default/a');
  });

  it('from our class to none, and the other way round', async () => {
    const rig = await withAddress({ mode: KUBE_VIP }, { loadBalancerClass: KUBE_VIP.name });
    unseen(rig, () => {
      turn(rig, 'a', 'ClusterIP');
      turn(rig, 'a', 'LoadBalancer');
    });
    await isClean(rig, 'a');
    await isFree(rig, { loadBalancerClass: KUBE_VIP.name });
    rig.cluster.put(service('b'));
    await aMoment();
    expect(tracesOf(rig.cluster.get('b'))).toEqual([]);
    unseen(rig, () => {
      turn(rig, 'b', 'ClusterIP');
      turn(rig, 'b', 'LoadBalancer', KUBE_VIP.name);
    });
    await hasAddress(rig, 'b', '172.18.0.201');
  });

  it('is no reason to touch what an instance for another class serves', async () => {
    const cluster = new FakeCluster();
    const classless = leading({ cluster });
    const named = leading({ cluster, mode: KUBE_VIP });
    cluster.put(service('plain'));
    await hasAddress(classless, 'plain', FIRST);
    cluster.put(service('classy', { loadBalancerClass: KUBE_VIP.name }));
    await hasAddress(named, 'classy', '172.18.0.201');
    cluster.put(allocatedService('peers', '172.18.0.202', { loadBalancerClass: 'example.org/x' }));
    const writes = cluster.writes;
    for (const name of ['plain', 'classy', 'peers']) cluster.edit(name, (each) => ({ ...each }));
    await aMoment();
    expect(cluster.writes).toBe(writes);
  });
});

describe('deleted', () => {
  it('while nobody was there to see it', async () => {
    const rig = await withAddress();
    await rig.stop();
    rig.cluster.remove('a');
    expect(rig.cluster.get('a')?.metadata?.finalizers).toEqual([FINALIZER]);
    const next = leading({ cluster: rig.cluster });
    await until(() => expect(next.cluster.get('a')).toBeUndefined());
    await isFree(next);
  });

  it('and gone while nobody was there to see it', async () => {
    const rig = await withAddress();
    await rig.stop();
    rig.cluster.edit('a', (each) => ({ ...each, metadata: { ...each.metadata, finalizers: [] } }));
    rig.cluster.remove('a');
    const next = leading({ cluster: rig.cluster });
    await isFree(next);
  });

  it('before the first write, and while it is under way', async () => {
    for (const finalizers of [[], ['example.org/slow']]) {
      const rig = leading();
      rig.cluster.watchFlows = false;
      rig.cluster.put({ ...service('a'), metadata: { ...service('a').metadata, finalizers } });
      rig.cluster.deliver();
      // Its PUT is on the way.
      rig.cluster.remove('a');
      rig.cluster.watchFlows = true;
      rig.cluster.deliver();
      await until(() => expect(tracesOf(rig.cluster.get('a'))).toEqual([]));
      await isFree(rig);
    }
  });

  it('right after the first write, before its condition', async () => {
    const rig = leading();
    rig.cluster.onWrite = () => {
      rig.cluster.onWrite = () => {};
      queueMicrotask(() => rig.cluster.remove('a'));
    };
    rig.cluster.put(service('a'));
    await until(() => expect(rig.cluster.writes).toBeGreaterThan(1));
    await until(() => expect(rig.cluster.get('a')).toBeUndefined());
    await isFree(rig);
  });

  it('with a finalizer that somebody else added, and held up by others', async () => {
    const rig = leading();
    rig.cluster.put(service('a', { finalizer: true }));
    await hasAddress(rig, 'a', FIRST);
    const slow = 'example.org/slow';
    rig.cluster.edit('a', (each) => ({
      ...each,
      metadata: { ...each.metadata, finalizers: [...(each.metadata?.finalizers ?? []), slow] },
    }));
    rig.cluster.remove('a');
    await until(() => expect(rig.cluster.get('a')?.metadata?.finalizers).toEqual([slow]));
    // As long as it is there, agents may serve it.
    expect(holderOf(rig, FIRST)).toBe('default/a');
    await aMoment();
    rig.cluster.edit('a', (each) => ({ ...each, metadata: { ...each.metadata, finalizers: [] } }));
    await isFree(rig);
  });
});

describe('made anew under the same name', () => {
  it.each(['seen', 'not seen'] as const)('%s', async (how) => {
    const rig = await withAddress();
    const anew = () => {
      rig.cluster.edit('a', (each) => ({ ...each, metadata: { ...each.metadata, finalizers: [] } }));
      rig.cluster.remove('a');
      rig.cluster.put(service('a', { annotation: '172.18.0.202' }));
    };
    if (how === 'seen') anew();
    else unseen(rig, anew);
    await hasAddress(rig, 'a', '172.18.0.202');
    await isFree(rig);
  });

  it('while its predecessor is being written', async () => {
    const rig = leading();
    rig.cluster.watchFlows = false;
    rig.cluster.put(service('a'));
    rig.cluster.deliver();
    rig.cluster.remove('a');
    rig.cluster.put(service('a', { annotation: '172.18.0.202' }));
    rig.cluster.watchFlows = true;
    rig.cluster.deliver();
    await hasAddress(rig, 'a', '172.18.0.202');
    await until(() => expect(rig.holdings.size).toBe(1));
    await isFree(rig);
  });

  it('as a copy of another Service, marks and all: the copy gets an address of its own', async () => {
    const rig = await withAddress();
    const original = rig.cluster.get('a') as Service;
    const { metadata, ...rest } = original;
    rig.cluster.put({
      ...rest,
      metadata: { ...metadata, name: 'copy', uid: 'copy', creationTimestamp: '2026-03-01T00:00:00Z' },
    } as Service);
    await hasAddress(rig, 'copy', '172.18.0.201');
    expect(addressOf(rig, 'a')).toBe(FIRST);
  });
});

function annotated(each: Service, key: string, value: string): Service {
  const annotations = { ...each.metadata?.annotations, [key]: value };
  return { ...each, metadata: { ...each.metadata, annotations } };
}
