// SPDX-License-Identifier: Apache-2.0
import type {
  AddressGroup,
  EngineHealth,
  EngineStats,
  OwnershipEngine,
  OwnershipState,
} from '../../engine.ts';
import { UNTIL_WITHDRAWN } from '../../engine.ts';
import type { NodeEvent } from '../../raft/node-api.ts';
import type { RaftDriver, RaftGroup } from '../../raft-driver/raft-driver.ts';
import type { RaftKeys, RaftSetup, RaftStatus } from '../../raft-driver/raft-port.ts';

/** An engine that grants what the test says, and writes down what it is told. */
export class FakeEngine implements OwnershipEngine {
  readonly name: string;
  readonly reports: (readonly [readonly string[], number])[] = [];
  wanted: readonly AddressGroup[] = [];
  isStarted = false;
  isStopped = false;
  isDraining = false;
  #version = 0;
  #granted: readonly string[] = [];
  readonly #changed = new Set<() => void>();
  readonly #extended = new Set<(grants: ReadonlyMap<string, number>) => void>();

  constructor(name: string) {
    this.name = name;
  }

  grant(...addresses: readonly string[]): void {
    this.#version++;
    this.#granted = addresses;
    for (const listener of this.#changed) listener();
  }

  extend(grants: ReadonlyMap<string, number>): void {
    for (const listener of this.#extended) listener(grants);
  }

  start(): Promise<void> {
    this.isStarted = true;
    return Promise.resolve();
  }

  want(groups: readonly AddressGroup[]): void {
    this.wanted = groups;
  }

  report(held: ReadonlySet<string>, version: number): void {
    this.reports.push([[...held], version]);
  }

  state(): OwnershipState {
    const grants = new Map(this.#granted.map((address) => [address, UNTIL_WITHDRAWN]));
    return { version: this.#version, grants, owners: new Map(), lostNodes: new Set() };
  }

  onChange(listener: () => void): () => void {
    this.#changed.add(listener);
    return () => this.#changed.delete(listener);
  }

  onExtended(listener: (grants: ReadonlyMap<string, number>) => void): () => void {
    this.#extended.add(listener);
    return () => this.#extended.delete(listener);
  }

  health(): EngineHealth {
    return { ok: true, detail: 'fake' };
  }

  stats(): EngineStats {
    return { locks: new Map() };
  }

  drain(): Promise<void> {
    this.isDraining = true;
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.isStopped = true;
    return Promise.resolve();
  }
}

/** A `raft` engine without a node. */
export class FakeRaft extends FakeEngine implements RaftDriver {
  readonly followed: RaftGroup[] = [];
  readonly keys: RaftKeys[] = [];
  informed: boolean | undefined;
  setup: RaftSetup | undefined;
  #status: RaftStatus | undefined;
  readonly #statusListeners = new Set<(status: RaftStatus) => void>();

  constructor() {
    super('raft');
  }

  setUp(setup: RaftSetup): void {
    this.setup = setup;
  }

  follow(group: RaftGroup): void {
    this.followed.push(group);
  }

  setKeys(keys: RaftKeys): void {
    this.keys.push(keys);
  }

  setInformed(isInformed: boolean): void {
    this.informed = isInformed;
  }

  status(): RaftStatus | undefined {
    return this.#status;
  }

  say(status: RaftStatus): void {
    this.#status = status;
    for (const listener of this.#statusListeners) listener(status);
  }

  onStatus(listener: (status: RaftStatus) => void): () => void {
    this.#statusListeners.add(listener);
    return () => this.#statusListeners.delete(listener);
  }

  onEvent(_listener: (event: NodeEvent, atMs: number) => void): () => void {
    return () => undefined;
  }
}

/** What a node says that has just begun, and hears nobody. */
export function raftStatus(atMs: number, changes: Partial<RaftStatus> = {}): RaftStatus {
  return {
    id: { name: 'a', instance: '00000000000000a1' },
    groupId: '0'.repeat(32),
    atMs,
    role: 'follower',
    term: 1,
    rightUntilMs: undefined,
    reign: undefined,
    heardMs: Number.NEGATIVE_INFINITY,
    reachedMs: new Map(),
    config: { epoch: 0, voters: [] },
    settledEpochs: new Map(),
    availability: 'available',
    isKeeping: false,
    owners: new Map(),
    members: new Map(),
    silences: new Map(),
    isDrained: false,
    grantedUntilMs: Number.NEGATIVE_INFINITY,
    lastHeardMs: new Map(),
    withoutCoordinatorSinceMs: undefined,
    listeningSinceMs: atMs,
    highestEpoch: 0,
    traffic: {
      sent: 0,
      sendFailed: 0,
      received: 0,
      ignored: new Map(),
      renewalsLate: 0,
      renewalsLost: 0,
    },
    problem: undefined,
    ...changes,
  };
}
