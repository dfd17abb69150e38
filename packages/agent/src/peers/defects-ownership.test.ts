// SPDX-License-Identifier: Apache-2.0
import type { Lease } from '@fairlead/shared/kubernetes/objects.ts';
import { ENDPOINT_SLICES, LEASES, NODES, SERVICES } from '@fairlead/shared/kubernetes/resources.ts';
import { systemClock } from '@fairlead/shared/runtime/clock.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually, expose, serviceObject, type TestAgent, TestCluster } from '../testing/agents.ts';

/*
 * The weak spots of kube-vip's agent in owning addresses, by their number in our register, each as a case that its
 * behaviour fails: whole agents around an API server, without frames and nftables.
 */

const NODES_OF_TEST = ['worker1', 'worker2', 'worker3'];
const PODS = { '10.244.1.2': 'worker1', '10.244.2.2': 'worker2', '10.244.3.2': 'worker3' };
const ADDRESS = '172.18.0.200';
const GLOBAL = { namespace: 'kube-system', name: 'plndr-svcs-lock' };

let cluster: TestCluster;
let agents: Map<string, TestAgent>;

beforeEach(async () => {
  cluster = await TestCluster.start(NODES_OF_TEST);
  agents = new Map();
});
afterEach(async () => {
  cluster.server.faults.setRules([]);
  await cluster.close();
  expect(cluster.book.overlaps()).toEqual([]);
});

async function startAll(env: Readonly<Record<string, string>> = {}): Promise<void> {
  for (const node of NODES_OF_TEST) agents.set(node, await cluster.startAgent(node, env));
}

function ownerOf(address: string, ...others: readonly string[]): Promise<string> {
  return eventually(`one node answers for ${address}`, () => {
    const [owner, ...rest] = cluster.book.owners(address);
    return rest.length === 0 && owner !== undefined && !others.includes(owner) ? owner : undefined;
  });
}

function nobodyHas(address: string): Promise<unknown> {
  return eventually(`nobody answers for ${address}`, () => cluster.book.owners(address).length === 0);
}

function agentOn(node: string): TestAgent {
  const agent = agents.get(node);
  if (agent === undefined) throw new Error(`no agent on ${node}`);
  return agent;
}

async function edit(name: string, metadata: object, spec: object = {}): Promise<void> {
  const ref = { namespace: 'default', name };
  await cluster.client.patch(SERVICES, ref, { metadata, spec }, { type: 'merge' });
}

function annotate(name: string, annotations: Readonly<Record<string, string | null>>): Promise<void> {
  return edit(name, { annotations });
}

function leaseOf(name: string): Promise<Lease> {
  return cluster.client.get(LEASES, { namespace: 'default', name: `kubevip-${name}` });
}

it('A3: a takeover is found by polling, and comes late', async () => {
  // The peer's followers would poll every two to four seconds here, and need two looks.
  await startAll({ vip_leaseduration: '4', vip_renewdeadline: '3', vip_retryperiod: '2' });
  await expose(cluster.client, serviceObject('echo', ADDRESS), PODS);
  const first = await ownerOf(ADDRESS);
  const renewed = await leaseOf('echo');
  await eventually(
    'a renewal',
    async () => (await leaseOf('echo')).spec?.renewTime !== renewed.spec?.renewTime,
  );
  const renewedMs = systemClock.monotonicMs();
  await agentOn(first).crash();
  await ownerOf(ADDRESS, first);
  const took = cluster.book.tenures.findLast(({ address }) => address === ADDRESS)?.fromMs ?? 0;
  // Sooner than a single poll after the Lease has run out.
  expect(took - renewedMs).toBeLessThan(4_000 + 2_000);
});

describe('A4: the Lease is given back, or runs out, before the address is off', () => {
  it('at an orderly end', async () => {
    await startAll();
    await expose(cluster.client, serviceObject('echo', ADDRESS), PODS);
    const first = await ownerOf(ADDRESS);
    const heldAtRelease: boolean[] = [];
    const { client } = agentOn(first);
    const replace = client.replace.bind(client);
    client.replace = (resource, object, options) => {
      const { kind } = resource;
      if (kind === 'Lease' && (object as Lease).spec?.holderIdentity === '')
        heldAtRelease.push(cluster.book.owners(ADDRESS).includes(first));
      return replace(resource, object, options);
    };
    await agentOn(first).stop();
    expect(heldAtRelease).toEqual([false]);
    await ownerOf(ADDRESS, first);
  });

  it('when packets to the API server are dropped, so that calls hang', async () => {
    await startAll();
    await expose(cluster.client, serviceObject('echo', ADDRESS), PODS);
    const first = await ownerOf(ADDRESS);
    await agentOn(first).cutOff();
    await ownerOf(ADDRESS, first);
    const [old] = cluster.book.tenures.filter(({ node }) => node === first);
    const fresh = cluster.book.tenures.findLast(({ node }) => node !== first);
    expect(Math.min(old?.toMs ?? Infinity, old?.untilMs ?? Infinity)).toBeLessThan(fresh?.fromMs ?? 0);
    await agentOn(first).crash();
  });
});

describe('A6: a write that fails keeps the address', () => {
  const BOTH = [ADDRESS, 'fd00:18::200'];
  const ENV = { enable_node_labeling: 'true' };

  it('of status, annotation, Event and Node labels', async () => {
    await startAll(ENV);
    const written = ['services', 'services/status', 'nodes'];
    cluster.server.faults.setRules([
      { select: { resources: written, verbs: ['update', 'patch'] }, latencyMs: 60_000 },
      { select: { resources: ['events'], verbs: ['create', 'patch'] }, latencyMs: 60_000 },
    ]);
    await expose(cluster.client, serviceObject('echo', BOTH.join()), PODS);
    for (const address of BOTH) await ownerOf(address);
    await cluster.client.remove(SERVICES, { namespace: 'default', name: 'echo' });
    for (const address of BOTH) await nobodyHas(address);
    await Promise.all([...agents.values()].map((agent) => agent.crash()));
  });

  it('as that of a label with both families would, which no API server takes with a comma', async () => {
    await startAll(ENV);
    await expose(cluster.client, serviceObject('echo', BOTH.join()), PODS);
    const label = async (node: string) => {
      const { metadata } = await cluster.client.get(NODES, { name: node });
      return metadata?.labels?.['service-provided.kube-vip.io/echo.default'];
    };
    const owner = await ownerOf(ADDRESS);
    await eventually('the label', async () => (await label(owner)) !== undefined);
    await cluster.client.remove(SERVICES, { namespace: 'default', name: 'echo' });
    await eventually('the label is gone', async () => (await label(owner)) === undefined);
  });
});

it('A8: what is deleted while the watch reconnects stays for ever', async () => {
  await startAll();
  await expose(cluster.client, serviceObject('echo', ADDRESS), PODS);
  await expose(cluster.client, serviceObject('other', '172.18.0.201'), PODS);
  await ownerOf(ADDRESS);
  const { faults } = cluster.server;
  faults.stallWatches();
  await cluster.client.remove(SERVICES, { namespace: 'default', name: 'echo' });
  await cluster.client.remove(ENDPOINT_SLICES, { namespace: 'default', name: 'echo-1' });
  faults.compact();
  faults.releaseWatches('cut');
  await nobodyHas(ADDRESS);
  await ownerOf('172.18.0.201');
});

it('A9: one Service that waits holds up all others', async () => {
  await startAll();
  // One without an address, one whose status cannot be written: the peer waits 30 s for each, inline.
  const nameless = serviceObject('nameless', '');
  await expose(cluster.client, { ...nameless, metadata: { namespace: 'default', name: 'nameless' } }, PODS);
  const select = { resources: ['services/status'], verbs: ['update'] };
  cluster.server.faults.setRules([{ select, latencyMs: 60_000 }]);
  await expose(cluster.client, serviceObject('stuck', ADDRESS), PODS);
  await ownerOf(ADDRESS);
  for (let index = 1; index <= 5; index++) {
    await expose(cluster.client, serviceObject(`s${index}`, `172.18.0.${index}`), PODS);
  }
  for (let index = 1; index <= 5; index++) await ownerOf(`172.18.0.${index}`);
  await Promise.all([...agents.values()].map((agent) => agent.crash()));
});

describe('A10: an edit has no effect before a restart', () => {
  const frontends = async () => {
    const node = await ownerOf(ADDRESS);
    return [...(agentOn(node).model()?.frontends.keys() ?? [])];
  };

  it.each<readonly [string, () => Promise<unknown>, () => Promise<unknown>]>([
    [
      'ports',
      () => edit('echo', {}, { ports: [{ port: 8443, protocol: 'TCP' }] }),
      () =>
        eventually('the new port alone', async () => {
          const keys = await frontends();
          return keys.length === 1 && keys[0] === `tcp/8443/${ADDRESS}`;
        }),
    ],
    [
      'the addresses',
      () => annotate('echo', { 'kube-vip.io/loadbalancerIPs': '172.18.0.209' }),
      () => Promise.all([ownerOf('172.18.0.209'), nobodyHas(ADDRESS)]),
    ],
    [
      'the interface',
      () => annotate('echo', { 'kube-vip.io/serviceInterface': 'eth7' }),
      // There is no such link here: nobody can answer.
      () => nobodyHas(ADDRESS),
    ],
    ['ignore', () => annotate('echo', { 'kube-vip.io/ignore': 'true' }), () => nobodyHas(ADDRESS)],
    ['the type', () => edit('echo', {}, { type: 'ClusterIP' }), () => nobodyHas(ADDRESS)],
    [
      'the traffic policy',
      async () => {
        const ref = { namespace: 'default', name: 'echo-1' };
        const slice = await cluster.client.get(ENDPOINT_SLICES, ref);
        const owner = await ownerOf(ADDRESS);
        const endpoints = (slice.endpoints ?? []).filter(({ nodeName }) => nodeName !== owner).slice(0, 1);
        await cluster.client.replace(ENDPOINT_SLICES, { ...slice, endpoints });
        await edit('echo', {}, { externalTrafficPolicy: 'Local' });
      },
      async () => {
        const slice = await cluster.client.get(ENDPOINT_SLICES, { namespace: 'default', name: 'echo-1' });
        const [only] = slice.endpoints ?? [];
        await eventually('the node with the pod', () =>
          cluster.book.owners(ADDRESS).includes(only?.nodeName ?? ''),
        );
      },
    ],
    [
      'leaseName',
      () => annotate('echo', { 'kube-vip.io/leaseName': 'kube-system/together' }),
      () =>
        eventually('the common Lease', async () => {
          const ref = { namespace: 'kube-system', name: 'together' };
          const lease = await cluster.client.get(LEASES, ref).catch(() => undefined);
          return (lease?.spec?.holderIdentity ?? '') !== '';
        }),
    ],
  ])('%s', async (_what, change, holds) => {
    await startAll();
    await expose(cluster.client, serviceObject('echo', ADDRESS), PODS);
    await ownerOf(ADDRESS);
    await change();
    await holds();
  });

  it('and an edit back', async () => {
    await startAll();
    await expose(cluster.client, serviceObject('echo', ADDRESS), PODS);
    await ownerOf(ADDRESS);
    await annotate('echo', { 'kube-vip.io/ignore': 'true' });
    await nobodyHas(ADDRESS);
    await annotate('echo', { 'kube-vip.io/ignore': null });
    await ownerOf(ADDRESS);
  });
});

it('A11: each Service costs each node a watch, and each candidate polls its Lease', async () => {
  await startAll();
  const count = 30;
  for (let index = 0; index < count; index++) {
    await expose(cluster.client, serviceObject(`s${index}`, `172.18.1.${index}`), PODS);
  }
  for (let index = 0; index < count; index++) await ownerOf(`172.18.1.${index}`);
  const watches = cluster.requests.filter(({ verb }) => verb === 'watch').length;
  const from = cluster.requests.length;
  // Two lease durations: the peer's two followers of each Lease would have looked at it several times.
  await eventually('renewals', () => since(from, 'update', 'leases') >= 2 * count);
  expect(since(from, 'get', 'leases')).toBe(0);
  expect(since(from, 'watch', 'endpointslices') + since(from, 'list', 'endpointslices')).toBe(0);
  // Services, slices, Nodes and Leases of three agents; a watch that ends by itself is begun again.
  expect(watches).toBeLessThan(count);
});

function since(from: number, verb: string, resource: string): number {
  return cluster.requests.slice(from).filter((each) => each.verb === verb && each.resource === resource)
    .length;
}

it('A13: the loss of the Lease of all Services ends the process', async () => {
  await startAll({ svc_election: 'false' });
  await expose(cluster.client, serviceObject('echo', ADDRESS), PODS);
  const first = await ownerOf(ADDRESS);
  const spec = { holderIdentity: 'somebody-else', leaseDurationSeconds: 2 };
  await cluster.client.patch(LEASES, GLOBAL, { spec }, { type: 'merge' });
  await nobodyHas(ADDRESS);
  for (const { agent } of agents.values()) expect(agent.health().filter(({ ok }) => !ok)).toEqual([]);
  // That somebody never renews; the agents have it again, the one that lost it included.
  await ownerOf(ADDRESS);
  for (const [node, agent] of agents) if (node !== first) await agent.crash();
  await eventually(`${first} serves again`, () => cluster.book.owners(ADDRESS).includes(first));
});

it('A18: nobody says who owns an address while it does', async () => {
  await startAll({ svc_election: 'false' });
  await expose(cluster.client, serviceObject('echo', ADDRESS), PODS);
  const owner = await ownerOf(ADDRESS);
  for (const [node, agent] of agents) {
    const text = await agent.metrics();
    const isLeader = /^kube_vip_is_leader\{[^}]*lease_name="[^"]*plndr-svcs-lock"[^}]*\} (\d)$/m.exec(
      text,
    )?.[1];
    expect([node, isLeader]).toEqual([node, node === owner ? '1' : '0']);
    expect(text).toMatch(/^kube_vip_build_info\{[^}]*\} 1$/m);
  }
});

it('A25: told to keep the address at a loss of leadership, two nodes have it', async () => {
  await startAll({ vip_preserve_on_leadership_loss: 'true' });
  await expose(cluster.client, serviceObject('echo', ADDRESS), PODS);
  const first = await ownerOf(ADDRESS);
  await agentOn(first).cutOff();
  const second = await ownerOf(ADDRESS, first);
  expect(cluster.book.owners(ADDRESS)).toEqual([second]);
  await agentOn(first).crash();
});
