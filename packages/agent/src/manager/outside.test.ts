// SPDX-License-Identifier: Apache-2.0
import { ENDPOINT_SLICES, EVENTS, NODES, SERVICES } from '@fairlead/shared/kubernetes/resources.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NameResult } from '../dns/name-book.ts';
import { eventually, expose, serviceObject, sliceObject, TestCluster } from '../testing/agents.ts';

const PODS = { '10.244.1.2': 'worker1', '10.244.2.2': 'worker2' };
const VIP = '172.18.0.200';
/** Names are asked for every three seconds at most. */
const PATIENCE_MS = 20_000;

describe('what two agents show', () => {
  let cluster: TestCluster;
  beforeEach(async () => {
    cluster = await TestCluster.start(['worker1', 'worker2']);
  });
  afterEach(() => cluster.close());

  const owner = (address = VIP) =>
    eventually(`one node answers for ${address}`, () => {
      const owners = cluster.book.owners(address);
      return owners.length === 1 ? owners[0] : undefined;
    });
  const events = async (service = 'echo') => {
    const { items } = await cluster.client.list(EVENTS, { namespace: 'default' });
    return items
      .filter(
        ({ involvedObject, reason }) => involvedObject?.name === service && reason?.startsWith('Address'),
      )
      .map(({ reason, message, count }) => ({ reason, message: message ?? '', count }));
  };

  it('is one Event for each move, from the new owner, with the reason', async () => {
    const first = await cluster.startAgent('worker1');
    await expose(cluster.client, serviceObject('echo', VIP), PODS);
    expect(await owner()).toBe('worker1');
    await eventually('the first Event', async () => (await events()).length === 1);
    const second = await cluster.startAgent('worker2');
    await first.stop();
    await eventually('the handover', () => cluster.book.owners(VIP).includes('worker2'));
    await eventually('the second Event', async () => (await events()).length === 2);
    await cluster.startAgent('worker1');
    await second.crash();
    await eventually('the failover', () => cluster.book.owners(VIP).includes('worker1'));
    const told = await eventually('the third Event', async () => {
      const all = await events();
      return all.length === 3 ? all : undefined;
    });
    expect(told.every(({ reason, count }) => reason === 'AddressHeld' && count === 1)).toBe(true);
    expect(told.filter(({ message }) => message.includes('(before: worker1'))).toMatchObject([
      { message: expect.stringContaining('node worker2 answers for 172.18.0.200') },
    ]);
    expect(
      told.filter(({ message }) => message.includes('(before: worker2; worker2 was lost')),
    ).toMatchObject([{ message: expect.stringContaining('node worker1 answers for 172.18.0.200') }]);
  });

  it('is one Event when an address left and nobody takes it', async () => {
    await cluster.startAgent('worker1');
    await expose(cluster.client, serviceObject('echo', VIP), PODS);
    await owner();
    const slice = await cluster.client.get(ENDPOINT_SLICES, { namespace: 'default', name: 'echo-1' });
    const nobody = sliceObject('echo', {}).endpoints ?? [];
    await cluster.client.replace(ENDPOINT_SLICES, { ...slice, endpoints: nobody });
    await eventually('nobody answers', () => cluster.book.owners(VIP).length === 0);
    await eventually('the Event', async () =>
      (await events()).some(
        ({ reason, message }) =>
          reason === 'AddressDropped' && message === `nobody answers for ${VIP} any more (before: worker1)`,
      ),
    );
  });

  it('is a report that is well while it should be', async () => {
    const { agent } = await cluster.startAgent('worker1');
    await expose(cluster.client, serviceObject('echo', VIP), PODS);
    await owner();
    const report = await eventually('a report', () => {
      const now = agent.status();
      return now.failovers.length > 0 && now.well ? now : undefined;
    });
    expect(report).toMatchObject({
      node: 'worker1',
      dataPlane: 'nftables',
      engine: { name: 'lease', ok: true },
      coordinator: null,
      addresses: [{ address: VIP, owner: 'worker1', services: ['default/echo'], here: { answering: true } }],
      failovers: [{ part: 'owner', reason: 'placed', from: null, to: ['worker1'], count: 1 }],
    });
    await cluster.client.remove(ENDPOINT_SLICES, { namespace: 'default', name: 'echo-1' });
    await eventually('nothing is wrong with an address that nobody can have', () => {
      const now = agent.status();
      return now.addresses[0]?.owner === null && now.well;
    });
  });

  it('is a label on the Node that answers, where that is asked for', async () => {
    const env = { enable_node_labeling: 'true' };
    const first = await cluster.startAgent('worker1', env);
    await expose(cluster.client, serviceObject('echo', VIP), PODS);
    const labels = async (name: string) =>
      Object.entries((await cluster.client.get(NODES, { name })).metadata?.labels ?? {}).filter(([key]) =>
        key.startsWith('service-provided'),
      );
    const expected = [['service-provided.kube-vip.io/echo.default', VIP]];
    await eventually(
      'a label',
      async () => JSON.stringify(await labels('worker1')) === JSON.stringify(expected),
    );
    await cluster.startAgent('worker2', env);
    await first.stop();
    expect(await labels('worker1')).toEqual([]);
    await eventually('the label elsewhere', async () => (await labels('worker2')).length === 1);
  });

  it('follows a name, keeps its address when the resolver fails, and comes to the same on both nodes', async () => {
    let answer: NameResult['ipv4'] = {
      kind: 'addresses',
      addresses: ['172.18.0.211', '172.18.0.210'],
      ttlMs: 0,
    };
    const asked: string[] = [];
    const resolve = (name: string): Promise<NameResult> => {
      asked.push(name);
      return Promise.resolve({ ipv4: answer, ipv6: { kind: 'addresses', addresses: [], ttlMs: 0 } });
    };
    for (const node of ['worker1', 'worker2']) await cluster.startAgent(node, {}, { resolve });
    await expose(cluster.client, serviceObject('echo', 'LB.example.org,10.0.0.300'), PODS);
    const inStatus = async () => {
      const { status } = await cluster.client.get(SERVICES, { namespace: 'default', name: 'echo' });
      return status?.loadBalancer?.ingress?.map(({ ip }) => ip).join();
    };
    await owner('172.18.0.210');
    await eventually('the status', async () => (await inStatus()) === '172.18.0.210');
    const problems = async () =>
      (await cluster.client.list(EVENTS, { namespace: 'default' })).items.flatMap(({ type, message }) =>
        type === 'Warning' ? [message ?? ''] : [],
      );
    await eventually('the bad entry is told', async () =>
      (await problems()).some((message) => message.includes('"10.0.0.300"; expected')),
    );
    answer = { kind: 'failed', code: 'ETIMEOUT' };
    await eventually(
      'the failure is told',
      async () =>
        (await problems()).some((message) => message.includes('ETIMEOUT; 172.18.0.210 stays in use')),
      PATIENCE_MS,
    );
    expect(await owner('172.18.0.210')).toBeDefined();
    // The lower one comes first, but the status has another one.
    answer = { kind: 'addresses', addresses: ['172.18.0.209', '172.18.0.210'], ttlMs: 0 };
    const before = asked.length;
    await eventually('more answers', () => asked.length >= before + 3, PATIENCE_MS);
    expect(cluster.book.owners('172.18.0.209')).toEqual([]);
    answer = { kind: 'addresses', addresses: ['172.18.0.212'], ttlMs: 0 };
    await eventually('the new address', () => cluster.book.owners('172.18.0.212').length === 1, PATIENCE_MS);
    await eventually('the status', async () => (await inStatus()) === '172.18.0.212');
    await eventually('the old one is off', () => cluster.book.owners('172.18.0.210').length === 0);
    expect(cluster.book.overlaps()).toEqual([]);
  }, 60_000);
});
