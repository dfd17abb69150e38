// SPDX-License-Identifier: Apache-2.0
import type { FAIRLEAD_PREFIX } from '@fairlead/shared/kubernetes/contract.ts';
import type { Lease } from '@fairlead/shared/kubernetes/objects.ts';
import { type GroupAction, GroupKeeper } from '../group-keeper.ts';
import { GROUP_LEASE_NAME, readGroupLease, writeGroupLease } from '../group-lease.ts';
import {
  type GroupEngine,
  type GroupRecord,
  type GroupState,
  majorityOf,
  stepProblem,
} from '../group-record.ts';
import { DEFAULT_GROUP_POLICY, type GroupKnowledge, type OwnEntry } from '../group-situation.ts';

const REF = { namespace: 'kube-system', name: GROUP_LEASE_NAME };

/** What a {@link GroupWorld} is made of. */
export interface GroupWorldOptions {
  readonly names: readonly string[];
  readonly controlPlane: readonly string[];
  readonly engine: GroupEngine;
  /** Agents without a key: they cannot run `raft`. */
  readonly keyless?: readonly string[];
  readonly seed?: number;
  readonly reformAfterMs?: number;
}

/** A disturbance. */
export type GroupFault =
  | { readonly kind: 'kill' | 'start' | 'cut' | 'deafen' | 'leave'; readonly name: string }
  | { readonly kind: 'restart'; readonly name: string; readonly engine: GroupEngine }
  | { readonly kind: 'delete' }
  | { readonly kind: 'rewind'; readonly back: number };

/** Time between two looks of an agent, and of the world. */
const STEP_MS = 100;
/** A watch shows a change this late at most. */
const MAX_LAG_MS = 2_000;
/** As long as it takes a voter to have settled an epoch. */
const SETTLE_MS = 500;
/** Taking addresses off. */
const MAX_STOP_MS = 5_000;
/** How long an agent is without the API, and without the others. */
const CUT_MS = 20_000;
const DEAF_MS = 45_000;

interface Agent {
  readonly name: string;
  readonly instance: string;
  readonly keeper: GroupKeeper;
  readonly startMs: number;
  engine: GroupEngine | undefined;
  /** Its addresses are still coming off. */
  stopping: GroupEngine | undefined;
  stoppedAtMs: number;
  isLeaving: boolean;
  isHanging: boolean;
  /** Its API calls fail until then. */
  cutUntilMs: number;
  /** It hears none of the others and is not heard until then. */
  deafUntilMs: number;
  /** Version it has been shown by its watch. */
  shown: number;
  /** In any message. */
  highestEpoch: number;
  followedEpoch: number;
  followedGroup: string;
  followedSinceMs: number;
  settledEpoch: number;
  coordinatorSinceMs: number | undefined;
}

/**
 * For tests: agents with a {@link GroupKeeper} each, an API server with one object, late watches, and an election that
 * gives the right to coordinate to whoever a majority of the voters he knows would follow. Checks at every step what must
 * never happen, and throws.
 */
export class GroupWorld {
  readonly names: readonly string[];
  readonly #options: GroupWorldOptions;
  readonly #agents = new Map<string, Agent>();
  readonly #wants = new Map<string, GroupEngine>();
  /** Every state the object has had; the last is the present one. */
  readonly #history: (Lease | undefined)[] = [undefined];
  /** Number of a state -> when watches show it. */
  readonly #shownMs = new Map<number, number>();
  /** Instance -> since when it hears no coordinator, and when it heard whom. */
  readonly #withoutSince = new Map<string, number>();
  readonly #heard = new Map<string, Map<string, number>>();
  #nowMs = 1_000;
  #starts = 0;
  #random: number;
  readonly #contents = new Map<string, string>();
  #wasReformed = false;
  writes = 0;
  reads = 0;

  constructor(options: GroupWorldOptions) {
    this.#options = options;
    this.names = options.names;
    this.#random = (options.seed ?? 1) >>> 0;
    for (const name of options.names) this.#wants.set(name, options.engine);
  }

  get object(): Lease | undefined {
    return this.#history.at(-1);
  }

  get state(): GroupState | undefined {
    const reading = readGroupLease(this.object);
    return reading.kind === 'found' ? reading.state : undefined;
  }

  get record(): GroupRecord | undefined {
    return this.state?.record;
  }

  keeper(name: string): GroupKeeper {
    return this.#agent(name).keeper;
  }

  /** Engine that runs on an agent now. */
  engineOf(name: string): GroupEngine | undefined {
    return this.#agents.get(name)?.engine;
  }

  startAll(): void {
    for (const name of this.names) this.start(name);
  }

  start(name: string): void {
    if (this.#agents.has(name)) return;
    this.#starts++;
    const instance = this.#starts.toString(16).padStart(16, '0');
    const { reformAfterMs } = this.#options;
    const policy = { ...DEFAULT_GROUP_POLICY, engine: this.#wants.get(name) ?? 'raft', reformAfterMs };
    const newGroupId = this.#starts.toString(16).padStart(32, '0');
    const keeper = new GroupKeeper({ self: { name, instance }, policy, newGroupId, startMs: this.#nowMs });
    this.#agents.set(name, {
      name,
      instance,
      keeper,
      startMs: this.#nowMs,
      engine: undefined,
      stopping: undefined,
      stoppedAtMs: 0,
      isLeaving: false,
      isHanging: false,
      cutUntilMs: 0,
      deafUntilMs: 0,
      shown: 0,
      highestEpoch: 0,
      followedEpoch: 0,
      followedGroup: '',
      followedSinceMs: 0,
      settledEpoch: 0,
      coordinatorSinceMs: undefined,
    });
  }

  kill(name: string): void {
    this.#agents.delete(name);
  }

  /** With another engine in its settings. */
  restart(name: string, engine: GroupEngine): void {
    this.kill(name);
    this.#wants.set(name, engine);
    this.start(name);
  }

  leave(name: string): void {
    const agent = this.#agents.get(name);
    if (agent !== undefined) agent.isLeaving = true;
  }

  /** Without the API for a while. */
  cut(name: string): void {
    const agent = this.#agents.get(name);
    if (agent !== undefined) agent.cutUntilMs = this.#nowMs + CUT_MS;
  }

  /** Without the other agents for a while. */
  deafen(name: string): void {
    const agent = this.#agents.get(name);
    if (agent !== undefined) agent.deafUntilMs = this.#nowMs + DEAF_MS;
  }

  /** Never gets its addresses off. */
  hang(name: string): void {
    this.#agent(name).isHanging = true;
  }

  reform(by: string, voters: readonly string[]): void {
    this.#agent(by).keeper.reform(voters);
  }

  delete(): void {
    this.#put(undefined);
  }

  /** Somebody puts a copy back. */
  restore(copy: Lease | undefined): void {
    this.#put(copy);
  }

  writeAnnotation(key: `${typeof FAIRLEAD_PREFIX}${string}`, value: string): void {
    const annotations = { ...this.object?.metadata?.annotations, [key]: value };
    this.#put({
      ...this.object,
      metadata: { ...this.object?.metadata, name: GROUP_LEASE_NAME, annotations },
    });
  }

  apply(fault: GroupFault): void {
    if (fault.kind === 'delete') this.delete();
    else if (fault.kind === 'rewind')
      this.restore(this.#history.at(-1 - (fault.back % this.#history.length)));
    else if (fault.kind === 'restart') this.restart(fault.name, fault.engine);
    else this[fault.kind](fault.name);
  }

  runUntil(isDone: () => boolean, limitMs: number): void {
    for (let ms = 0; !isDone(); ms += STEP_MS) {
      if (ms > limitMs) throw new Error(`not within ${limitMs} ms: ${JSON.stringify(this.record)}`);
      this.run(STEP_MS);
    }
  }

  run(ms: number): void {
    for (const endMs = this.#nowMs + ms; this.#nowMs < endMs; ) {
      this.#nowMs += STEP_MS;
      this.#elect();
      for (const agent of this.#shuffled()) this.#step(agent);
      this.#check();
    }
  }

  #step(agent: Agent): void {
    this.#watch(agent);
    this.#runEngine(agent);
    const own: OwnEntry = {
      endpoint: this.#options.keyless?.includes(agent.name) === true ? '' : '192.0.2.1:7947',
      controlPlane: this.#options.controlPlane.includes(agent.name),
      canRun: new Set(this.#options.keyless?.includes(agent.name) === true ? ['lease'] : ['raft', 'lease']),
      isStopped: agent.engine === undefined && agent.stopping === undefined,
      isLeaving: agent.isLeaving,
    };
    const known = this.#knowledge(agent);
    if (known.withoutCoordinatorSinceMs === undefined) agent.keeper.alive(this.#nowMs);
    const action = agent.keeper.next(own, known, this.#nowMs);
    if (action === undefined) return;
    if (this.#nowMs < agent.cutUntilMs) agent.keeper.failed();
    else if (action.kind === 'write') this.#write(agent, action);
    else {
      this.reads++;
      agent.keeper.read(readGroupLease(this.object), this.#nowMs);
    }
    this.#follow(agent);
  }

  #write(agent: Agent, { state, over, reasons }: Extract<GroupAction, { kind: 'write' }>): void {
    // Somebody else may be first, and a request or an answer may get lost.
    const isFirst = over === this.object?.metadata?.resourceVersion;
    const isTaken = isFirst && this.#next() > 0.05;
    if (isTaken) {
      this.writes++;
      this.#judge(agent, state, reasons.includes('reformed'));
      this.#put(writeGroupLease(this.object, REF, state));
    }
    const version = this.object?.metadata?.resourceVersion ?? '';
    if (isTaken && this.#next() > 0.1) agent.keeper.written(state, version, this.#nowMs);
    else agent.keeper.failed();
  }

  /** A record may only be followed by one that is lawful. */
  #judge(agent: Agent, after: GroupState, isReform: boolean): void {
    if (isReform) this.#wasReformed = true;
    const before = agent.keeper.followed?.record;
    if (before === undefined || isReform) return;
    this.#requireUnique(after.record);
    const problem = stepProblem(before, after.record);
    if (problem !== undefined) throw new Error(`${agent.name} at ${this.#nowMs} ms: ${problem}`);
  }

  #watch(agent: Agent): void {
    const last = this.#history.length - 1;
    if (this.#nowMs < agent.cutUntilMs || agent.shown === last) return;
    if (agent.shown > 0 || this.#nowMs < agent.startMs + 200) {
      const dueMs = this.#shownMs.get(agent.shown + 1) ?? 0;
      if (this.#nowMs < dueMs) return;
    }
    agent.shown = agent.shown === 0 ? last : agent.shown + 1;
    agent.keeper.observe(readGroupLease(this.#history[agent.shown]), this.#nowMs);
    this.#follow(agent);
  }

  #follow(agent: Agent): void {
    const { epoch = 0, groupId = '' } = agent.keeper.followed?.record ?? {};
    if (epoch < agent.followedEpoch && groupId === agent.followedGroup) {
      throw new Error(`${agent.name} follows epoch ${epoch} after ${agent.followedEpoch}`);
    }
    if (epoch === agent.followedEpoch && groupId === agent.followedGroup) return;
    agent.followedEpoch = epoch;
    agent.followedGroup = groupId;
    agent.followedSinceMs = this.#nowMs;
  }

  #runEngine(agent: Agent): void {
    const { engine } = agent.keeper.standing();
    if (agent.stopping !== undefined) {
      if (agent.isHanging || this.#nowMs < agent.stoppedAtMs) return;
      agent.stopping = undefined;
    }
    if (engine === agent.engine) return;
    if (agent.engine !== undefined) {
      agent.stopping = agent.engine;
      agent.stoppedAtMs = this.#nowMs + this.#next() * MAX_STOP_MS;
      agent.engine = undefined;
    } else agent.engine = engine;
  }

  /** Everybody who could be elected by those that he takes for the voters. */
  #elect(): void {
    for (const agent of this.#agents.values()) {
      if (this.#nowMs >= agent.followedSinceMs + SETTLE_MS) agent.settledEpoch = agent.followedEpoch;
      const record = agent.keeper.followed?.record;
      const isVoter = record?.voters.includes(agent.name) === true;
      const isElected =
        isVoter && !this.#isBehind(agent) && this.#backers(agent).length >= majorityOf(record.voters.length);
      const isFirst = this.#backers(agent).every(({ name }) => name >= agent.name || this.#isFresh(name));
      if (!isElected || !isFirst) agent.coordinatorSinceMs = undefined;
      else agent.coordinatorSinceMs ??= this.#nowMs;
    }
    const epochs = [...this.#agents.values()].filter(
      ({ coordinatorSinceMs }) => coordinatorSinceMs !== undefined,
    );
    // Of two that could be elected only one is: the one in the higher epoch, then by name.
    epochs.sort((a, b) => b.followedEpoch - a.followedEpoch || (a.name < b.name ? -1 : 1));
    for (const agent of epochs.slice(1)) agent.coordinatorSinceMs = undefined;
  }

  /** A restarted voter abstains. */
  #isFresh(name: string): boolean {
    return this.#nowMs < this.#agent(name).startMs + 1_000;
  }

  #backers(agent: Agent): readonly Agent[] {
    const record = agent.keeper.followed?.record;
    return (record?.voters ?? []).flatMap((name) => {
      const voter = this.#agents.get(name);
      if (voter === undefined || this.#isFresh(name) || !this.#hear(agent, voter)) return [];
      const group = voter.keeper.followed?.record.groupId;
      return group === record?.groupId && voter.followedEpoch <= agent.followedEpoch ? [voter] : [];
    });
  }

  /** Its node learns of a later epoch from the others, whatever its keeper has seen of the record. */
  #isBehind(agent: Agent): boolean {
    return [...this.#agents.values()].some(
      (other) =>
        this.#hear(agent, other) &&
        other.followedGroup === agent.followedGroup &&
        other.followedEpoch > agent.followedEpoch,
    );
  }

  /** Do messages pass between them? */
  #hear(a: Agent, b: Agent): boolean {
    return a === b || (this.#nowMs >= a.deafUntilMs && this.#nowMs >= b.deafUntilMs);
  }

  #knowledge(agent: Agent): GroupKnowledge {
    const groupId = agent.keeper.followed?.record.groupId;
    const others = [...this.#agents.values()].filter((other) => other !== agent && this.#hear(agent, other));
    const heard = others.filter(
      ({ keeper }) => groupId !== undefined && keeper.followed?.record.groupId === groupId,
    );
    const hasCoordinator = [agent, ...heard].some(
      ({ coordinatorSinceMs }) => coordinatorSinceMs !== undefined,
    );
    if (hasCoordinator) this.#withoutSince.delete(agent.instance);
    else if (!this.#withoutSince.has(agent.instance)) this.#withoutSince.set(agent.instance, this.#nowMs);
    for (const { name } of heard) this.#heardOf(agent).set(name, this.#nowMs);
    agent.highestEpoch = Math.max(agent.highestEpoch, ...others.map(({ followedEpoch }) => followedEpoch));
    return {
      isCoordinator: agent.coordinatorSinceMs !== undefined,
      withoutCoordinatorSinceMs: this.#withoutSince.get(agent.instance),
      settledEpochs: new Map([agent, ...heard].map(({ name, settledEpoch }) => [name, settledEpoch])),
      lastHeardMs: this.#heardOf(agent),
      listeningSinceMs: agent.coordinatorSinceMs ?? agent.startMs,
      leaving: new Set(others.filter(({ isLeaving }) => isLeaving).map(({ name }) => name)),
      gone: new Set(),
      highestEpoch: agent.highestEpoch,
    };
  }

  #heardOf(agent: Agent): Map<string, number> {
    const heard = this.#heard.get(agent.instance) ?? new Map<string, number>();
    this.#heard.set(agent.instance, heard);
    return heard;
  }

  /** A record is known by group, epoch and writer, so no two may have the same. */
  #requireUnique({ groupId, epoch, writer, ...content }: GroupRecord): void {
    const key = `${groupId} ${epoch} ${writer}`;
    const { engine, switching, size, voters } = content;
    const text = [engine, switching?.stage, switching?.to, size, ...voters].join(' ');
    const known = this.#contents.get(key);
    if (known !== undefined && known !== text) throw new Error(`${key} is ${known} and ${text}`);
    this.#contents.set(key, text);
  }

  #check(): void {
    this.#requireOneEngine();
    // A reform is for when the others are known to be dead.
    if (!this.#wasReformed) this.#requireOneElectorate();
  }

  /** The engine `lease` on one agent, and a coordinator of the engine `raft` on another, would be two owners. */
  #requireOneEngine(): void {
    const all = [...this.#agents.values()];
    const lease = all.find(({ engine, stopping }) => engine === 'lease' || stopping === 'lease');
    const raft = all.find(
      ({ engine, coordinatorSinceMs }) => engine === 'raft' && coordinatorSinceMs !== undefined,
    );
    if (lease !== undefined && raft !== undefined) {
      throw new Error(`${lease.name} runs lease while ${raft.name} coordinates at ${this.#nowMs} ms`);
    }
  }

  /** Two agents that follow different records must not find a majority each without a voter in common. */
  #requireOneElectorate(): void {
    const electable = [...this.#agents.values()].flatMap((agent) => {
      const { voters = [], groupId = '', epoch = 0 } = agent.keeper.followed?.record ?? {};
      const needed = majorityOf(voters.length);
      const backers = this.#backers(agent).map(({ name }) => name);
      return voters.includes(agent.name) && !this.#isBehind(agent) && backers.length >= needed
        ? [{ groupId, epoch, needed, backers }]
        : [];
    });
    for (const one of electable) {
      for (const two of electable) {
        const isSame = one.groupId === two.groupId && one.epoch === two.epoch;
        const together = new Set([...one.backers, ...two.backers]);
        if (isSame || together.size < one.needed + two.needed) continue;
        throw new Error(`two electorates at ${this.#nowMs} ms: ${JSON.stringify([one, two])}`);
      }
    }
  }

  #put(lease: Lease | undefined): void {
    const version = String(this.#history.length);
    this.#shownMs.set(this.#history.length, this.#nowMs + this.#next() * MAX_LAG_MS);
    this.#history.push(lease && { ...lease, metadata: { ...lease.metadata, resourceVersion: version } });
  }

  #shuffled(): readonly Agent[] {
    return [...this.#agents.values()]
      .map((agent) => ({ agent, place: this.#next() }))
      .sort((a, b) => a.place - b.place)
      .map(({ agent }) => agent);
  }

  #agent(name: string): Agent {
    const agent = this.#agents.get(name);
    if (agent === undefined) throw new Error(`no agent ${name} runs; there are ${[...this.#agents.keys()]}`);
    return agent;
  }

  /** mulberry32: the same seed gives the same run. */
  #next(): number {
    this.#random = (this.#random + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#random ^ (this.#random >>> 15), this.#random | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
}
