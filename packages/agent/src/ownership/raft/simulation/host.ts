// SPDX-License-Identifier: Apache-2.0
import type { Message } from '../messages.ts';
import { RaftNode } from '../node.ts';
import type { NodeInput, NodeOptions, NodeOutput } from '../node-api.ts';
import type { Agenda } from './agenda.ts';
import type { Random } from './random.ts';

/** Datagrams that wait for a process that does not run. */
const SOCKET_BUFFER = 256;
/** The main thread gives a sign of life this often. */
const MAIN_INTERVAL_MS = 500;

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
  #mainStalls = 0;
  readonly #waiting: NodeInput[] = [];
  #wakeMs = Number.POSITIVE_INFINITY;
  #plannedWakeMs = Number.POSITIVE_INFINITY;
  #onNode: ReadonlySet<string> = new Set();
  /** Addresses should have been put on or off while the process did not run. */
  #isWorkDue = false;
  /** Which version of what is wanted it has been told. */
  groupsVersion = 0;
  /** True time since which the main thread is silent. */
  mainStalledSinceMs: number | undefined;

  constructor(options: ProcessOptions) {
    this.#options = options;
    this.#agenda = options.agenda;
    this.name = options.id.name;
    this.startedMs = options.agenda.nowMs;
    this.node = new RaftNode({ ...options, startMs: this.clockMs(), random: () => options.random.next() });
    this.#beatMain();
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
    return this.#onNode;
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
    const output = this.node.step(this.clockMs(), input);
    for (const message of output.messages) this.#options.listener.sent(this, message);
    if (output.changed) this.#agenda.after(this.#options.random.between(0.1, 3), () => this.#carryOut());
    // Timers are never early, and a little late.
    this.#wakeMs = this.trueMs(output.wakeAtMs) + this.#options.random.between(0.01, 0.4);
    this.#planWake();
    this.#options.listener.stepped(this, output);
  }

  kill(): void {
    this.#isAlive = false;
  }

  freeze(): void {
    this.#freezes++;
  }

  /** What has come meanwhile is read before any timer fires, as an event loop does it. */
  thaw(): void {
    this.#freezes = Math.max(0, this.#freezes - 1);
    if (this.#freezes > 0 || !this.#isAlive) return;
    this.#agenda.after(this.#options.random.between(0, 2), () => {
      if (!this.runs) return;
      for (const input of this.#waiting.splice(0)) this.give(input);
      this.give({ type: 'tick' });
      if (this.#isWorkDue) this.#carryOut();
    });
  }

  stallMain(): void {
    this.#mainStalls++;
    this.mainStalledSinceMs ??= this.#agenda.nowMs;
  }

  resumeMain(): void {
    this.#mainStalls = Math.max(0, this.#mainStalls - 1);
    if (this.#mainStalls > 0) return;
    this.mainStalledSinceMs = undefined;
    this.give({ type: 'mainAlive' });
  }

  /** Puts on and takes off addresses. */
  #carryOut(): void {
    this.#isWorkDue = !this.runs;
    if (this.#isWorkDue) return;
    const { granted } = this.node;
    this.#onNode = new Set(granted);
    this.give({ type: 'onNode', addresses: this.#onNode });
  }

  #beatMain(): void {
    this.#agenda.after(MAIN_INTERVAL_MS, () => {
      if (!this.#isAlive) return;
      if (this.#mainStalls === 0) this.give({ type: 'mainAlive' });
      this.#beatMain();
    });
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
