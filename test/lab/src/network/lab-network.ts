// SPDX-License-Identifier: Apache-2.0

import { Journal, type JournalEntry } from '../journal.ts';
import { insideLabNamespace } from '../namespace.ts';
import { LabProcess, type SpawnOptions } from '../process/lab-process.ts';
import type { ProcessInfo } from '../process/proc.ts';
import { type RunOptions, type RunResult, run } from '../process/run.ts';
import { applyPartitions, type PartitionDirection, type Separation } from '../verbs/partition.ts';
import { continueAll, hostProcesses, killAll, namespacesOf, stopAll } from '../verbs/processes.ts';
import { applyHost, applyNetwork, batch, inHost, removeNetwork } from './apply.ts';
import { claimNamespaces, type NamespaceClaim } from './claim.ts';
import { type HostPlan, hostOf, type NetworkOptions, type NetworkPlan, planNetwork } from './plan.ts';

/** What has been done to a host. */
export interface HostState {
  readonly power: 'on' | 'off';
  readonly frozen: boolean;
  /** False: the cable is out, both ends have lost their carrier. */
  readonly plugged: boolean;
  readonly partition: PartitionDirection | 'none';
}

const UNTOUCHED: HostState = { power: 'on', frozen: false, plugged: true, partition: 'none' };

/**
 * The hosts and the switch without a cluster on them: programs run on hosts, and hosts suffer. Every verb is idempotent
 * and can be undone, and is noted in the journal. For tests of anything that needs no API server.
 */
export class LabNetwork {
  readonly plan: NetworkPlan;
  readonly journal: Journal;
  readonly #claim: NamespaceClaim;
  readonly #spawned = new Set<LabProcess>();
  readonly #states = new Map<string, HostState>();
  #separation: Separation | undefined;
  #stopped: Promise<void> | undefined;

  private constructor(plan: NetworkPlan, journal: Journal, claim: NamespaceClaim) {
    this.plan = plan;
    this.journal = journal;
    this.#claim = claim;
  }

  /** Builds the network; first sweeps what a killed predecessor in the same namespaces left. */
  static async start(options: NetworkOptions & { readonly journal?: Journal } = {}): Promise<LabNetwork> {
    if (!insideLabNamespace()) {
      throw new Error(
        'the lab runs only inside its private namespaces; start the program through ensureLabNamespace()',
      );
    }
    const plan = planNetwork(options);
    const claim = await claimNamespaces(plan);
    const network = new LabNetwork(plan, options.journal ?? new Journal(), claim);
    try {
      await applyNetwork(plan);
      await applyPartitions(plan, new Map());
    } catch (error) {
      await network.stop();
      throw error;
    }
    return network;
  }

  /** Runs a program on a host to its end. */
  exec(host: string, argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    this.#mustBeOn(host);
    return run(inHost(host, argv), options);
  }

  /** Starts a program on a host; it ends with the host (kill, reboot) or the lab. */
  spawn(host: string, argv: readonly string[], options: SpawnOptions = {}): LabProcess {
    this.#mustBeOn(host);
    const program = new LabProcess(inHost(host, argv), options);
    this.#spawned.add(program);
    void program.exited.then(() => this.#spawned.delete(program));
    return program;
  }

  /** What runs on a host, its pods included. */
  processes(host: string): ProcessInfo[] {
    return hostProcesses(hostOf(this.plan, host).name);
  }

  /** What has been done to a host. */
  state(host: string): HostState {
    return this.#states.get(hostOf(this.plan, host).name) ?? UNTOUCHED;
  }

  /** Power off: the link goes down first, so that dying connections cannot say goodbye, then everything is killed. */
  kill(host: string): Promise<JournalEntry> {
    return this.#do('kill', host, async () => {
      this.#change(host, { power: 'off' });
      await this.#applyPort(host);
      await killAll(() => namespacesOf(host));
      this.#change(host, { frozen: false });
    });
  }

  /** Stops every process on the host (SIGSTOP). Its kernel lives on and answers ping and ARP. */
  freeze(host: string): Promise<JournalEntry> {
    return this.#do('freeze', host, async () => {
      this.#mustBeOn(host);
      this.#change(host, { frozen: true });
      await stopAll(() => namespacesOf(host));
    });
  }

  /** Undoes {@link freeze}. */
  thaw(host: string): Promise<JournalEntry> {
    return this.#do('thaw', host, async () => {
      await continueAll(() => namespacesOf(host));
      this.#change(host, { frozen: false });
    });
  }

  /** The switch drops the host's frames without a word; the host's link stays up. */
  partition(host: string, direction: PartitionDirection = 'both'): Promise<JournalEntry> {
    return this.#do('partition', host, () => this.#setPartition(host, direction), direction);
  }

  /** Undoes {@link partition}. */
  heal(host: string): Promise<JournalEntry> {
    return this.#do('heal', host, () => this.#setPartition(host, 'none'));
  }

  /** No frame passes between these two sets of hosts; both reach all others. Replaces an earlier separation. */
  separate(one: readonly string[], other: readonly string[]): Promise<JournalEntry> {
    return this.#setSeparation({ one, other }, `${one.join(' ')} | ${other.join(' ')}`);
  }

  /** Undoes {@link separate}. */
  reunite(): Promise<JournalEntry> {
    return this.#setSeparation(undefined, 'none');
  }

  /** Pulls the cable: the host sees its carrier go. */
  unplug(host: string): Promise<JournalEntry> {
    return this.#do('unplug', host, async () => {
      this.#change(host, { plugged: false });
      await this.#applyPort(host);
    });
  }

  /** Undoes {@link unplug}. */
  plug(host: string): Promise<JournalEntry> {
    return this.#do('plug', host, async () => {
      this.#change(host, { plugged: true });
      await this.#applyPort(host);
    });
  }

  /** Power off, then on with a fresh network stack. `boot` starts what the host runs; partitions stay. */
  reboot(host: string, boot: () => Promise<void> = async () => {}): Promise<JournalEntry> {
    return this.#do('reboot', host, async () => {
      const plan = hostOf(this.plan, host);
      this.#change(host, { power: 'off' });
      await this.#applyPort(host);
      await this.#removeHost(plan);
      await applyHost(this.plan, plan);
      this.#change(host, { power: 'on', frozen: false });
      await this.#applyPort(host);
      await boot();
    });
  }

  /** Kills everything on all hosts and removes hosts and switch. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    // One that has just been started may not have entered its host yet, and would not be found there.
    for (const program of this.#spawned) program.kill('SIGKILL');
    await killAll(() => this.plan.hosts.flatMap((host) => namespacesOf(host.name)));
    await Promise.all(this.plan.hosts.map((host) => this.#removeHost(host)));
    await removeNetwork(this.plan);
    await run(['nft', 'delete', 'table', 'bridge', 'fairlead-lab']);
    this.#claim.release();
  }

  async #removeHost(host: HostPlan): Promise<void> {
    await killAll(() => namespacesOf(host.name));
    for (const namespace of namespacesOf(host.name)) await run(['ip', 'netns', 'delete', namespace]);
    // The kernel removes the cable with the namespace, but a moment later; the next one needs the name now.
    await run(['ip', 'link', 'delete', host.switchPort]);
  }

  #setSeparation(separation: Separation | undefined, detail: string): Promise<JournalEntry> {
    for (const host of [...(separation?.one ?? []), ...(separation?.other ?? [])]) hostOf(this.plan, host);
    const action = async (): Promise<void> => {
      this.#separation = separation;
      await this.#applyFilter();
    };
    return this.journal.record('separate', 'switch', action, detail);
  }

  async #setPartition(host: string, partition: HostState['partition']): Promise<void> {
    this.#change(host, { partition });
    await this.#applyFilter();
  }

  async #applyFilter(): Promise<void> {
    const active = [...this.#states].flatMap(([name, state]): [string, PartitionDirection][] =>
      state.partition === 'none' ? [] : [[name, state.partition]],
    );
    await applyPartitions(this.plan, new Map(active), this.#separation);
  }

  async #applyPort(host: string): Promise<void> {
    const { power, plugged } = this.state(host);
    const up = power === 'on' && plugged;
    await batch([`link set ${hostOf(this.plan, host).switchPort} ${up ? 'up' : 'down'}`]);
  }

  #change(host: string, change: Partial<HostState>): void {
    this.#states.set(host, { ...this.state(host), ...change });
  }

  async #do(verb: string, host: string, action: () => Promise<void>, detail?: string): Promise<JournalEntry> {
    hostOf(this.plan, host); // complains about unknown hosts before anything is noted
    return await this.journal.record(verb, host, action, detail);
  }

  #mustBeOn(host: string): void {
    if (this.state(host).power === 'off') throw new Error(`host ${host} is powered off; reboot it first`);
  }
}
