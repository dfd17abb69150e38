// SPDX-License-Identifier: Apache-2.0
import type { GroupEngine } from '../../group-record.ts';
import type { Message } from '../../messages.ts';
import { DEFAULT_TIMING } from '../../timing.ts';
import { Agenda } from '../agenda.ts';
import { Network } from '../network.ts';
import { Random } from '../random.ts';
import { Agent, type AgentWorld } from './agent.ts';
import { LeaseLocks } from './lease-box.ts';
import { RecordApi } from './record-api.ts';

/** How to run it. */
export interface SwitchOptions {
  readonly from: GroupEngine;
  readonly to: GroupEngine;
  /** Whether something goes wrong meanwhile. */
  readonly hasFaults: boolean;
  /** To show what the waiting is for: agents begin with the next engine before the others have stopped. */
  readonly isHasty?: boolean;
}

/** What came of it. */
export interface SwitchResult {
  readonly seed: number;
  readonly violations: readonly string[];
  /** From the word to stop until the last address was held again, by true time; undefined: the engine was not changed. */
  readonly downMs: number | undefined;
  /** Faults that began, by name. */
  readonly faults: ReadonlyMap<string, number>;
}

type FaultName = 'crash' | 'freeze' | 'isolate' | 'apiDown' | 'delete' | 'rewind' | 'loss';

const FAULTS: readonly FaultName[] = ['crash', 'freeze', 'isolate', 'apiDown', 'delete', 'rewind', 'loss'];
/** The first engine holds everything by then. */
const CALM_MS = 4_000;
/** Everything is well from here on. */
const HEALED_MS = 9_000;
const END_MS = 24_000;
const SAMPLE_MS = 5;

/**
 * One group that changes its engine by a rolling restart with another setting. The same seed gives the same run. Judged at
 * every moment at which somebody begins to hold an address: nobody else may hold it, whichever engine says so.
 */
export function runSwitch(seed: number, options: SwitchOptions): SwitchResult {
  return new SwitchRun(seed, options).run();
}

class SwitchRun implements AgentWorld {
  readonly agenda = new Agenda();
  readonly random: Random;
  readonly names: readonly string[];
  readonly addresses = ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4'];
  readonly record = new RecordApi();
  readonly locks = new LeaseLocks();
  readonly #seed: number;
  readonly #options: SwitchOptions;
  readonly #network: Network;
  readonly #agents = new Map<string, Agent>();
  /** All that ever were: one that was killed holds nothing, one that is frozen may. */
  readonly #violations: string[] = [];
  readonly #faults = new Map<string, number>();
  readonly #wants = new Map<string, GroupEngine>();
  #stopMs: number | undefined;
  #downMs: number | undefined;

  constructor(seed: number, options: SwitchOptions) {
    this.#seed = seed;
    this.#options = options;
    this.random = new Random(seed);
    this.#network = new Network(this.random);
    this.names = ['a', 'b', 'c', 'd', 'e'].slice(0, 3 + this.random.below(3));
  }

  run(): SwitchResult {
    const { from, to, hasFaults } = this.#options;
    for (const name of this.names)
      this.agenda.after(this.random.between(0, 200), () => this.#start(name, from));
    this.names.forEach((name, index) => {
      const atMs = CALM_MS + index * this.random.between(50, 400);
      this.agenda.at(atMs, () => this.#restart(name, to, this.random.between(5, 300)));
    });
    if (hasFaults) {
      for (let left = 1 + this.random.below(5); left > 0; left--) {
        this.agenda.at(this.random.between(CALM_MS, HEALED_MS - 1_500), () => this.#strike());
      }
    }
    this.#watch();
    this.agenda.run(HEALED_MS);
    this.#network.mendAll();
    this.agenda.run(END_MS);
    this.#judgeEnd();
    return { seed: this.#seed, violations: this.#violations, downMs: this.#downMs, faults: this.#faults };
  }

  send(from: Agent, message: Message): void {
    const delayMs = this.#network.delayMs(from.name, message.to);
    if (delayMs !== undefined)
      this.agenda.after(delayMs, () => this.#agents.get(message.to)?.receive(message));
  }

  began(agent: Agent): void {
    for (const address of this.addresses) {
      if (!agent.holds(address)) continue;
      for (const other of this.#agents.values()) {
        if (other === agent || !other.holds(address)) continue;
        const engines = `${agent.engine ?? 'none'} and ${other.engine ?? 'none'}`;
        this.#violations.push(
          `${this.agenda.nowMs.toFixed(1)} ms: ${agent.name} has ${address} while ${other.name} has it (${engines})`,
        );
      }
    }
  }

  #start(name: string, wanted: GroupEngine): void {
    this.#wants.set(name, wanted);
    const drift = DEFAULT_TIMING.maxDrift;
    this.#agents.set(
      name,
      new Agent({
        world: this,
        name,
        wanted,
        isHasty: this.#options.isHasty === true,
        rate: 1 + this.random.between(-drift, drift),
        offsetMs: this.random.between(0, 1e6),
      }),
    );
  }

  /** Killed, and started again: the hardest kind of restart. */
  #restart(name: string, wanted: GroupEngine, afterMs: number): void {
    this.#wants.set(name, wanted);
    const agent = this.#agents.get(name);
    if (agent?.isAlive !== true) return;
    agent.kill();
    this.agenda.after(afterMs, () => this.#start(name, this.#wants.get(name) ?? wanted));
  }

  #strike(): void {
    const kind = this.random.pick(FAULTS);
    const name = this.random.pick(this.names);
    const forMs = this.random.between(50, 1_200);
    this.#faults.set(kind, (this.#faults.get(kind) ?? 0) + 1);
    const end = this.#cause(kind, name);
    this.agenda.after(forMs, end);
  }

  #cause(kind: FaultName, name: string): () => void {
    const agent = this.#agents.get(name);
    const others = this.names.filter((other) => other !== name);
    switch (kind) {
      case 'crash':
        this.#restart(name, this.#wants.get(name) ?? this.#options.to, this.random.between(5, 900));
        return () => undefined;
      case 'freeze':
        agent?.freeze();
        return () => agent?.thaw();
      case 'isolate':
        for (const other of others) this.#cut(name, other, true);
        return () => {
          for (const other of others) this.#cut(name, other, false);
        };
      case 'apiDown':
        if (agent !== undefined) agent.apiFaults++;
        return () => {
          if (agent !== undefined) agent.apiFaults--;
        };
      case 'delete':
        this.record.delete();
        return () => undefined;
      case 'rewind':
        this.record.rewind(1 + this.random.below(3));
        return () => undefined;
      case 'loss':
        this.#network.loss = this.random.between(0.1, 0.5);
        return () => {
          this.#network.loss = 0;
        };
    }
  }

  #cut(a: string, b: string, isCut: boolean): void {
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      if (isCut) this.#network.cut(from, to);
      else this.#network.mend(from, to);
    }
  }

  /** From the word to stop until everything is held again. */
  #watch(): void {
    this.agenda.after(SAMPLE_MS, () => {
      const record = this.record.state?.record;
      if (record?.switching?.stage === 'stop') this.#stopMs ??= this.agenda.nowMs;
      else if (
        record?.engine === this.#options.to &&
        this.#stopMs !== undefined &&
        this.#downMs === undefined
      ) {
        const isHeld = (address: string) => [...this.#agents.values()].some((agent) => agent.holds(address));
        if (this.addresses.every(isHeld)) this.#downMs = this.agenda.nowMs - this.#stopMs;
      } else if (record?.switching === undefined && record?.engine === this.#options.from)
        this.#stopMs = undefined;
      this.#watch();
    });
  }

  #judgeEnd(): void {
    const { to } = this.#options;
    const engine = this.record.state?.record.engine;
    if (engine !== to) this.#violations.push(`the engine is ${engine}, and not ${to}, at the end`);
    for (const address of this.addresses) {
      const holders = [...this.#agents.values()].filter((agent) => agent.holds(address));
      if (holders.length !== 1) this.#violations.push(`${holders.length} agents have ${address} at the end`);
    }
  }
}
