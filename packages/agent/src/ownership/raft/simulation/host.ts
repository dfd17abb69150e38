// SPDX-License-Identifier: Apache-2.0
import { KernelView } from '../../raft-driver/kernel-view.ts';
import type { Message } from '../messages.ts';
import { RaftNode } from '../node.ts';
import type { NodeInput, NodeOptions, NodeOutput } from '../node-api.ts';
import type { Agenda } from './agenda.ts';
import { MainThread } from './main-thread.ts';
import type { Random } from './random.ts';

/** Datagrams that wait for a process that does not run. */
const SOCKET_BUFFER = 256;
const NONE: ReadonlySet<string> = new Set();

/** Who hears what a process does. */
export interface ProcessListener {
  sent(process: Process, message: Message): void;
  stepped(process: Process, output: NodeOutput): void;
}

/** What a process runs on and with. */
export interface ProcessOptions extends Omit<NodeOptions, 'startMs' | 'random'> {
  readonly agenda: Agenda;
  readonly random: Random;
  /** Rate of this host's clock. */
  readonly rate: number;
  /** What this host's clock shows at true time 0. */
  readonly offsetMs: number;
  readonly listener: ProcessListener;
  /** Share of the main thread's passes over the kernel's addresses that take much longer than usual. */
  readonly slowKernelShare: number;
}

/** One agent's process: a node, with the threads, sockets and timers that drive it, on a host with a clock of its own. */
export class Process {
  readonly name: string;
  readonly node: RaftNode;
  /** True time at which it started. */
  readonly startedMs: number;
  readonly #options: ProcessOptions;
  readonly #agenda: Agenda;
  #isAlive = true;
  #freezes = 0;
  readonly #main: MainThread;
  readonly #kernel = new KernelView();
  /** What the main thread was told last. */
  #posted: ReadonlySet<string> = NONE;
  readonly #waiting: NodeInput[] = [];
  #wakeMs = Number.POSITIVE_INFINITY;
  #plannedWakeMs = Number.POSITIVE_INFINITY;
  /** Which version of what is wanted it has been told. */
  groupsVersion = 0;

  constructor(options: ProcessOptions) {
    this.#options = options;
    this.#agenda = options.agenda;
    this.name = options.id.name;
    this.startedMs = options.agenda.nowMs;
    this.node = new RaftNode({ ...options, startMs: this.clockMs(), random: () => options.random.next() });
    this.#main = new MainThread({
      agenda: options.agenda,
      random: options.random,
      slowShare: options.slowKernelShare,
      listener: {
        alive: () => this.give({ type: 'mainAlive' }),
        done: (addresses, version) => this.#report(addresses, version),
      },
      isAlive: () => this.#isAlive,
    });
    this.give({ type: 'tick' });
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  get isFrozen(): boolean {
    return this.#freezes > 0;
  }

  get runs(): boolean {
    return this.#isAlive && this.#freezes === 0;
  }

  /** Addresses that are on this host. */
  get onNode(): ReadonlySet<string> {
    return this.#main.inKernel;
  }

  /** True time since which the main thread is silent. */
  get mainStalledSinceMs(): number | undefined {
    return this.#main.stalledSinceMs;
  }

  /** Most versions of what is granted that the main thread was behind. */
  get worstLag(): number {
    return this.#main.worstLag;
  }

  /** This host's monotonic clock. */
  clockMs(): number {
    return this.#options.offsetMs + this.#agenda.nowMs * this.#options.rate;
  }

  /** True time at which this host's clock shows that. */
  trueMs(clockMs: number): number {
    return (clockMs - this.#options.offsetMs) / this.#options.rate;
  }

  mayAnswer(address: string): boolean {
    return this.#isAlive && this.node.mayAnswer(address, this.clockMs());
  }

  /** Gives the node an input now, or when it runs again. */
  give(input: NodeInput): void {
    if (!this.#isAlive) return;
    if (this.#freezes > 0) {
      if (this.#waiting.length < SOCKET_BUFFER) this.#waiting.push(input);
      return;
    }
    this.#step(input);
    const granted = this.clockMs() < this.node.grantedUntilMs ? this.node.granted : NONE;
    if (granted === this.#posted) return;
    const isNews = granted.size > 0 || this.#posted.size > 0;
    this.#posted = granted;
    if (isNews) this.#main.grant(granted, this.#kernel.granted(granted));
    this.#step({ type: 'onNode', addresses: this.#kernel.addresses });
  }

  #step(input: NodeInput): void {
    const output = this.node.step(this.clockMs(), input);
    for (const message of output.messages) this.#options.listener.sent(this, message);
    // Timers are never early, and a little late.
    this.#wakeMs = this.trueMs(output.wakeAtMs) + this.#options.random.between(0.01, 0.4);
    this.#planWake();
    this.#options.listener.stepped(this, output);
  }

  kill(): void {
    this.#isAlive = false;
  }

  /** Both threads stop. */
  freeze(): void {
    this.stallWorker();
    this.stallMain();
  }

  thaw(): void {
    this.resumeMain();
    this.resumeWorker();
  }

  stallWorker(): void {
    this.#freezes++;
  }

  /** What has come meanwhile is read before any timer fires, as an event loop does it. */
  resumeWorker(): void {
    this.#freezes = Math.max(0, this.#freezes - 1);
    if (this.#freezes > 0 || !this.#isAlive) return;
    this.#agenda.after(this.#options.random.between(0, 2), () => {
      if (!this.runs) return;
      for (const input of this.#waiting.splice(0)) this.give(input);
      this.give({ type: 'tick' });
    });
  }

  stallMain(): void {
    this.#main.stall();
  }

  resumeMain(): void {
    this.#main.resume();
  }

  /** The main thread has put addresses on and off. */
  #report(addresses: ReadonlySet<string>, version: number): void {
    this.#kernel.reported(addresses, version);
    this.give({ type: 'onNode', addresses: this.#kernel.addresses });
  }

  #planWake(): void {
    if (this.#wakeMs >= this.#plannedWakeMs || this.#wakeMs === Number.POSITIVE_INFINITY) return;
    this.#plannedWakeMs = this.#wakeMs;
    const plannedMs = this.#wakeMs;
    this.#agenda.at(plannedMs, () => {
      if (this.#plannedWakeMs !== plannedMs) return;
      this.#plannedWakeMs = Number.POSITIVE_INFINITY;
      if (!this.runs) return;
      if (this.#wakeMs > this.#agenda.nowMs) this.#planWake();
      else this.give({ type: 'tick' });
    });
  }
}
