// SPDX-License-Identifier: Apache-2.0
import type { Pod } from '@fairlead/shared/kubernetes/objects.ts';
import { LEASES } from '@fairlead/shared/kubernetes/resources.ts';
import { nodesOf } from '@fairlead/test-lab/network/plan.ts';
import type { NeighborObserver } from '@fairlead/test-lab/observer/observers.ts';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Cluster } from './fixture.ts';

const SHARED = '172.18.0.220';
const CROWD = 50;

/** Services of every kind on one cluster: both families, shared addresses, policy Local, many at once. */
describe('Services', () => {
  let cluster: Cluster;
  let observer: NeighborObserver;
  let watched: string[];

  beforeAll(async () => {
    cluster = await Cluster.start({ workers: 3, agentEnv: { fairlead_engine: 'lease' } });
    await cluster.setPools({
      'range-global': '172.18.0.130-172.18.0.199,fd00:18::c8-fd00:18::ff',
      'allow-share-default': 'true',
    });
  });

  beforeEach(async () => {
    observer = await cluster.lab.observeNeighbors();
    watched = [];
  });

  afterEach(async () => {
    await observer.stop();
    for (const address of watched) {
      expect(observer.judge({ address }).longestTwoOwnersMs, `two owners of ${address}`).toBe(0);
    }
  });

  afterAll(async () => {
    await cluster.stop();
  });

  const watch = (...addresses: readonly string[]): void => {
    watched.push(...addresses);
    for (const address of addresses) observer.watch(address);
  };

  it('answer on IPv6 alone', async () => {
    await cluster.expose('six', { ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv6'] });
    const [address = ''] = await cluster.addressesOf('six', 1);
    expect(address).toMatch(/^fd00:18::/);
    watch(address);
    await cluster.answers(address);
    expect(await cluster.commonOwner(observer, [address])).toMatch(/^worker/);
    await cluster.remove('six');
  });

  it('answer on both families from one node, and move together', async () => {
    await cluster.expose('both', { ipFamilyPolicy: 'PreferDualStack', ipFamilies: ['IPv4', 'IPv6'] });
    const addresses = await cluster.addressesOf('both', 2);
    expect(addresses.map((address) => address.includes(':'))).toEqual([false, true]);
    watch(...addresses);
    for (const address of addresses) await cluster.answers(address);
    const owner = await cluster.commonOwner(observer, addresses);
    await cluster.lab.partition(owner);
    try {
      await cluster.commonOwner(observer, addresses, owner);
      for (const address of addresses) await cluster.answers(address);
    } finally {
      await cluster.lab.heal(owner);
    }
    const moves = addresses.flatMap((address) => observer.judge({ address }).changes.at(-1)?.atMs ?? []);
    expect(Math.max(...moves) - Math.min(...moves)).toBeLessThan(500);
    await cluster.agentsReady();
    await cluster.remove('both');
  });

  it('that share an address have one owner, and the younger keeps it when the older goes', async () => {
    const share = { 'kube-vip.io/loadbalancerIPs': SHARED };
    await cluster.expose('older', { ports: [{ name: 'http', port: 80, targetPort: 80 }] }, share);
    await cluster.addressesOf('older', 1);
    await cluster.expose('younger', { ports: [{ name: 'http', port: 8080, targetPort: 80 }] }, share);
    await cluster.addressesOf('younger', 1);
    watch(SHARED);
    await cluster.answers(SHARED, 80);
    await cluster.answers(SHARED, 8080);
    const owner = await cluster.commonOwner(observer, [SHARED]);
    await cluster.remove('older');
    await cluster.lab.waitFor(async () => (await holders()).get('kubevip-younger') === owner, {
      what: `${owner} to hold the Lease of the younger Service`,
      timeoutMs: 20_000,
    });
    await cluster.lab.waitFor(async () => (await holders()).get('kubevip-older') === undefined, {
      what: 'the Lease of the older Service to be given back',
      timeoutMs: 20_000,
    });
    await cluster.nextOwner(observer, SHARED);
    await cluster.answers(SHARED, 8080);
    const { changes, zeroOwners } = observer.judge({ address: SHARED });
    expect(changes.map(({ from }) => from)).toEqual([undefined]);
    expect(zeroOwners).toEqual([]);
    await cluster.remove('younger');
  });

  it('with policy Local are owned by a node that has a ready endpoint, and follow it', async () => {
    const pods = await cluster.stage.waitForPods(3);
    const [first, second] = [...new Set(pods.map(nodeOf))];
    if (first === undefined || second === undefined) throw new Error('all pods are on one node');
    const only = async (node: string): Promise<void> => {
      for (const pod of pods.filter((each) => nodeOf(each) === node))
        await cluster.lab.restoreReadiness(ref(pod));
      for (const pod of pods.filter((each) => nodeOf(each) !== node))
        await cluster.lab.failReadiness(ref(pod));
    };
    await only(first);
    await cluster.stage.waitForPods(pods.filter((pod) => nodeOf(pod) === first).length);
    await cluster.expose('local', { externalTrafficPolicy: 'Local' });
    const address = await cluster.addressOf('local');
    watch(address);
    expect(await cluster.nextOwner(observer, address)).toBe(first);
    await cluster.answers(address);
    await only(second);
    expect(await cluster.commonOwner(observer, [address], first)).toBe(second);
    await cluster.answers(address);
    for (const pod of pods) await cluster.lab.restoreReadiness(ref(pod));
    await cluster.stage.waitForPods(3);
    await cluster.remove('local');
  });

  it(`come ${CROWD} at once: each gets an address of its own, answers, and leaves nothing`, async () => {
    const names = Array.from({ length: CROWD }, (_, index) => `crowd-${index}`);
    await Promise.all(names.map((name) => cluster.expose(name)));
    const addresses = await Promise.all(names.map((name) => cluster.addressOf(name, 60_000)));
    expect(new Set(addresses).size).toBe(CROWD);
    watch(...addresses);
    for (const address of addresses) await cluster.answers(address);
    await cluster.lab.waitFor(() => addresses.every((address) => observer.ownerOf(address) !== undefined), {
      what: 'an owner of each address',
      timeoutMs: 20_000,
    });
    await Promise.all(names.map((name) => cluster.remove(name)));
    for (const { name: node } of nodesOf(cluster.lab.plan)) {
      await cluster.lab.waitFor(async () => (await cluster.addressesOnLo(node)).length === 0, {
        what: `no address of ours on ${node}`,
        timeoutMs: 20_000,
      });
      await cluster.lab.waitFor(
        async () => !mentions((await cluster.lab.exec(node, ['nft', 'list', 'ruleset'])).stdout, addresses),
        { what: `no rule about these addresses on ${node}`, timeoutMs: 20_000 },
      );
    }
    await expect.poll(async () => [...(await holders())], { timeout: 20_000 }).toEqual([]);
  });

  /** Lease -> holder, only those that are held. */
  async function holders(): Promise<ReadonlyMap<string, string>> {
    const { items } = await cluster.client.list(LEASES, { namespace: 'default' });
    return new Map(
      items.flatMap(({ metadata, spec }): [string, string][] =>
        spec?.holderIdentity ? [[metadata?.name ?? '', spec.holderIdentity]] : [],
      ),
    );
  }
});

function nodeOf(pod: Pod): string {
  return pod.spec?.nodeName ?? '';
}

function ref(pod: Pod): { readonly namespace: string; readonly name: string } {
  return { namespace: 'default', name: pod.metadata?.name ?? '' };
}

function mentions(ruleset: string, addresses: readonly string[]): boolean {
  return addresses.some((address) => ruleset.includes(`${address} `) || ruleset.includes(`${address},`));
}
