// SPDX-License-Identifier: Apache-2.0
import type { Clock, Timer } from '@fairlead/shared/runtime/clock.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import type { EngineView } from '../../status/engine-view.ts';
import type { AddressGroup, EngineHealth, EngineStats, OwnershipEngine, OwnershipState } from '../engine.ts';
import type { GroupStanding } from '../raft/group-keeper.ts';
import { configOf, type GroupEngine, type GroupRecord, type GroupState } from '../raft/group-record.ts';
import type { GroupKnowledge, OwnEntry } from '../raft/group-situation.ts';
import type { NodeEvent } from '../raft/node-api.ts';
import type { RaftDriver } from '../raft-driver/raft-driver.ts';
import type { RaftKeys, RaftStatus } from '../raft-driver/raft-port.ts';
import { EngineRun } from './engine-run.ts';
import { isCoordinating, isGroupHeard, knowledgeOf } from './group-knowledge.ts';
import { type GroupProblem, groupProblems } from './group-problems.ts';
import type { KeySource } from './key-source.ts';
import { UnheardAgents } from './unheard.ts';

/** The group record as the engine needs it; `GroupDriver` is one. */
export interface GroupSource {
  start(): void;
  stop(): Promise<void>;
  standing(): GroupStanding;
  state(): GroupState | undefined;
  onChange(listener: () => void): () => void;
  wake(): void;
  leave(limitMs: number): Promise<void>;
}

/** What the group record has to be told by this agent. */
export interface GroupInputs {
  readonly own: () => Omit<OwnEntry, 'isLeaving'>;
  readonly known: () => GroupKnowledge;
  readonly isGroupHeard: () => boolean;
}

/** What {@link createGroupEngine} needs. */
export interface GroupEngineOptions {
  readonly node: string;
  /** The engine that the operator wants. */
  readonly wanted: GroupEngine;
  readonly createGroup: (inputs: GroupInputs) => GroupSource;
  readonly keys: KeySource;
  /** Where the others reach this agent; undefined: not known (yet). */
  readonly endpoint: () => string | undefined;
  readonly isControlPlane: () => boolean;
  /** Members whose Nodes are gone. */
  readonly gone: (members: GroupState['members'], nowMs: number) => ReadonlySet<string>;
  /** Is what is known of the cluster up to date? */
  readonly isInformed: () => boolean;
  readonly createLease: () => OwnershipEngine;
  /** Made and set up for this group. */
  readonly createRaft: (group: { readonly groupId: string; readonly keys: RaftKeys }) => RaftDriver;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** An engine that follows the group record, and what can be seen of it. */
export interface GroupOwnership extends OwnershipEngine, EngineView {
  standing(): GroupStanding;
  /** Members of the group, as the record has them. */
  members(): GroupState['members'];
  /** What keeps the group from being what it should be. */
  problems(): readonly GroupProblem[];
  /** Agents that the record has and that should be heard, but are not. */
  unheard(): readonly string[];
}

/** Whoever is missing in the record enters itself again within this time, or stops: a change would not wait for it. */
const ENTRY_GRACE_MS = 3_000;
const LOOK_MS = 1_000;
const LEAVE_LIMIT_MS = 1_500;
const NOBODY: ReadonlySet<string> = new Set();
const NO_MEMBERS: GroupState['members'] = new Map();

/**
 * Runs the engine that is in force for the whole group, and none while one is being stopped. Where one follows the other,
 * the new one is begun only when all agents have confirmed that nothing of the old one is left.
 */
export function createGroupEngine(options: GroupEngineOptions): GroupOwnership {
  return new GroupEngineSwitch(options);
}

/** A run of the `raft` engine. */
interface RaftNodeRun {
  readonly run: EngineRun;
  readonly raft: RaftDriver;
}

/** What should run here. */
interface Target {
  readonly engine: GroupEngine;
  /** Of the `raft` engine: a node belongs to one group. */
  readonly groupId: string;
  /** Lives on, and owns nothing: the engine is being stopped, and somebody has to be able to write that it has been. */
  readonly isQuiet: boolean;
}

class GroupEngineSwitch implements GroupOwnership {
  readonly name = 'group';
  readonly #options: GroupEngineOptions;
  readonly #group: GroupSource;
  readonly #unheard: UnheardAgents;
  readonly #changeListeners = new Set<() => void>();
  readonly #extendListeners = new Set<(grants: ReadonlyMap<string, number>) => void>();
  readonly #eventListeners = new Set<(event: NodeEvent, atMs: number) => void>();
  readonly #unsubscribers: (() => void)[] = [];
  #run: EngineRun | undefined;
  /** The node that runs, in force or not yet. */
  #node: RaftNodeRun | undefined;
  #wanted: readonly [readonly AddressGroup[], ReadonlySet<string>] = [[], NOBODY];
  /** Versions of all engines in one row: what was applied of one must not be taken for something of the next. */
  #version = 0;
  #state: OwnershipState = { version: 0, grants: new Map(), owners: new Map(), lostNodes: NOBODY };
  #isEnding = false;
  #unenteredSinceMs: number | undefined;
  #isCoordinator = false;
  /** Datagrams signed with a key that is not known. */
  #unknownKeys = 0;
  #lookTimer: Timer | undefined;
  #isNotifying = false;
  #isStarted = false;
  #isStopped = false;

  constructor(options: GroupEngineOptions) {
    this.#options = options;
    this.#unheard = new UnheardAgents(options.node);
    this.#group = options.createGroup({
      own: () => this.#own(),
      known: () => this.#known(),
      isGroupHeard: () => isGroupHeard(this.raft(), this.group()?.voters ?? [], options.clock.monotonicMs()),
    });
  }

  async start(): Promise<void> {
    const { keys } = this.#options;
    await keys.start();
    if (this.#isStopped) return;
    this.#unsubscribers.push(
      this.#group.onChange(() => this.#follow()),
      keys.onChange(() => this.#takeKeys()),
    );
    this.#isStarted = true;
    this.#group.start();
    this.#look();
  }

  want(groups: readonly AddressGroup[], unservable: ReadonlySet<string>): void {
    this.#wanted = [groups, unservable];
    this.#run?.want(groups, unservable);
  }

  report(held: ReadonlySet<string>, version: number): void {
    const run = this.#run;
    if (run === undefined) return;
    const wasStopped = this.#hasStopped();
    run.report(held, version);
    if (run.isClear) this.#follow();
    if (this.#hasStopped() !== wasStopped) this.#group.wake();
  }

  state(): OwnershipState {
    this.#state = this.#run?.state() ?? {
      version: this.#version,
      grants: new Map(),
      owners: new Map(),
      lostNodes: this.#state.lostNodes,
    };
    this.#version = Math.max(this.#version, this.#state.version);
    return this.#state;
  }

  onChange(listener: () => void): () => void {
    this.#changeListeners.add(listener);
    return () => this.#changeListeners.delete(listener);
  }

  onExtended(listener: (grants: ReadonlyMap<string, number>) => void): () => void {
    this.#extendListeners.add(listener);
    return () => this.#extendListeners.delete(listener);
  }

  health(): EngineHealth {
    if (this.#run !== undefined && !this.#run.isMasked) {
      const { ok, detail } = this.#run.engine.health();
      // At first there is nobody to be elected from; whoever waits for this agent to be ready waits for that, too.
      if (this.#run === this.#node?.run && this.raft()?.reign === undefined) {
        return { ok: false, detail: 'raft: no coordinator has been heard yet' };
      }
      return { ok, detail: `${this.#run.engine.name}: ${detail}` };
    }
    const [problem] = this.problems();
    return { ok: false, detail: problem?.message ?? 'the engine is not known yet' };
  }

  stats(): EngineStats {
    return this.#run?.engine.stats() ?? { locks: new Map() };
  }

  async drain(limitMs: number): Promise<void> {
    await this.#run?.engine.drain(limitMs);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#lookTimer?.cancel();
    for (const unsubscribe of this.#unsubscribers) unsubscribe();
    const run = this.#run;
    const warm = this.#node?.run === run ? undefined : this.#node?.run;
    this.#run = undefined;
    try {
      await Promise.all([run?.stop(), warm?.stop()]);
      if (this.#isStarted) await this.#group.leave(LEAVE_LIMIT_MS);
    } finally {
      this.#node = undefined;
      this.#options.keys.stop();
      await this.#group.stop();
    }
  }

  standing(): GroupStanding {
    return this.#group.standing();
  }

  members(): GroupState['members'] {
    return this.#group.state()?.members ?? NO_MEMBERS;
  }

  inForce(): string | undefined {
    return this.#run?.engine.name;
  }

  group(): GroupRecord | undefined {
    return this.#group.standing().record;
  }

  raft(): RaftStatus | undefined {
    return this.#node?.raft.status();
  }

  onRaftEvent(listener: (event: NodeEvent, atMs: number) => void): () => void {
    this.#eventListeners.add(listener);
    return () => this.#eventListeners.delete(listener);
  }

  unheard(): readonly string[] {
    return this.#unheard.judge(this.raft(), this.#options.clock.monotonicMs()).agents;
  }

  problems(): readonly GroupProblem[] {
    const { wanted, keys, endpoint, clock } = this.#options;
    return groupProblems({
      wanted,
      standing: this.standing(),
      members: this.members(),
      hasKey: keys.keys() !== undefined,
      keyProblem: keys.problem(),
      hasEndpoint: endpoint() !== undefined,
      raft: this.raft(),
      unheard: this.#unheard.judge(this.raft(), clock.monotonicMs()),
      nowMs: clock.monotonicMs(),
    });
  }

  #look(): void {
    this.#lookTimer = this.#options.clock.setTimer(() => this.#look(), LOOK_MS);
    this.#node?.raft.setInformed(this.#options.isInformed());
    this.#follow();
  }

  #own(): Omit<OwnEntry, 'isLeaving'> {
    const { keys, endpoint, isControlPlane } = this.#options;
    const reachable = keys.keys() === undefined ? undefined : endpoint();
    // Ready for `raft` is whose node has begun: only then it is known who hears whom.
    const isCold = this.#group.standing().mayWarmUp && this.raft() === undefined;
    return {
      endpoint: reachable ?? '',
      controlPlane: isControlPlane(),
      canRun: new Set(reachable === undefined || isCold ? ['lease'] : ['raft', 'lease']),
      isStopped: this.#hasStopped(),
    };
  }

  #known(): GroupKnowledge {
    const nowMs = this.#options.clock.monotonicMs();
    return knowledgeOf(this.raft(), this.#options.gone(this.members(), nowMs), nowMs);
  }

  /** Nothing is left here of the engine that is being stopped. */
  #hasStopped(): boolean {
    const run = this.#run;
    if (run === undefined) return !this.#isEnding;
    if (!run.isMasked || !run.isClear || run !== this.#node?.run) return false;
    const status = this.raft();
    // A coordinator has taken everything back from everybody.
    if (status === undefined || status.atMs < run.maskedSinceMs) return false;
    return status.rightUntilMs === undefined || status.owners.size === 0;
  }

  #target(): Target | undefined {
    const { record, engine } = this.#group.standing();
    const groupId = record?.groupId ?? '';
    if (engine !== undefined) {
      this.#unenteredSinceMs = undefined;
      return { engine, groupId, isQuiet: false };
    }
    if (record?.switching?.stage === 'stop') {
      return record.engine === 'raft' ? { engine: 'raft', groupId, isQuiet: true } : undefined;
    }
    // A record that was written without our entry is mended by the next write; stopping would cost all addresses.
    if (record?.engine !== 'lease' || this.#run?.engine.name !== 'lease') return undefined;
    const nowMs = this.#options.clock.monotonicMs();
    this.#unenteredSinceMs ??= nowMs;
    return nowMs < this.#unenteredSinceMs + ENTRY_GRACE_MS
      ? { engine: 'lease', groupId, isQuiet: false }
      : undefined;
  }

  /** Brings what runs nearer to what should run. Called whenever anything may have changed. */
  #follow(): void {
    if (this.#isStopped || !this.#isStarted) return;
    this.#unheard.observe(this.members(), this.#options.clock.monotonicMs());
    const state = this.#group.state();
    if (state !== undefined) this.#node?.raft.follow(raftGroupOf(state));
    const target = this.#target();
    this.#warmUp(target);
    const run = this.#run;
    if (run === undefined) {
      if (target !== undefined && !this.#isEnding) this.#begin(target);
      return;
    }
    if (target !== undefined && run.serves(target.engine, target.groupId)) {
      if (run.isEnding) this.#endWhenClear(run);
      else this.#keepOn(run, target);
      return;
    }
    run.end();
    this.#notify();
    this.#endWhenClear(run);
  }

  #keepOn(run: EngineRun, { isQuiet }: Target): void {
    if (run.isMasked === isQuiet) return;
    if (isQuiet) run.quiet();
    else run.resume(...this.#wanted);
    this.#notify();
  }

  /**
   * Before a change to `raft` the node runs beside the engine in force, with nothing to own: its waiting is over when the
   * change comes, and those are chosen as voters who hear each other.
   */
  #warmUp(target: Target | undefined): void {
    const { mayWarmUp, record } = this.#group.standing();
    const node = this.#node;
    const groupId = record?.groupId ?? '';
    if (node !== undefined) {
      const isNext = mayWarmUp || target?.engine === 'raft';
      if (node.run === this.#run || (isNext && node.run.serves('raft', groupId))) return;
      this.#node = undefined;
      this.#retire(node.run);
    } else if (mayWarmUp && !this.#isEnding) {
      const warm = this.#createNode(groupId);
      if (warm === undefined) return;
      warm.run.quiet();
      this.#start(warm.run);
    }
  }

  #begin({ engine, groupId, isQuiet }: Target): void {
    const run =
      engine === 'lease' ? this.#createRun(this.#options.createLease(), groupId) : this.#nodeFor(groupId);
    if (run === undefined) return;
    const { epoch } = this.#group.standing().record ?? {};
    this.#options.logger.info({ engine, groupId, epoch }, 'ownership engine in force');
    this.#run = run;
    if (isQuiet) run.quiet();
    else run.resume(...this.#wanted);
    run.subscribe({
      onChange: () => this.#notify(),
      onExtended: (grants) => {
        for (const listener of this.#extendListeners) listener(grants);
      },
    });
    this.#start(run);
    this.#notify();
  }

  /** The node that is warm, or a new one. */
  #nodeFor(groupId: string): EngineRun | undefined {
    const run = (this.#node ?? this.#createNode(groupId))?.run;
    run?.raise(this.#version + 1);
    return run;
  }

  #createNode(groupId: string): RaftNodeRun | undefined {
    const { createRaft, keys, endpoint, isInformed } = this.#options;
    const secrets = keys.keys();
    const state = this.#group.state();
    if (secrets === undefined || endpoint() === undefined || state === undefined) return undefined;
    const raft = createRaft({ groupId, keys: secrets });
    raft.follow(raftGroupOf(state));
    raft.setInformed(isInformed());
    raft.onStatus((status) => this.#takeStatus(status));
    raft.onEvent((event, atMs) => {
      for (const listener of this.#eventListeners) listener(event, atMs);
    });
    this.#node = { raft, run: this.#createRun(raft, groupId) };
    return this.#node;
  }

  #createRun(engine: OwnershipEngine, groupId: string): EngineRun {
    return new EngineRun({ engine, groupId, baseVersion: this.#version + 1, clock: this.#options.clock });
  }

  #start(run: EngineRun): void {
    run.start().then(
      () => this.#notify(),
      (error: unknown) => {
        if (this.#isStopped) return;
        const engine = run.engine.name;
        this.#options.logger.error(
          { err: error, engine },
          'the ownership engine cannot start; it is tried again',
        );
        run.end();
      },
    );
  }

  #endWhenClear(run: EngineRun): void {
    if (!run.isClear || this.#isEnding) return;
    this.#version = Math.max(this.#version, run.version);
    this.#run = undefined;
    if (this.#node?.run === run) this.#node = undefined;
    this.#retire(run);
  }

  #retire(run: EngineRun): void {
    const { logger } = this.#options;
    this.#isEnding = true;
    run
      .stop()
      .catch((error: unknown) => logger.warn({ err: error }, 'the old engine has not ended well'))
      .finally(() => {
        this.#isEnding = false;
        logger.info({ engine: run.engine.name }, 'ownership engine ended');
        this.#notify();
        this.#group.wake();
        this.#follow();
      });
  }

  #takeKeys(): void {
    const keys = this.#options.keys.keys();
    if (keys !== undefined) this.#node?.raft.setKeys(keys);
    this.#group.wake();
    this.#follow();
  }

  #takeStatus(status: RaftStatus): void {
    if ((status.traffic.ignored.get('unknownKey') ?? 0) > this.#unknownKeys) this.#options.keys.suspect();
    this.#unknownKeys = status.traffic.ignored.get('unknownKey') ?? 0;
    const isCoordinator = isCoordinating(status, this.#options.clock.monotonicMs());
    // Whoever comes to office or is being stopped may have something to write at once.
    if (isCoordinator !== this.#isCoordinator || this.#run?.isMasked === true) this.#group.wake();
    this.#isCoordinator = isCoordinator;
  }

  #notify(): void {
    if (this.#isNotifying) return;
    this.#isNotifying = true;
    queueMicrotask(() => {
      this.#isNotifying = false;
      for (const listener of this.#changeListeners) listener();
    });
  }
}

function raftGroupOf({ record, members }: GroupState) {
  const endpoints = [...members].flatMap(([name, { endpoint }]): [string, string][] =>
    endpoint === '' ? [] : [[name, endpoint]],
  );
  return { config: configOf(record), endpoints: new Map(endpoints) };
}
