// SPDX-License-Identifier: Apache-2.0
import { ENDPOINT_SLICES, EVENTS, LEASES, SERVICES } from '@fairlead/shared/kubernetes/resources.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  eventually,
  expose,
  LEASE_DURATION_MS,
  serviceObject,
  sliceObject,
  type TestAgent,
  TestCluster,
} from '../testing/agents.ts';

const NODES = ['worker1', 'worker2', 'worker3'];
const PODS = { '10.244.1.2': 'worker1', '10.244.2.2': 'worker2', '10.244.3.2': 'worker3' };

describe('three agents around an API server', () => {
  let cluster: TestCluster;
  let agents: Map<string, TestAgent>;

  beforeEach(async () => {
    cluster = await TestCluster.start(NODES);
    agents = new Map();
  });
  afterEach(() => cluster.close());

  const startAll = async (env: Readonly<Record<string, string>> = {}) => {
    for (const node of NODES) agents.set(node, await cluster.startAgent(node, env));
  };
  const owner = (address: string) =>
    eventually(`one node answers for ${address}`, () => {
      const owners = cluster.book.owners(address);
      return owners.length === 1 ? owners[0] : undefined;
    });
  const service = (name: string) => cluster.client.get(SERVICES, { namespace: 'default', name });
  const annotate = (name: string, annotations: Readonly<Record<string, string>>) =>
    cluster.client.patch(
      SERVICES,
      { namespace: 'default', name },
      { metadata: { annotations } },
      { type: 'merge' },
    );

  it('gives an address to one node, balances there and writes the status', async () => {
    await startAll();
    await expose(cluster.client, serviceObject('echo', '172.18.0.200'), PODS);
    const node = await owner('172.18.0.200');
    const written = await eventually('status and annotation', async () => {
      const found = await service('echo');
      return found.metadata?.annotations?.['kube-vip.io/vipHost'] === node ? found : undefined;
    });
    expect(written.status?.loadBalancer?.ingress).toEqual([
      { ip: '172.18.0.200', ipMode: 'VIP', ports: [{ port: 80, protocol: 'TCP' }] },
    ]);
    const lease = await cluster.client.get(LEASES, { namespace: 'default', name: 'kubevip-echo' });
    expect(lease.spec?.holderIdentity).toBe(node);
    const frontend = agents.get(node)?.model()?.frontends.get('tcp/80/172.18.0.200');
    expect(frontend?.backends.map(({ address }) => address)).toEqual(Object.keys(PODS));
    const others = NODES.filter((name) => name !== node);
    // Ready ahead: a takeover does not wait for nft.
    await eventually('frontends on the other nodes', () =>
      others.every((other) => agents.get(other)?.model()?.frontends.size === 1),
    );
    await eventually('an Event', async () => {
      const { items } = await cluster.client.list(EVENTS, { namespace: 'default' });
      return items.some(({ reason }) => reason === 'AddressHeld');
    });
    expect(cluster.book.overlaps()).toEqual([]);
  });

  it('has connections follow endpoints by themselves, and comes to the same when it looks at everything', async () => {
    const agent = await cluster.startAgent('worker1');
    for (const [name, address] of [
      ['echo', '172.18.0.200'],
      ['other', '172.18.0.201'],
    ] as const) {
      await expose(cluster.client, serviceObject(name, address), PODS);
      await owner(address);
    }
    const addresses = (id: string) =>
      agent
        .model()
        ?.frontends.get(id)
        ?.backends.map(({ address }) => address);
    const change = (endpoints: Readonly<Record<string, string>>) =>
      cluster.client.replace(ENDPOINT_SLICES, sliceObject('echo', endpoints));
    const before = agent.replaced.length;
    await change({ '10.244.1.2': 'worker1', '10.244.1.3': 'worker1' });
    await eventually('the new endpoint', () => addresses('tcp/80/172.18.0.200')?.includes('10.244.1.3'));
    expect(new Set(agent.replaced.slice(before))).toEqual(new Set(['tcp/80/172.18.0.200']));
    expect(addresses('tcp/80/172.18.0.200')).toEqual(['10.244.1.2', '10.244.1.3']);
    expect(addresses('tcp/80/172.18.0.201')).toEqual(Object.keys(PODS));
    // Old ones do not come back, neither by themselves nor with a look at everything.
    await change({});
    await eventually('no endpoint', () => (addresses('tcp/80/172.18.0.200') ?? []).length === 0);
    await change({ '10.244.1.4': 'worker1' });
    await eventually('an endpoint again', () => addresses('tcp/80/172.18.0.200')?.length === 1);
    await expose(cluster.client, serviceObject('third', '172.18.0.202'), PODS);
    await eventually('a pass', () => addresses('tcp/80/172.18.0.202')?.length === 3);
    expect(addresses('tcp/80/172.18.0.200')).toEqual(['10.244.1.4']);
  });

  it('spreads Services over the nodes', async () => {
    await startAll();
    const count = 30;
    for (let index = 0; index < count; index++) {
      await expose(cluster.client, serviceObject(`s${index}`, `172.18.1.${index}`), {
        '10.244.1.2': 'worker1',
      });
    }
    const owners = new Set<string>();
    for (let index = 0; index < count; index++) owners.add(await owner(`172.18.1.${index}`));
    expect(owners.size).toBe(3);
    expect(cluster.book.overlaps()).toEqual([]);
  });

  it('hands over at once when the owner ends in an orderly way', async () => {
    await startAll();
    await expose(cluster.client, serviceObject('echo', '172.18.0.200'), PODS);
    const first = await owner('172.18.0.200');
    await agents.get(first)?.stop();
    const second = await owner('172.18.0.200');
    expect(second).not.toBe(first);
    const [before, after] = cluster.book.tenures.slice(-2);
    expect((after?.fromMs ?? 0) - (before?.toMs ?? 0)).toBeLessThan(1_000);
    expect(cluster.book.overlaps()).toEqual([]);
  });

  it('takes over right after the Lease of a dead node has run out, and leaves its endpoints out', async () => {
    await startAll();
    await expose(cluster.client, serviceObject('echo', '172.18.0.200'), PODS);
    const first = await owner('172.18.0.200');
    await agents.get(first)?.crash();
    const second = await eventually('another owner', () =>
      cluster.book.owners('172.18.0.200').find((node) => node !== first),
    );
    const backends = await eventually('two backends', () => {
      const found = agents.get(second)?.model()?.frontends.get('tcp/80/172.18.0.200')?.backends;
      return found?.length === 2 ? found : undefined;
    });
    const lostPod = Object.entries(PODS).find(([, node]) => node === first)?.[0];
    expect(backends.map(({ address }) => address)).not.toContain(lostPod);
    // The node comes back: its agent takes part again, and its endpoints are used again.
    agents.set(first, await cluster.startAgent(first));
    await expose(cluster.client, serviceObject('local', '172.18.0.201', { externalTrafficPolicy: 'Local' }), {
      '10.244.9.9': first,
    });
    expect(await owner('172.18.0.201')).toBe(first);
    await eventually(
      'three backends',
      () => agents.get(second)?.model()?.frontends.get('tcp/80/172.18.0.200')?.backends.length === 3,
    );
    expect(cluster.book.overlaps()).toEqual([]);
  });

  it('follows the endpoints of a Service with policy Local', async () => {
    await startAll();
    const local = serviceObject('local', '172.18.0.202', { externalTrafficPolicy: 'Local' });
    await expose(cluster.client, local, { '10.244.1.2': 'worker1' });
    expect(await owner('172.18.0.202')).toBe('worker1');
    const moveTo = async (endpoints: Readonly<Record<string, string>>) => {
      const slice = await cluster.client.get(ENDPOINT_SLICES, { namespace: 'default', name: 'local-1' });
      const wanted = sliceObject('local', endpoints).endpoints ?? [];
      await cluster.client.replace(ENDPOINT_SLICES, { ...slice, endpoints: wanted });
    };
    await moveTo({ '10.244.3.3': 'worker3' });
    await eventually('worker3 takes over', () => cluster.book.owners('172.18.0.202').includes('worker3'));
    expect(cluster.book.overlaps()).toEqual([]);
    await moveTo({});
    await eventually('nobody answers', () => cluster.book.owners('172.18.0.202').length === 0);
    await eventually('the Lease is free', async () => {
      const lease = await cluster.client.get(LEASES, { namespace: 'default', name: 'kubevip-local' });
      return lease.spec?.holderIdentity === '';
    });
  });

  it('keeps a shared address on its node, without a gap, when the oldest of its Services is deleted', async () => {
    await startAll();
    await expose(cluster.client, serviceObject('old', '172.18.0.203'), PODS);
    const node = await owner('172.18.0.203');
    const young = serviceObject('young', '172.18.0.203', { ports: [{ port: 81, protocol: 'TCP' }] as never });
    await expose(cluster.client, young, PODS);
    await eventually('both are balanced', () => (agents.get(node)?.model()?.frontends.size ?? 0) === 2);
    // Only then is a change of Lease bridged: every node must have seen the address under the old one.
    await eventually(
      'it has been held for a lease duration',
      () => cluster.book.heldMs('172.18.0.203') > LEASE_DURATION_MS,
    );
    await cluster.client.remove(SERVICES, { namespace: 'default', name: 'old' });
    await eventually('the Lease of the other Service', async () => {
      const lease = await cluster.client
        .get(LEASES, { namespace: 'default', name: 'kubevip-young' })
        .catch(() => undefined);
      return lease?.spec?.holderIdentity === node;
    });
    await eventually('the first Lease is given back', async () => {
      const lease = await cluster.client.get(LEASES, { namespace: 'default', name: 'kubevip-old' });
      return lease.spec?.holderIdentity === '';
    });
    expect(cluster.book.tenures.filter(({ address }) => address === '172.18.0.203')).toHaveLength(1);
  });

  it('follows edits: address, type, ignore', async () => {
    await startAll();
    await expose(cluster.client, serviceObject('echo', '172.18.0.204'), PODS);
    await owner('172.18.0.204');
    await annotate('echo', { 'kube-vip.io/loadbalancerIPs': '172.18.0.205' });
    await owner('172.18.0.205');
    await eventually('the old address is off', () => cluster.book.owners('172.18.0.204').length === 0);
    await eventually('status follows', async () => {
      const found = await service('echo');
      return found.status?.loadBalancer?.ingress?.[0]?.ip === '172.18.0.205';
    });
    await annotate('echo', { 'kube-vip.io/ignore': 'true' });
    await eventually('ignored', () => cluster.book.owners('172.18.0.205').length === 0);
  });

  it('lets go of an address that the cloud provider refuses, and serves it again at once', async () => {
    await startAll();
    const address = '172.18.0.208';
    await expose(cluster.client, serviceObject('echo', address), PODS);
    await owner(address);
    const inStatus = async () => (await service('echo')).status?.loadBalancer?.ingress?.map(({ ip }) => ip);
    await eventually('the address in the status', async () => (await inStatus())?.[0] === address);
    const judge = async (status: 'True' | 'False', message: string) => {
      const type = 'fairlead.io/AddressAllocated';
      const lastTransitionTime = new Date().toISOString().replace(/\.\d+/, '');
      const conditions = [{ type, status, reason: 'AddressConflict', message, lastTransitionTime }];
      const ref = { namespace: 'default', name: 'echo' };
      const options = { type: 'merge', subresource: 'status' } as const;
      await cluster.client.patch(SERVICES, ref, { status: { conditions } }, options);
    };
    const refusal = `kube-vip.io/loadbalancerIPs=${address}: ${address} belongs to Service default/other`;
    await judge('False', refusal);
    await eventually('nobody answers', () => cluster.book.owners(address).length === 0);
    await eventually('nothing in the status', async () => ((await inStatus())?.length ?? 0) === 0);
    await eventually('nothing is balanced', () =>
      [...agents.values()].every((each) => (each.model()?.frontends.size ?? 0) === 0),
    );
    await eventually('an Event says why', async () => {
      const { items } = await cluster.client.list(EVENTS, { namespace: 'default' });
      return items.some(
        ({ reason, message }) => reason === 'AddressRefused' && message?.includes('default/other'),
      );
    });
    await judge('True', `has ${address}`);
    await owner(address);
    await eventually('the address in the status', async () => (await inStatus())?.[0] === address);
    // A refusal of something else is out of date.
    await judge('False', refusal.replaceAll(address, '172.18.0.209'));
    await annotate('echo', { 'example.org/wake': 'yes' });
    await eventually('the annotation', async () => {
      const found = await service('echo');
      return found.metadata?.annotations?.['example.org/wake'] === 'yes';
    });
    expect(await owner(address)).toBeDefined();
    expect(cluster.book.overlaps()).toEqual([]);
  });

  it('puts everything on one node with one Lease for all', async () => {
    await startAll({ svc_election: 'false' });
    for (const index of [1, 2, 3, 4]) {
      await expose(cluster.client, serviceObject(`s${index}`, `172.18.2.${index}`), PODS);
    }
    const owners = new Set<string>();
    for (const index of [1, 2, 3, 4]) owners.add(await owner(`172.18.2.${index}`));
    expect(owners.size).toBe(1);
    const lease = await cluster.client.get(LEASES, { namespace: 'kube-system', name: 'plndr-svcs-lock' });
    expect([...owners]).toEqual([lease.spec?.holderIdentity]);
  });

  it('gives Services that ask for it an owner of their own, on demand', async () => {
    await startAll({ svc_election: 'false', per_service_election_on_demand: 'true' });
    const own = serviceObject('own', '172.18.2.6');
    const annotations = {
      ...own.metadata?.annotations,
      'kube-vip.io/forcePerServiceElection': 'true',
    };
    await expose(cluster.client, serviceObject('common', '172.18.2.5'), PODS);
    await expose(cluster.client, { ...own, metadata: { ...own.metadata, annotations } }, PODS);
    const owners = [await owner('172.18.2.5'), await owner('172.18.2.6')];
    const holderOf = async (namespace: string, name: string) =>
      (await cluster.client.get(LEASES, { namespace, name })).spec?.holderIdentity;
    expect(owners).toEqual([
      await holderOf('kube-system', 'plndr-svcs-lock'),
      await holderOf('default', 'kubevip-own'),
    ]);
    // Without the annotation it goes with the others, and its Lease is given back.
    await annotate('own', { 'kube-vip.io/forcePerServiceElection': 'false' });
    await eventually('the common Lease', async () => (await holderOf('default', 'kubevip-own')) === '');
    await eventually('the common owner', () => cluster.book.owners('172.18.2.6')[0] === owners[0]);
    expect(cluster.book.overlaps()).toEqual([]);
  });

  it('polls where RBAC forbids to watch Leases, and takes over all the same', async () => {
    for (const node of NODES) agents.set(node, await cluster.startAgent(node, {}, { watchesLeases: false }));
    await expose(cluster.client, serviceObject('echo', '172.18.0.207'), PODS);
    const first = await owner('172.18.0.207');
    await agents.get(first)?.crash();
    await eventually('another owner', () =>
      cluster.book.owners('172.18.0.207').find((node) => node !== first),
    );
    expect(cluster.book.overlaps()).toEqual([]);
  });

  it('keeps two Services with a common Lease on one node', async () => {
    await startAll();
    for (const index of [1, 2, 3]) {
      const one = serviceObject(`s${index}`, `172.18.3.${index}`);
      const annotations = { ...one.metadata?.annotations, 'kube-vip.io/leaseName': 'kube-system/together' };
      await expose(cluster.client, { ...one, metadata: { ...one.metadata, annotations } }, PODS);
    }
    const owners = new Set<string>();
    for (const index of [1, 2, 3]) owners.add(await owner(`172.18.3.${index}`));
    const lease = await cluster.client.get(LEASES, { namespace: 'kube-system', name: 'together' });
    expect([...owners]).toEqual([lease.spec?.holderIdentity]);
  });

  it('lets go in an API outage longer than the renew deadline, stays healthy, and comes back', async () => {
    await startAll({ vip_leaseduration: '4', vip_renewdeadline: '2' });
    await expose(cluster.client, serviceObject('echo', '172.18.0.206'), PODS);
    await owner('172.18.0.206');
    await cluster.server.faults.outage('refuse');
    await eventually('let go', () => cluster.book.owners('172.18.0.206').length === 0);
    const healthy = [...agents.values()].map(({ agent }) => agent.health().every(({ ok }) => ok));
    expect(healthy).toEqual([true, true, true]);
    await cluster.server.faults.endOutage();
    await owner('172.18.0.206');
    expect(cluster.book.overlaps()).toEqual([]);
  });
});
