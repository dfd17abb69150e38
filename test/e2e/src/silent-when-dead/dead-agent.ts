// SPDX-License-Identifier: Apache-2.0
import { monotonicMs } from '@fairlead/test-lab/journal.ts';
import type { LabOptions } from '@fairlead/test-lab/lab.ts';
import { hostOf } from '@fairlead/test-lab/network/plan.ts';
import type { NeighborObserver } from '@fairlead/test-lab/observer/observers.ts';
import { runOrThrow } from '@fairlead/test-lab/process/run.ts';
import { Cluster } from '../fixture.ts';
import type { InstallOptions } from '../install.ts';

/** A frame that was handed to the kernel just before a signal took effect may still be on its way to the observer. */
const ON_THE_WAY_MS = 50;

/**
 * A cluster with one Service on both families, and what the tests of dead agents ask about it. Everything is judged on the
 * client's wire.
 */
export class DeadAgentCluster {
  readonly cluster: Cluster;
  readonly addresses: readonly string[];
  #observer: NeighborObserver | undefined;

  private constructor(cluster: Cluster, addresses: readonly string[]) {
    this.cluster = cluster;
    this.addresses = addresses;
  }

  /** Starts three workers with an agent each, and waits until both addresses answer. */
  static async start(options: LabOptions & InstallOptions): Promise<DeadAgentCluster> {
    const cluster = await Cluster.start({ workers: 3, ...options });
    try {
      await cluster.setPools({ 'range-global': '172.18.0.200-172.18.0.220,fd00:18::c8-fd00:18::d0' });
      await cluster.expose('web', { ipFamilyPolicy: 'PreferDualStack', ipFamilies: ['IPv4', 'IPv6'] });
      const addresses = await cluster.addressesOf('web', 2);
      for (const address of addresses) await cluster.answers(address);
      return new DeadAgentCluster(cluster, addresses);
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  /** The observer of the present test. */
  get observer(): NeighborObserver {
    if (this.#observer === undefined) throw new Error('nobody observes; call observe() first');
    return this.#observer;
  }

  /** Begins to observe; the node that answers for both addresses. */
  async observe(): Promise<string> {
    this.#observer = await this.cluster.lab.observeNeighbors({ addresses: this.addresses, intervalMs: 20 });
    return await this.cluster.commonOwner(this.#observer, this.addresses);
  }

  /** Ends observing. Longest time with two owners of either address, which must be 0. */
  async conclude(): Promise<number> {
    await this.cluster.agentsReady();
    for (const address of this.addresses) await this.cluster.answers(address);
    await this.observer.stop();
    return Math.max(...this.addresses.map((address) => this.observer.judge({ address }).longestTwoOwnersMs));
  }

  /** Both addresses answered for by another node. */
  async movesFrom(owner: string): Promise<string> {
    return await this.cluster.commonOwner(this.observer, this.addresses, owner);
  }

  /** Waits until each address has been answered that many times more. */
  async answeredAgain(times: number): Promise<void> {
    const count = (address: string): number => {
      return this.observer.events.filter((event) => event.kind === 'answer' && event.address === address)
        .length;
    };
    const before = this.addresses.map(count);
    await this.cluster.lab.waitFor(
      () => this.addresses.every((address, index) => count(address) >= (before[index] ?? 0) + times),
      { what: `${times} more answers for each of ${this.addresses.join(', ')}`, timeoutMs: 30_000 },
    );
  }

  /** Frames of a node that claimed one of the addresses within this span. */
  claimsOf(node: string, fromMs: number, toMs = Number.POSITIVE_INFINITY): readonly object[] {
    const { mac } = hostOf(this.cluster.lab.plan, node);
    return this.observer.events.filter(
      (event) =>
        'mac' in event &&
        (event.mac === mac || event.sentBy === mac) &&
        event.atMs > fromMs + ON_THE_WAY_MS &&
        event.atMs < toMs,
    );
  }

  /** Makes the addresses that a dead agent left on its node stay there for longer than any test. */
  async preserveLeftovers(node: string): Promise<void> {
    const left = (await this.cluster.addressesOnLo(node)).join('\n');
    for (const address of this.addresses) {
      if (!left.includes(` ${address}/`)) {
        throw new Error(`${address} was expected to be left on ${node}, which has:\n${left}`);
      }
      const host = address.includes(':') ? `${address}/128` : `${address}/32`;
      await runOrThrow([
        ...['ip', 'netns', 'exec', node, 'ip', 'address', 'change', host, 'dev', 'lo'],
        ...['preferred_lft', '0', 'valid_lft', '3600'],
      ]);
    }
  }

  /** Does something while the node's kubelet cannot restart anything. */
  async withoutKubelet(node: string, work: () => Promise<void>): Promise<void> {
    const kubelet = this.cluster.kubeletPids(node);
    if (kubelet.length === 0) throw new Error(`no kubelet runs on ${node}`);
    for (const pid of kubelet) process.kill(pid, 'SIGSTOP');
    try {
      await work();
    } finally {
      for (const pid of kubelet) process.kill(pid, 'SIGCONT');
    }
  }

  /** Sends a signal to the agent of a node; when it was sent (monotonic). */
  signalAgent(node: string, signal: NodeJS.Signals): number {
    const pids = this.cluster.agentPids(node);
    if (pids.length === 0) throw new Error(`no agent runs on ${node}`);
    for (const pid of pids) process.kill(pid, signal);
    return monotonicMs();
  }
}
