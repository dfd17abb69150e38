// SPDX-License-Identifier: Apache-2.0
import { GroupKeeper } from '../../group-keeper.ts';
import type { GroupReading } from '../../group-lease.ts';
import { configOf, type GroupEngine } from '../../group-record.ts';
import type { GroupKnowledge, GroupPolicy, OwnEntry } from '../../group-situation.ts';
import type { Message } from '../../messages.ts';
import type { NodeOutput } from '../../node-api.ts';
import { DEFAULT_PLACEMENT, Placement } from '../../placement.ts';
import { DEFAULT_TIMING } from '../../timing.ts';
import type { Agenda } from '../agenda.ts';
import { Process } from '../host.ts';
import type { Random } from '../random.ts';
import { LeaseBox, type LeaseLocks } from './lease-box.ts';
import type { RecordApi } from './record-api.ts';

/** Time between two looks at the group record, when nothing wakes the agent. */
const LOOK_MS = 60;

/** The waits of the group record, as much shorter as the Leases. */
const POLICY: Omit<GroupPolicy, 'engine'> = {
  size: 3,
  replaceAfterMs: 2_500,
  formQuietMs: 1_000,
  settleMs: 150,
  stopTimeoutMs: 1_500,
  switchWaitMs: 300,
  abandonMs: 4_000,
  fallBackAfterMs: 2_000,
  staggerMs: 20,
  reformAfterMs: undefined,
};

/** What an {@link Agent} lives in. */
export interface AgentWorld {
  readonly agenda: Agenda;
  readonly random: Random;
  readonly names: readonly string[];
  readonly addresses: readonly string[];
  readonly record: RecordApi;
  readonly locks: LeaseLocks;
  send(from: Agent, message: Message): void;
  /** An agent may have begun to hold an address. */
  began(agent: Agent): void;
}

/** What an {@link Agent} is. */
export interface AgentOptions {
  readonly world: AgentWorld;
  readonly name: string;
  readonly wanted: GroupEngine;
  readonly rate: number;
  readonly offsetMs: number;
  /** Begins with the next engine before the others have stopped. */
  readonly isHasty: boolean;
}

/** One agent with the real keeper of the group record, the real node of the `raft` engine, and Leases as a black box. */
export class Agent {
  readonly name: string;
  readonly #options: AgentOptions;
  readonly #world: AgentWorld;
  readonly #keeper: GroupKeeper;
  readonly #lastHeardMs = new Map<string, number>();
  #isAlive = true;
  #freezes = 0;
  /** Faults that keep it from the API server. */
  apiFaults = 0;
  #lease: LeaseBox | undefined;
  #raft: Process | undefined;
  #isQuiet = false;
  #observed: GroupReading | undefined;
  #isCalling = false;
  #withoutSinceMs: number | undefined;
  #highestEpoch = 0;
  #highestEpochMs = Number.NEGATIVE_INFINITY;
  #startedNodeMs = 0;
  #groupId = '';

  constructor(options: AgentOptions) {
    this.#options = options;
    this.#world = options.world;
    this.name = options.name;
    const { random, record } = options.world;
    this.#keeper = new GroupKeeper({
      self: { name: options.name, instance: random.instance() },
      policy: { ...POLICY, engine: options.wanted },
      newGroupId: `${random.instance()}${random.instance()}`,
      startMs: this.clockMs(),
    });
    record.onChange((reading) => this.#shown(reading, random.between(1, random.chance(0.1) ? 250 : 25)));
    this.#shown(record.reading, random.between(1, 20));
    this.#loop();
  }

  get runs(): boolean {
    return this.#isAlive && this.#freezes === 0;
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** Which engine runs; undefined: none, or one that owns nothing. */
  get engine(): GroupEngine | undefined {
    if (this.#lease !== undefined) return 'lease';
    return this.#raft !== undefined && !this.#isQuiet ? 'raft' : undefined;
  }

  clockMs(): number {
    return this.#options.offsetMs + this.#world.agenda.nowMs * this.#options.rate;
  }

  /** Could it answer for the address at this moment, frozen or not? */
  holds(address: string): boolean {
    if (!this.#isAlive) return false;
    return this.#lease?.holds(address) === true || this.#raft?.mayAnswer(address) === true;
  }

  kill(): void {
    this.#isAlive = false;
    this.#raft?.kill();
  }

  freeze(): void {
    this.#freezes++;
    this.#raft?.freeze();
  }

  thaw(): void {
    this.#freezes = Math.max(0, this.#freezes - 1);
    this.#raft?.thaw();
  }

  receive(message: Message): void {
    const process = this.#raft;
    if (!this.runs || process === undefined) return;
    if (message.epoch >= this.#highestEpoch) {
      this.#highestEpoch = message.epoch;
      this.#highestEpochMs = this.clockMs();
    }
    this.#lastHeardMs.set(message.from.name, this.clockMs());
    process.give({ type: 'message', message });
  }

  #loop(): void {
    if (!this.#isAlive) return;
    this.#catchUp();
    this.#turn();
    this.#world.agenda.after(LOOK_MS * this.#world.random.between(0.5, 1), () => this.#loop());
  }

  #shown(reading: GroupReading, delayMs: number): void {
    this.#world.agenda.after(delayMs, () => {
      // What is older than what a read has shown is left out by whoever drives the keeper.
      if (!this.runs || this.apiFaults > 0 || reading !== this.#world.record.reading) return;
      this.#observed = reading;
      this.#keeper.observe(reading, this.clockMs());
      this.#turn();
    });
  }

  /** A watch that was cut off lists anew some time later. */
  #catchUp(): void {
    const { reading } = this.#world.record;
    if (reading !== this.#observed && this.#world.random.chance(0.2)) this.#shown(reading, 1);
  }

  #turn(): void {
    if (!this.runs) return;
    this.#followEngine();
    if (this.#isCalling) return;
    const known = this.#known();
    if (known.withoutCoordinatorSinceMs === undefined && this.#raft !== undefined)
      this.#keeper.alive(this.clockMs());
    const action = this.#keeper.next(this.#own(), known, this.clockMs());
    if (action === undefined) return;
    this.#isCalling = true;
    const { agenda, random, record } = this.#world;
    agenda.after(random.between(0.5, 8), () => {
      const isUp = this.apiFaults === 0;
      const reading = record.reading;
      const version = isUp && action.kind === 'write' ? record.write(action.state, action.over) : undefined;
      // An answer may get lost.
      const isAnswered = isUp && !random.chance(0.02);
      agenda.after(random.between(0.5, 8), () => {
        this.#isCalling = false;
        if (!this.runs) return;
        if (!isAnswered) this.#keeper.failed();
        else if (action.kind === 'read') this.#keeper.read(reading, this.clockMs());
        else if (version === undefined) this.#keeper.failed();
        else this.#keeper.written(action.state, version, this.clockMs());
        this.#turn();
      });
    });
  }

  #own(): OwnEntry {
    return {
      endpoint: '192.0.2.1:7947',
      controlPlane: false,
      canRun: new Set(['raft', 'lease']),
      isStopped: this.#hasStopped(),
      isLeaving: false,
    };
  }

  #hasStopped(): boolean {
    if (this.#lease !== undefined) return false;
    if (this.#raft === undefined || this.#keeper.standing().record?.engine === 'lease') return true;
    if (!this.#isQuiet || this.#raft.onNode.size > 0 || this.#raft.node.granted.size > 0) return false;
    const status = this.#raft.node.status(this.clockMs());
    return status.rightUntilMs === undefined || status.owners.size === 0;
  }

  #known(): GroupKnowledge {
    const nowMs = this.clockMs();
    const status = this.#raft?.node.status(nowMs);
    const isLed =
      status !== undefined &&
      ((status.rightUntilMs ?? Number.NEGATIVE_INFINITY) > nowMs ||
        (status.reign !== undefined && nowMs - status.heardMs < DEFAULT_TIMING.grantMs));
    this.#withoutSinceMs = isLed ? undefined : (this.#withoutSinceMs ?? nowMs);
    return {
      isCoordinator: status?.rightUntilMs !== undefined,
      withoutCoordinatorSinceMs: status === undefined ? undefined : this.#withoutSinceMs,
      settledEpochs: status?.settledEpochs ?? new Map(),
      lastHeardMs: this.#lastHeardMs,
      reachedMs: status?.reachedMs,
      listeningSinceMs: this.#startedNodeMs,
      leaving: new Set(),
      gone: new Set(),
      highestEpoch: this.#highestEpoch,
      highestEpochMs: this.#highestEpochMs,
      config: this.#raft?.node.config,
    };
  }

  /** As the driver does it: at most one engine, the next one only when the one before has ended. */
  #followEngine(): void {
    const { record, engine, mayWarmUp } = this.#keeper.standing();
    const mustBeQuiet = record?.switching?.stage === 'stop' && record.engine === 'raft';
    const next =
      this.#options.isHasty && record?.switching?.stage === 'stop' ? record.switching.to : undefined;
    const target = next ?? engine ?? (mustBeQuiet ? 'raft' : undefined);
    if (this.#lease !== undefined && target !== 'lease') {
      this.#lease.end();
      if (!this.#lease.isStopped) return;
      this.#lease = undefined;
    }
    const isSameGroup = record?.groupId === this.#groupId;
    const needsNode = target === 'raft' || mayWarmUp;
    if (this.#raft !== undefined && (!needsNode || !isSameGroup)) this.#endRaft();
    if (target === 'lease') this.#lease ??= this.#createLease();
    if (!needsNode || record === undefined) return;
    this.#raft ??= this.#createRaft(record.groupId);
    if (this.#raft.node.config.epoch < record.epoch)
      this.#raft.give({ type: 'config', config: configOf(record) });
    const isQuiet = mustBeQuiet || target !== 'raft';
    if (this.#isQuiet === isQuiet) return;
    this.#isQuiet = isQuiet;
    const addresses = isQuiet ? [] : this.#world.addresses;
    this.#raft.give({
      type: 'groups',
      groups: addresses.map((address) => ({ addresses: [address], candidates: 'any' })),
    });
  }

  #endRaft(): void {
    this.#raft?.give({ type: 'stop' });
    this.#raft?.kill();
    this.#raft = undefined;
  }

  #createLease(): LeaseBox {
    const { locks, addresses, agenda, random } = this.#world;
    return new LeaseBox({
      name: this.name,
      locks,
      addresses,
      agenda,
      random,
      clockMs: () => this.clockMs(),
      runs: () => this.runs,
      reachesApi: () => this.apiFaults === 0,
      onHold: () => this.#world.began(this),
    });
  }

  #createRaft(groupId: string): Process {
    const { agenda, random } = this.#world;
    this.#startedNodeMs = this.clockMs();
    this.#withoutSinceMs = undefined;
    this.#groupId = groupId;
    this.#isQuiet = true;
    const process = new Process({
      id: { name: this.name, instance: random.instance() },
      groupId,
      timing: DEFAULT_TIMING,
      createPlacement: () => new Placement({ ...DEFAULT_PLACEMENT, rebalanceEveryMs: undefined }),
      agenda,
      random,
      rate: this.#options.rate,
      offsetMs: this.#options.offsetMs,
      slowKernelShare: 0.01,
      listener: {
        sent: (_, message) => this.#world.send(this, message),
        stepped: (_, output: NodeOutput) => {
          if (output.changed) this.#world.began(this);
        },
      },
    });
    process.give({ type: 'peers', names: this.#world.names });
    return process;
  }
}
