// SPDX-License-Identifier: Apache-2.0
import { LEASES } from '@fairlead/shared/kubernetes/resources.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cluster } from './fixture.ts';

const NAMES = ['one', 'two', 'three', 'four'];

/** `svc_election=false`: kube-vip's one Lease for everything. */
describe('global election', () => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await Cluster.start({
      workers: 3,
      agentEnv: { fairlead_engine: 'lease', svc_election: 'false' },
    });
    await cluster.setPools({ 'range-global': '172.18.0.200-172.18.0.220' });
  });

  afterAll(async () => {
    await cluster.stop();
  });

  it('keeps all addresses on the holder of the one Lease, and moves all when it is lost', async () => {
    for (const name of NAMES) await cluster.expose(name);
    const addresses = await Promise.all(NAMES.map((name) => cluster.addressOf(name)));
    const observer = await cluster.lab.observeNeighbors({ addresses });
    const owner = await cluster.commonOwner(observer, addresses);
    expect(await holder()).toBe(owner);
    await cluster.lab.partition(owner);
    const next = await cluster.commonOwner(observer, addresses, owner);
    expect(await holder()).toBe(next);
    for (const address of addresses) await cluster.answers(address);
    await cluster.lab.heal(owner);
    // The lost node has heard of its loss when its agent is ready again.
    await cluster.agentsReady();
    expect((await cluster.client.list(LEASES, { namespace: 'default' })).items).toEqual([]);
    await cluster.nextOwner(observer, addresses[0] ?? '');
    await observer.stop();
    for (const address of addresses) {
      const { longestTwoOwnersMs, changes } = observer.judge({ address });
      expect(longestTwoOwnersMs).toBe(0);
      expect(changes).toHaveLength(2);
    }
  });

  async function holder(): Promise<string | undefined> {
    const lease = await cluster.client.get(LEASES, { namespace: 'kube-system', name: 'plndr-svcs-lock' });
    return lease.spec?.holderIdentity;
  }
});
