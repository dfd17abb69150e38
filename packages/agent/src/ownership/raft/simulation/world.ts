// SPDX-License-Identifier: Apache-2.0
import type { Placer } from '../coordinator.ts';
import type { GroupConfig, Message } from '../messages.ts';
import type { MinorityPolicy, NodeOutput } from '../node-api.ts';
import type { PlacementGroup } from '../placement-group.ts';
import { ALL_RULES, type Rules } from '../rules.ts';
import type { RaftTiming } from '../timing.ts';
import { Agenda } from './agenda.ts';
import { Counts } from './counts.ts';
import { COORDINATOR } from './faults.ts';
import { Process, type ProcessListener } from './host.ts';
import { Judge } from './judge.ts';
import { Network } from './network.ts';
import { Random } from './random.ts';
import { RecordStore } from './record-store.ts';

/** Longest time until an agent hears what the API server has known for long, and what follows from it. */
const OLDEST_VIEW_MS = 3_000;

const SLOW_KERNEL_SHARE = 0.03;
/** Longer than anything takes on a network that is well. */
const LATE_MS = 8;

/** What a {@link World} is made of. */
export interface WorldOptions {
  readonly seed: number;
  readonly hosts: number;
  readonly voters: number;
  readonly addresses: number;
  readonly timing: RaftTiming;
  readonly rules?: Rules;
  /** Rule 6: one agent per node. */
  readonly oneAgentPerNode: boolean;
  readonly createPlacement: () => Placer;
  readonly checksMoves: boolean;
  /** Largest deviation of a clock's rate; without it what the timing allows. */
  readonly clockDrift?: number;
  /** Share of passes over a kernel's addresses that take much longer than usual. */
  readonly slowKernelShare?: number;
  readonly minority?: MinorityPolicy;
}

/** A machine with a clock of its own, on which at most one agent runs (without rule 6: two). */
export interface Host {
  readonly name: string;
  readonly rate: number;
  readonly offsetMs: number;
  process: Process | undefined;
  twin: Process | undefined;
  /** Faults that it is under itself, not its links. */
  harms: number;
  /** Faults that keep it from serving some addresses. */
  refusals: number;
  /** Faults that keep it from the API server. */
  apiFaults: number;
  /** Sender -> newest sequence number that has arrived from it. */
  readonly arrived: Map<string, number>;
}

/** Hosts, network and API server in simulated time. Everything follows from the seed and from what is done to it. */
export class World implements ProcessListener {
  readonly agenda = new Agenda();
  readonly network: Network;
  readonly judge: Judge;
  readonly store: RecordStore;
  readonly counts = new Counts();
  readonly hosts: readonly Host[];
  readonly addresses: readonly string[];
  readonly #options: WorldOptions;
  readonly #random: Random;
  readonly #byName = new Map<string, Host>();
  #unwanted = new Set<string>();
  #groupsVersion = 1;
  #steps = 0;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
    this.network = new Network(this.#random);
    this.judge = new Judge({ checksMoves: options.checksMoves });
    const drift = options.clockDrift ?? options.timing.maxDrift;
    this.hosts = Array.from({ length: options.hosts }, (_, index) => ({
      name: `n${index}`,
      // The worst clocks are the ones to fear.
      rate: 1 + drift * (this.#random.chance(0.5) ? this.#random.pick([-1, 1]) : this.#random.between(-1, 1)),
      offsetMs: this.#random.between(0, 1e7),
      process: undefined,
      twin: undefined,
      harms: 0,
      refusals: 0,
      apiFaults: 0,
      arrived: new Map(),
    }));
    for (const host of this.hosts) {
      this.#byName.set(host.name, host);
      if (Math.abs(host.rate - 1) > drift * 0.99) this.counts.add('worstClock');
    }
    this.addresses = Array.from({ length: options.addresses }, (_, index) => `192.0.2.${index + 1}`);
    const voters = this.hosts.slice(0, options.voters).map(({ name }) => name);
    this.store = new RecordStore(voters, (options.rules ?? ALL_RULES).epochsOrdered);
    for (const host of this.hosts) this.start(host);
  }

  /** Inputs that all nodes have taken: a measure of how much was tried. */
  get steps(): number {
    return this.#steps;
  }

  /** {@link COORDINATOR} is whoever coordinates at that moment. */
  host(number: number): Host {
    const coordinator = this.coordinators()[0]?.name;
    const host = number === COORDINATOR ? this.#byName.get(coordinator ?? 'n0') : this.hosts[number];
    if (host === undefined) throw new Error(`no host ${number}`);
    return host;
  }

  /** Starts an agent on the host, if it has none. */
  start(host: Host): void {
    if (host.process?.isAlive === true) return;
    if (host.process !== undefined) this.counts.add('restarted');
    host.process = this.#createProcess(host);
    this.#introduce(host, host.process);
  }

  /** Starts a second agent; rule 6 keeps it from starting while the first one is there. */
  startTwin(host: Host): void {
    if (this.#options.oneAgentPerNode) this.counts.add('secondAgentRefused');
    if (this.#options.oneAgentPerNode || host.twin?.isAlive === true) return;
    this.counts.add('secondAgentStarted');
    host.twin = this.#createProcess(host);
    this.#introduce(host, host.twin);
  }

  kill(process: Process | undefined): void {
    process?.kill();
  }

  thaw(process: Process, threads: 'worker' | 'both' = 'both'): void {
    if (threads === 'both') process.thaw();
    else process.resumeWorker();
    if (process.runs) this.judge.probe(process, this.addresses, this.agenda.nowMs);
  }

  /** Only these addresses are wanted; agents hear of it some time later, each at its own. */
  want(unwanted: readonly string[]): void {
    for (const address of [...unwanted, ...this.#unwanted]) {
      this.judge.forget(address, this.agenda.nowMs + OLDEST_VIEW_MS);
    }
    this.#unwanted = new Set(unwanted);
    this.#groupsVersion++;
    for (const host of this.hosts) this.#tell(host, 'groups');
  }

  /** Rises when something else is wanted. */
  get groupsVersion(): number {
    return this.#groupsVersion;
  }

  isWanted(address: string): boolean {
    return !this.#unwanted.has(address);
  }

  /** The record has changed; agents hear of it some time later. */
  spreadRecord(): void {
    for (const host of this.hosts) this.#tell(host, 'config');
  }

  /** Whether a host reaches the API server. */
  setApi(host: Host, isUp: boolean): void {
    host.apiFaults = Math.max(0, host.apiFaults + (isUp ? -1 : 1));
    // An agent notices that its cache is old only after a while.
    this.agenda.after(200, () => host.process?.give({ type: 'informed', isInformed: host.apiFaults === 0 }));
    this.#tell(host, 'config');
    this.#tell(host, 'groups');
  }

  /** Newest epoch that the agents say this voter has settled on. */
  settledEpochOf(voter: string): number {
    const process = this.#byName.get(voter)?.process;
    if (process?.runs !== true) return 0;
    return process.node.status(process.clockMs()).settledEpochs.get(voter) ?? 0;
  }

  /** Who coordinates, by its own clock. */
  coordinators(): readonly Process[] {
    return this.processes().filter((process) => {
      const nowMs = process.clockMs();
      return process.isAlive && (process.node.status(nowMs).rightUntilMs ?? 0) > nowMs;
    });
  }

  processes(): readonly Process[] {
    return this.hosts.flatMap(({ process, twin }) => [process, twin].filter((each) => each !== undefined));
  }

  sent(from: Process, message: Message): void {
    const to = this.#byName.get(message.to);
    if (to === undefined) return;
    const delayMs = this.network.delayMs(from.name, to.name);
    if (delayMs === undefined) this.#countLoss(from.name, to.name);
    else if (delayMs > LATE_MS) this.counts.add(delayMs > this.#options.timing.leaseMs ? 'veryLate' : 'late');
    this.#carry(from.name, to, message, delayMs);
    const echoMs = this.network.echoMs(from.name, to.name);
    if (echoMs !== undefined) this.counts.add('doubled');
    this.#carry(from.name, to, message, echoMs);
  }

  #countLoss(from: string, to: string): void {
    if (!this.network.isCut(from, to)) this.counts.add('lost');
    else this.counts.add(this.network.isCut(to, from) ? 'cutBothWays' : 'cutOneWay');
  }

  stepped(process: Process, output: NodeOutput): void {
    this.#steps++;
    for (const event of output.events) if (event.type === 'keeping' && event.isOn) this.counts.add('kept');
    this.judge.watch(process, output, this.addresses, this.agenda.nowMs);
  }

  #carry(from: string, to: Host, message: Message, delayMs: number | undefined): void {
    if (delayMs === undefined) return;
    // Two processes at one port: the kernel decides by the sender which of them gets a datagram.
    const goesToTwin = to.twin?.isAlive === true && from.charCodeAt(1) % 2 === 1;
    this.agenda.after(delayMs, () => {
      const { sequence } = message;
      const newest = to.arrived.get(message.from.instance) ?? 0;
      if (sequence < newest) this.counts.add('reordered');
      else to.arrived.set(message.from.instance, sequence);
      (goesToTwin ? to.twin : to.process)?.give({ type: 'message', message });
    });
  }

  #createProcess(host: Host): Process {
    const { timing, rules, createPlacement, minority, slowKernelShare } = this.#options;
    return new Process({
      id: { name: host.name, instance: this.#random.instance() },
      groupId: 'simulation',
      timing,
      createPlacement,
      agenda: this.agenda,
      random: this.#random,
      rate: host.rate,
      offsetMs: host.offsetMs,
      listener: this,
      slowKernelShare: slowKernelShare ?? SLOW_KERNEL_SHARE,
      ...(minority !== undefined && { minority }),
      ...(rules !== undefined && { rules }),
    });
  }

  #introduce(host: Host, process: Process): void {
    process.give({ type: 'peers', names: this.hosts.map(({ name }) => name) });
    this.#tell(host, 'config');
    this.#tell(host, 'groups');
  }

  /** An agent reads from the API what there is at that moment, some time later: a cache may be behind. */
  #tell(host: Host, what: 'config' | 'groups'): void {
    if (host.apiFaults > 0) {
      this.counts.add('apiFault');
      return;
    }
    const { config } = this.store;
    const groups = this.#groups();
    const version = this.#groupsVersion;
    const delayMs = this.#random.chance(0.2) ? this.#random.between(50, 600) : this.#random.between(1, 30);
    this.agenda.after(delayMs, () => {
      if (host.apiFaults > 0) return;
      // Who finds no record goes on with the one that it knows.
      if (what === 'groups') this.#tellGroups(host, groups, version);
      else if (config !== undefined) this.#tellConfig(host, config);
      else this.counts.add('noRecord');
    });
  }

  #tellConfig(host: Host, config: GroupConfig): void {
    if (config !== this.store.newest) this.counts.add('staleRead');
    for (const process of [host.process, host.twin]) process?.give({ type: 'config', config });
  }

  #tellGroups(host: Host, groups: readonly PlacementGroup[], version: number): void {
    if (version !== this.#groupsVersion) this.counts.add('staleRead');
    for (const process of [host.process, host.twin]) {
      if (process === undefined || process.groupsVersion > version) continue;
      process.groupsVersion = version;
      process.give({ type: 'groups', groups });
    }
  }

  #groups(): readonly PlacementGroup[] {
    return this.addresses
      .filter((address) => this.isWanted(address))
      .map((address) => ({ addresses: [address], candidates: 'any' }));
  }
}
