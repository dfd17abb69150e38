// SPDX-License-Identifier: Apache-2.0
import type { Node } from '@fairlead/shared/kubernetes/objects.ts';
import { EVENTS, LEASES, NODES, SERVICES } from '@fairlead/shared/kubernetes/resources.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually, expose, serviceObject, TestCluster } from '../testing/agents.ts';

const WORKERS = ['worker1', 'worker2', 'worker3'];
const PODS = { '10.244.1.2': 'worker1', '10.244.2.2': 'worker2', '10.244.3.2': 'worker3' };
const ADDRESS = '172.18.0.220';
const EXCLUDE = 'node.kubernetes.io/exclude-from-external-load-balancers';
const SELECTOR = 'fairlead.io/node-selector';

describe('which nodes can have an address', () => {
  let cluster: TestCluster;

  beforeEach(async () => {
    cluster = await TestCluster.start(WORKERS);
  });
  afterEach(() => cluster.close());

  const startAll = async (env: Readonly<Record<string, string>> = {}) => {
    for (const node of WORKERS) await cluster.startAgent(node, env);
  };
  const owner = (...among: readonly string[]) =>
    eventually(`one of ${among.join(', ')} answers`, () => {
      const [first, ...others] = cluster.book.owners(ADDRESS);
      return others.length === 0 && first !== undefined && among.includes(first) ? first : undefined;
    });
  const others = (...names: readonly string[]) => WORKERS.filter((name) => !names.includes(name));
  const label = (name: string, labels: Readonly<Record<string, string | null>>) =>
    cluster.client.patch(NODES, { name }, { metadata: { labels } }, { type: 'merge' });
  const taint = (name: string, key: string) =>
    cluster.client.patch(
      NODES,
      { name },
      { spec: { taints: [{ key, effect: 'NoExecute' }] } },
      { type: 'merge' },
    );
  const condition = (name: string, status: 'True' | 'False' | 'Unknown') => {
    const conditions = [{ type: 'Ready', status, lastHeartbeatTime: new Date().toISOString() }];
    const patch: Partial<Node> = { status: { conditions } };
    return cluster.client.patch(NODES, { name }, patch, { type: 'merge', subresource: 'status' });
  };
  const select = (text: string | null) =>
    cluster.client.patch(
      SERVICES,
      { namespace: 'default', name: 'echo' },
      { metadata: { annotations: { [SELECTOR]: text } } },
      { type: 'merge' },
    );
  const eventOf = (reason: string) =>
    eventually(`an Event ${reason}`, async () => {
      const { items } = await cluster.client.list(EVENTS, { namespace: 'default' });
      return items.find((each) => each.reason === reason)?.message;
    });
  const acquisitions = async () => {
    const lease = await cluster.client.get(LEASES, { namespace: 'default', name: 'kubevip-echo' });
    return lease.spec?.leaseTransitions;
  };

  it.each([
    ['its label', (name: string) => label(name, { [EXCLUDE]: '' })],
    [
      'the taint of a machine out of service',
      (name: string) => taint(name, 'node.kubernetes.io/out-of-service'),
    ],
  ])(
    'a node excluded by %s hands over, and gets nothing back when it is welcome again',
    async (_what, exclude) => {
      await startAll();
      await expose(cluster.client, serviceObject('echo', ADDRESS), PODS);
      const first = await owner(...WORKERS);
      await exclude(first);
      const second = await owner(...others(first));
      // The others are excluded one after the other; the last one keeps it, and is not asked to leave again and again.
      await exclude(second);
      const last = await owner(...others(first, second));
      const before = cluster.book.tenures.length;
      await exclude(last);
      await label(first, { touched: 'true' });
      await eventually('the agents have seen it', () => cluster.book.owners(ADDRESS).length === 1);
      expect(cluster.book.owners(ADDRESS)).toEqual([last]);
      expect(cluster.book.tenures).toHaveLength(before);
      expect(cluster.book.overlaps()).toEqual([]);
    },
  );

  it('a node that is excluded from the start serves when there is no other agent', async () => {
    for (const name of others('worker2')) await label(name, { [EXCLUDE]: '' });
    // worker2 is welcome, but no agent runs there.
    await cluster.startAgent('worker1');
    await cluster.startAgent('worker3');
    await expose(cluster.client, serviceObject('echo', ADDRESS), PODS);
    await owner('worker1', 'worker3');
  });

  it('a node that is not Ready keeps what its living agent has, and gets nothing new', async () => {
    await startAll();
    await expose(cluster.client, serviceObject('echo', ADDRESS), PODS);
    const first = await owner(...WORKERS);
    const transitions = await acquisitions();
    await condition(first, 'Unknown');
    const second = others(first)[0] ?? '';
    await condition(second, 'False');
    const third = others(first, second)[0] ?? '';
    for (let index = 1; index <= 6; index++) {
      await expose(cluster.client, serviceObject(`more-${index}`, `172.18.0.${230 + index}`), {
        [`10.244.9.${index}`]: 'worker1',
      });
      await eventually(`${third} answers for address ${index}`, () =>
        cluster.book.owners(`172.18.0.${230 + index}`).includes(third),
      );
    }
    expect(cluster.book.owners(ADDRESS)).toEqual([first]);
    expect(await acquisitions()).toBe(transitions);
  });

  it('follows the node selector of a Service and the labels of nodes', async () => {
    await startAll();
    await label('worker2', { site: 'south' });
    const service = serviceObject('echo', ADDRESS);
    const annotations = { ...service.metadata?.annotations, [SELECTOR]: 'site in (south)' };
    await expose(cluster.client, { ...service, metadata: { ...service.metadata, annotations } }, PODS);
    await owner('worker2');
    await label('worker2', { site: 'north' });
    await eventually('nobody answers', () => cluster.book.owners(ADDRESS).length === 0);
    expect(await eventOf('NoEligibleNode')).toContain('site in (south)');
    await label('worker3', { site: 'south' });
    await owner('worker3');
    await select('site=north');
    await owner('worker2');
    await select('site in north');
    await eventually('nobody answers', () => cluster.book.owners(ADDRESS).length === 0);
    expect(await eventOf('NodeSelectorInvalid')).toContain('site in north');
    await select(null);
    await owner(...WORKERS);
    expect(cluster.book.overlaps()).toEqual([]);
  });

  it('one Lease for all: hands all over, and tells of a Service whose selector leaves the owner out', async () => {
    await startAll({ svc_election: 'false' });
    await expose(cluster.client, serviceObject('echo', ADDRESS), PODS);
    await expose(cluster.client, serviceObject('anchor', '172.18.0.221'), { '10.244.3.9': 'worker3' });
    const first = await owner(...WORKERS);
    await label(first, { [EXCLUDE]: '' });
    const second = await owner(...others(first));
    await label(second, { site: 'north' });
    await select('site!=north');
    // The Lease stays where it is, for the other Service.
    expect(await eventOf('NoLocalEndpoints')).toContain(SELECTOR);
    expect(cluster.book.owners(ADDRESS)).toEqual([]);
    expect(cluster.book.owners('172.18.0.221')).toEqual([second]);
  });
});
