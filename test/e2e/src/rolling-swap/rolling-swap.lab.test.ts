// SPDX-License-Identifier: Apache-2.0
import type { Pod } from '@fairlead/shared/kubernetes/objects.ts';
import { PODS } from '@fairlead/shared/kubernetes/resources.ts';
import { monotonicMs } from '@fairlead/test-lab/journal.ts';
import { hostByMac } from '@fairlead/test-lab/network/plan.ts';
import type { NeighborObserver, TcpProber } from '@fairlead/test-lab/observer/observers.ts';
import { attemptsWithin } from '@fairlead/test-lab/observer/tcp-judge.ts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Cluster } from '../fixture.ts';
import { MANIFESTS } from '../install.ts';
import { isReady } from '../stage.ts';
import { LeaseRecord } from './lease-record.ts';
import { standInForKubeProxy } from './stand-in-proxy.ts';
import { type AgentSpan, type HolderHistory, usurpedClaims } from './usurped.ts';

/** The peer's program: it is no part of this project. */
const KUBE_VIP = process.env.FAIRLEAD_KUBE_VIP;
if (KUBE_VIP === undefined) {
  console.warn('SKIPPED: a rolling swap with a real kube-vip (set FAIRLEAD_KUBE_VIP to its program)');
}

const IMAGES = { theirs: 'ghcr.io/kube-vip/kube-vip:v1.2.3', ours: 'fairlead/agent' } as const;
type Whose = keyof typeof IMAGES;

const WORKERS = ['worker1', 'worker2', 'worker3'] as const;
const SERVICES = ['one', 'two', 'three', 'four', 'five'] as const;
const GLOBAL_LEASE = 'kube-system/plndr-svcs-lock';
const DAEMON_SET = 'daemonset/kube-vip-ds';
const SWAP_LIMIT_MS = 60_000;

/*
 * Users swap the image of kube-vip's DaemonSet, one node after the other, and go back the same way: same environment, same
 * role, same Leases. All the time a client asks for the addresses and opens connections to them.
 *
 * Judged on the client's wire. Two hosts heard for one address is no verdict by itself: kube-vip answers on after it has
 * given a Lease back. So every frame of a node that runs our agent is held against the Lease: while that is another node's,
 * ours is silent (`usurped.ts`).
 */
describe.skipIf(KUBE_VIP === undefined).each([
  { election: 'a Lease per Service', svcElection: 'true' },
  { election: 'one Lease for all', svcElection: 'false' },
])('a rolling swap of agents under load, $election', ({ svcElection }) => {
  const isGlobal = svcElection === 'false';
  let cluster: Cluster;
  let observer: NeighborObserver;
  let leases: LeaseRecord;
  let addresses: readonly string[];
  const probers = new Map<string, TcpProber>();
  /** When nodes ran our agent, and since when they do. */
  const ours: AgentSpan[] = [];
  const began = new Map<string, number>();

  beforeAll(async () => {
    cluster = await Cluster.start({
      workers: WORKERS.length,
      images: { 'ghcr.io/kube-vip/kube-vip': { entrypoint: [KUBE_VIP ?? ''] } },
      agentManifest: MANIFESTS.caseStudyAgent,
      groupKey: false,
    });
    await cluster.stage.kubectl([
      'set',
      'env',
      '-n',
      'kube-system',
      DAEMON_SET,
      `svc_election=${svcElection}`,
    ]);
    await cluster.agentsReady();
    await patchDaemonSet({ updateStrategy: { type: 'OnDelete', rollingUpdate: null } });
    await cluster.setPools({ 'range-global': '172.18.0.200-172.18.0.220' });
    for (const name of SERVICES) await cluster.expose(name);
    addresses = await Promise.all(SERVICES.map((name) => cluster.addressOf(name)));
    const pods = await cluster.stage.readyPods();
    await standInForKubeProxy(
      cluster.lab,
      addresses,
      pods.flatMap(({ status }) => status?.podIP ?? []),
    );
    leases = new LeaseRecord(cluster.client);
    observer = await cluster.lab.observeNeighbors({ addresses });
    await settled();
    for (const address of addresses) {
      probers.set(address, await cluster.lab.probeTcp({ target: `${address}:80`, intervalMs: 50 }));
    }
  });

  afterAll(async () => {
    await leases?.stop();
    await cluster?.stop();
  });

  afterEach(() => {
    const now = monotonicMs();
    const spans = [...ours, ...[...began].map(([host, fromMs]) => ({ host, fromMs, toMs: now }))];
    const holders = new Map<string, HolderHistory>(
      addresses.map((address) => [address, leases.history(leaseOf(address))]),
    );
    const claims = observer.events.flatMap((event) => {
      if (!('mac' in event)) return [];
      const host = hostByMac(cluster.lab.plan, event.mac)?.name ?? event.mac;
      return [{ atMs: event.atMs, address: event.address, host }];
    });
    expect(usurpedClaims(claims, holders, spans).slice(0, 5)).toEqual([]);
  });

  it('to ours: an address moves only when its own node is swapped, once', async () => {
    await swapAll('ours');
  });

  it('and back, with nothing of ours left', async () => {
    await swapAll('theirs');
    for (const node of WORKERS) {
      const { stdout } = await cluster.lab.exec(node, ['nft', 'list', 'tables']);
      expect(stdout).not.toContain('fairlead');
      expect(await cluster.addressesOnLo(node)).toEqual([]);
    }
  });

  async function swapAll(whose: Whose): Promise<void> {
    await patchDaemonSet({
      template: { spec: { containers: [{ name: 'kube-vip', image: IMAGES[whose] }] } },
    });
    const startMs = monotonicMs();
    const before = owners();
    // With one Lease for all the advice to users is to swap its holder last. Otherwise any order will do.
    const isOwner = (node: string) => Number([...before.values()].includes(node));
    const order = isGlobal ? WORKERS.toSorted((a, b) => isOwner(a) - isOwner(b)) : WORKERS;
    for (const node of order) await swapAndJudge(node, whose);
    if (!isGlobal) return;
    for (const [address, owner] of before) {
      const moves = movesOf(address, owner, startMs, monotonicMs());
      expect(moves.length, `${address}: ${moves.join(', ')}`).toBeLessThanOrEqual(1);
    }
  }

  async function swapAndJudge(node: string, whose: Whose): Promise<void> {
    const startMs = monotonicMs();
    const before = owners();
    await swap(node, whose);
    await settled();
    const endMs = monotonicMs();
    for (const [address, was] of before) {
      const what = `${address}, on ${was} when ${node} was swapped to ${whose}`;
      const moves = movesOf(address, was, startMs, endMs);
      expect(moves.length, `moves of ${what}: ${moves.join(', ')}`).toBeLessThanOrEqual(was === node ? 1 : 0);
      if (was === node) continue;
      const { failed } = attemptsWithin(probers.get(address)?.samples ?? [], {
        fromMs: startMs,
        toMs: endMs,
      });
      expect(failed, `connections to ${what}`).toEqual([]);
    }
  }

  async function swap(node: string, whose: Whose): Promise<void> {
    const [old] = await podsOn(node);
    const fromMs = began.get(node);
    if (old === undefined) throw new Error(`${node} runs no agent: ${cluster.lab.logTails()}`);
    await cluster.client.remove(PODS, { namespace: 'kube-system', name: old.metadata?.name ?? '' });
    await cluster.lab.waitFor(
      async () => {
        const pods = await podsOn(node);
        if (fromMs !== undefined && began.has(node) && cluster.agentPids(node).length === 0) {
          ours.push({ host: node, fromMs, toMs: monotonicMs() });
          began.delete(node);
        }
        return (
          pods.length === 1 &&
          pods.every((pod) => isNew(pod, old) && isReady(pod)) &&
          (await isUp(node, whose))
        );
      },
      { what: `${node} to run ${IMAGES[whose]}`, timeoutMs: SWAP_LIMIT_MS },
    );
    expect(cluster.agentPids(node).length > 0, `${node} runs our agent`).toBe(whose === 'ours');
    if (whose === 'ours') began.set(node, monotonicMs());
  }

  async function isUp(node: string, whose: Whose): Promise<boolean> {
    const url = `http://127.0.0.1:2112/${whose === 'ours' ? 'readyz' : 'metrics'}`;
    return (await cluster.lab.exec(node, ['curl', '-sf', '-o', '/dev/null', '-m', '1', url])).code === 0;
  }

  /** Every address is answered for by the holder of its Lease, from now on, and serves. */
  async function settled(): Promise<void> {
    const sinceMs = monotonicMs();
    for (const address of addresses) {
      await cluster.lab.waitFor(
        () => {
          const answer = observer.events.findLast(
            (each) => each.kind === 'answer' && each.address === address,
          );
          const isFresh = answer !== undefined && answer.atMs >= sinceMs;
          return isFresh && ownerOf(address) === leases.holder(leaseOf(address));
        },
        { what: `the holder of ${leaseOf(address)} to answer for ${address}`, timeoutMs: SWAP_LIMIT_MS },
      );
      await cluster.answers(address);
    }
  }

  function ownerOf(address: string): string | undefined {
    return cluster.ownerOf(observer, address);
  }

  function leaseOf(address: string): string {
    return isGlobal ? GLOBAL_LEASE : `default/kubevip-${SERVICES[addresses.indexOf(address)]}`;
  }

  function owners(): ReadonlyMap<string, string | undefined> {
    return new Map(addresses.map((address) => [address, ownerOf(address)]));
  }

  /** `worker1 -> worker2` for each time that another node than before was heard. */
  function movesOf(
    address: string,
    owner: string | undefined,
    sinceMs: number,
    untilMs: number,
  ): readonly string[] {
    const { changes } = observer.judge({ address, sinceMs, untilMs });
    const heard = [owner, ...changes.map(({ to }) => nameOf(to))];
    return heard.flatMap((to, index) => {
      const from = heard[index - 1];
      return index === 0 || from === to ? [] : [`${from} -> ${to}`];
    });
  }

  function nameOf(mac: string): string {
    return hostByMac(cluster.lab.plan, mac)?.name ?? mac;
  }

  async function podsOn(node: string): Promise<readonly Pod[]> {
    const labelSelector = 'app.kubernetes.io/name=kube-vip-ds';
    const { items } = await cluster.client.list(PODS, { namespace: 'kube-system', labelSelector });
    return items.filter(({ spec }) => spec?.nodeName === node);
  }

  async function patchDaemonSet(spec: object): Promise<void> {
    const args = ['patch', '-n', 'kube-system', DAEMON_SET, '-p', JSON.stringify({ spec })];
    await cluster.stage.kubectl(args);
  }
});

function isNew(pod: Pod, old: Pod): boolean {
  return pod.metadata?.uid !== old.metadata?.uid && pod.metadata?.deletionTimestamp === undefined;
}
