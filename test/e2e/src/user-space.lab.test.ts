// SPDX-License-Identifier: Apache-2.0
import { ANNOTATION } from '@fairlead/shared/kubernetes/contract.ts';
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import { SERVICES } from '@fairlead/shared/kubernetes/resources.ts';
import { CLIENT } from '@fairlead/test-lab/network/plan.ts';
import type { NeighborObserver } from '@fairlead/test-lab/observer/observers.ts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Cluster } from './fixture.ts';

const REQUESTS = 12;
/** A program of the node that has a port at all of its addresses. */
const SQUATTER = "require('node:net').createServer().listen(8080, '0.0.0.0', () => console.log('listening'))";

/** What the echo application says of one request. */
interface Echo {
  readonly client: string;
  readonly node: string;
}

/** Services whose connections the agents relay in user space, as their users see it. */
describe('Services with the user-space plane', () => {
  let cluster: Cluster;
  let observer: NeighborObserver;

  beforeAll(async () => {
    cluster = await Cluster.start({ workers: 3, agentEnv: { fairlead_balance: 'userspace' } });
    await cluster.setPools({ 'range-global': '172.18.0.130-172.18.0.199,fd00:18::c8-fd00:18::ff' });
    observer = await cluster.lab.observeNeighbors();
  });
  afterEach(() => cluster.remove('web'));
  afterAll(async () => {
    await observer?.stop();
    await cluster?.stop();
  });

  const ask = async (address: string): Promise<Echo | undefined> => {
    const host = address.includes(':') ? `[${address}]` : address;
    const argv = ['curl', '-sf', '-g', '-m', '2', `http://${host}/ip`];
    const { code, stdout } = await cluster.lab.exec(CLIENT, argv);
    return code === 0 ? (JSON.parse(stdout) as Echo) : undefined;
  };
  /** Nodes of the pods that answer so many requests; none may go unanswered. */
  const nodesOf = async (address: string): Promise<ReadonlySet<string>> => {
    await cluster.answers(address);
    const nodes = new Set<string>();
    for (let request = 0; request < REQUESTS; request++) {
      const echo = await ask(address);
      if (echo === undefined) throw new Error(`request ${request + 1} to ${address} was not answered`);
      nodes.add(echo.node);
    }
    return nodes;
  };
  const ownerOf = async (address: string): Promise<string> => {
    observer.watch(address);
    return await cluster.nextOwner(observer, address);
  };

  it('spread over the pods of all nodes, on both families, and kube-proxy is told to leave them alone', async () => {
    await cluster.expose('web', { ipFamilyPolicy: 'PreferDualStack', ipFamilies: ['IPv4', 'IPv6'] });
    for (const address of await cluster.addressesOf('web', 2)) {
      expect((await nodesOf(address)).size).toBeGreaterThan(1);
    }
    const service = await cluster.client.get(SERVICES, { namespace: 'default', name: 'web' });
    const modes = (each: Service) => each.status?.loadBalancer?.ingress?.map(({ ipMode }) => ipMode);
    expect(modes(service)).toEqual(['Proxy', 'Proxy']);
  });

  it('keep a client at one pod with sessionAffinity, and go by its address where they are asked to', async () => {
    for (const [spec, annotations] of [
      [{ sessionAffinity: 'ClientIP' }, {}],
      [{}, { [ANNOTATION.scheduler]: 'consistent-hash' }],
    ] as const) {
      await cluster.expose('web', spec, annotations);
      expect((await nodesOf(await cluster.addressOf('web'))).size).toBe(1);
      await cluster.remove('web');
    }
    await cluster.expose('web', {}, { [ANNOTATION.scheduler]: 'least-connections' });
    expect((await nodesOf(await cluster.addressOf('web'))).size).toBeGreaterThan(1);
  });

  it('are served by another node, with the pods that are left, when the owner is cut off', async () => {
    await cluster.expose('web');
    const address = await cluster.addressOf('web');
    await cluster.answers(address);
    const owner = await ownerOf(address);
    await cluster.lab.partition(owner);
    try {
      expect(await cluster.commonOwner(observer, [address], owner)).not.toBe(owner);
      expect(await nodesOf(address)).not.toContain(owner);
    } finally {
      await cluster.lab.heal(owner);
    }
  });

  it('are served by a node that has the port free', async () => {
    const nodes = cluster.lab.plan.hosts.filter(({ role }) => role !== 'client').map(({ name }) => name);
    const [free, ...taken] = nodes.filter((node) => cluster.agentPids(node).length > 0);
    const squatters = taken.map((node) =>
      cluster.lab.network.spawn(node, [process.execPath, '-e', SQUATTER]),
    );
    try {
      await Promise.all(squatters.map((squatter) => squatter.waitForLine((line) => line === 'listening')));
      await cluster.expose('web', { ports: [{ name: 'http', port: 8080, targetPort: 80, protocol: 'TCP' }] });
      const address = await cluster.addressOf('web');
      await cluster.answers(address, 8080);
      expect(await ownerOf(address)).toBe(free);
    } finally {
      await Promise.all(squatters.map((squatter) => squatter.stop()));
    }
  });
});
