// SPDX-License-Identifier: Apache-2.0
import { LEASES } from '@fairlead/shared/kubernetes/resources.ts';
import { monotonicMs } from '@fairlead/test-lab/journal.ts';
import { hostOf } from '@fairlead/test-lab/network/plan.ts';
import type { NeighborObserver } from '@fairlead/test-lab/observer/observers.ts';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Cluster } from './fixture.ts';

/** Addresses live that long on `lo` unless a living agent renews them. */
const LIFETIME_MS = 8_000;

/** Whatever happens to an agent, its address is answered for by one living agent or by nobody. */
describe('the owner of an address', () => {
  let cluster: Cluster;
  let observer: NeighborObserver;
  let address: string;
  let owner: string;

  beforeAll(async () => {
    cluster = await Cluster.start({ workers: 3, agentEnv: { fairlead_engine: 'lease' } });
    await cluster.setPools({ 'range-global': '172.18.0.200-172.18.0.220' });
    await cluster.expose('web');
    address = await cluster.addressOf('web');
    await cluster.answers(address);
  });

  beforeEach(async () => {
    observer = await cluster.lab.observeNeighbors({ addresses: [address] });
    owner = await cluster.nextOwner(observer, address);
  });

  afterEach(async () => {
    await observer.stop();
    expect(observer.judge({ address }).longestTwoOwnersMs).toBe(0);
    await cluster.agentsReady();
    await cluster.answers(address);
  });

  afterAll(async () => {
    await cluster.stop();
  });

  const signalAgent = (signal: NodeJS.Signals): void => {
    for (const pid of cluster.agentPids(owner)) process.kill(pid, signal);
  };

  const movesAway = async (): Promise<string> =>
    await cluster.lab.waitFor(
      () => {
        const now = cluster.ownerOf(observer, address);
        return now === owner ? undefined : now;
      },
      { what: `another node than ${owner} to answer for ${address}`, timeoutMs: 20_000 },
    );

  it('is silent at once when frozen, and stays silent when it wakes up late', async () => {
    const frozen = cluster.agentPids(owner);
    signalAgent('SIGSTOP');
    try {
      const next = await movesAway();
      expect(next).not.toBe(owner);
    } finally {
      for (const pid of frozen) process.kill(pid, 'SIGCONT');
    }
    await cluster.agentsReady();
  });

  it('is silent at once when killed; its successor sweeps and does not answer without a grant', async () => {
    signalAgent('SIGKILL');
    await cluster.answers(address);
    await cluster.agentsReady();
  });

  it('evaporates when killed and never restarted, silent from the first moment', async () => {
    const kubelet = cluster.kubeletPids(owner);
    expect(kubelet).not.toEqual([]);
    for (const pid of kubelet) process.kill(pid, 'SIGSTOP');
    try {
      const { mac } = hostOf(cluster.lab.plan, owner);
      signalAgent('SIGKILL');
      const killedMs = monotonicMs();
      expect((await cluster.addressesOnLo(owner)).join()).toContain(address);
      await movesAway();
      await cluster.answers(address);
      await cluster.lab.waitFor(async () => (await cluster.addressesOnLo(owner)).length === 0, {
        what: `${address} to evaporate from ${owner}`,
        timeoutMs: LIFETIME_MS + 3_000,
      });
      const claims = observer.events.filter((event) => 'mac' in event && event.mac === mac);
      // A frame sent just before the signal took effect may still be on its way to the observer.
      expect(claims.filter(({ atMs }) => atMs > killedMs + 50)).toEqual([]);
    } finally {
      for (const pid of kubelet) process.kill(pid, 'SIGCONT');
    }
    await cluster.agentsReady();
  });

  it('hands over cleanly at SIGTERM: nothing is left on its node', async () => {
    await cluster.lab.kubectl([
      ...['patch', 'daemonset', 'kube-vip-ds', '-n', 'kube-system', '--type=merge', '-p'],
      JSON.stringify({
        spec: { template: { spec: { affinity: { nodeAffinity: notOn(owner) } } } },
      }),
    ]);
    await movesAway();
    await cluster.lab.waitFor(() => cluster.agentPids(owner).length === 0, {
      what: `the agent on ${owner} to end`,
      timeoutMs: 20_000,
    });
    expect(await cluster.leftovers(owner)).toEqual([]);
    const { items } = await cluster.client.list(LEASES, { namespace: 'default' });
    expect(items.map((lease) => lease.spec?.holderIdentity)).not.toContain(owner);
  });

  it('lets go when the Service changes its type, and takes up what it gets afterwards', async () => {
    const service = ['service', 'web'];
    await cluster.lab.kubectl(['patch', ...service, '-p', '{"spec":{"type":"ClusterIP"}}']);
    await falls(cluster, observer, address);
    await cluster.lab.kubectl(['patch', ...service, '-p', '{"spec":{"type":"LoadBalancer"}}']);
    // The old address rests before it is given out again.
    address = await cluster.addressOf('web');
    observer.watch(address);
    await cluster.answers(address);
  });
});

function notOn(node: string): object {
  const expression = { key: 'kubernetes.io/hostname', operator: 'NotIn', values: [node] };
  return {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [{ matchExpressions: [expression] }],
    },
  };
}

/** Waits until probes of the address have gone unanswered for a second. */
async function falls(cluster: Cluster, observer: NeighborObserver, address: string): Promise<void> {
  await cluster.lab.waitFor(
    () => {
      const last = observer.events.findLast((event) => event.kind === 'answer' && event.address === address);
      const now = observer.events.at(-1)?.atMs ?? 0;
      return last !== undefined && now - last.atMs > 1_000;
    },
    { what: `silence about ${address}`, timeoutMs: 20_000 },
  );
}
