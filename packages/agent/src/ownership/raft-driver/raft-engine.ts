// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto';
import type { Clock, Timer } from '@fairlead/shared/runtime/clock.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import {
  type AddressGroup,
  type EngineHealth,
  type EngineStats,
  type LockStats,
  type Owner,
  type OwnershipState,
  UNTIL_WITHDRAWN,
} from '../engine.ts';
import type { NodeEvent } from '../raft/node-api.ts';
import { type PlacedGroups, placementGroups, sameGroups } from './placement-groups.ts';
import type { RaftDriver, RaftGroup } from './raft-driver.ts';
import type {
  FromRaft,
  RaftCommand,
  RaftGrants,
  RaftKeys,
  RaftPort,
  RaftSetup,
  RaftStatus,
} from './raft-port.ts';

/** What {@link createRaftEngine} needs. */
export interface RaftEngineOptions {
  readonly port: RaftPort;
  readonly node: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The last words of a node are on the wire much sooner; a thread that does not answer is ended by others. */
const GOODBYE_LIMIT_MS = 1_000;
/** How often a node that drains is looked at. */
const DRAIN_LOOK_MS = 5;
/** Without a coordinator for so long, something is wrong that does not pass by itself. */
const LEADERLESS_MS = 3_000;
/** The name under which the node's part in the office shows among the locks. */
const OFFICE = 'coordinator';

const NOTHING_GRANTED: RaftGrants = { version: 0, addresses: new Set(), lapsed: false };
const NOBODY: ReadonlySet<string> = new Set();

/**
 * The `raft` engine of one agent, as seen by its main thread. The node itself runs in the announcing thread; here is what
 * it has to be told, and what it said.
 */
export function createRaftEngine(options: RaftEngineOptions): RaftDriver {
  return new RaftEngine(options);
}

class RaftEngine implements RaftDriver {
  readonly name = 'raft';
  readonly #options: RaftEngineOptions;
  readonly #changeListeners = new Set<() => void>();
  readonly #statusListeners = new Set<(status: RaftStatus) => void>();
  readonly #eventListeners = new Set<(event: NodeEvent, atMs: number) => void>();
  #unsubscribe: (() => void) | undefined;
  #setup: RaftSetup | undefined;
  #group: RaftGroup | undefined;
  #groups: PlacedGroups | undefined;
  #isInformed = true;
  #isDraining = false;
  #granted = NOTHING_GRANTED;
  /** Versions begin anew with each node in the thread; for the rest of the agent they go on. */
  #base = 0;
  #held: ReadonlySet<string> = NOBODY;
  #status: RaftStatus | undefined;
  #owners: ReadonlyMap<string, Owner> = new Map();
  #lost: ReadonlySet<string> = NOBODY;
  readonly #office = { acquired: 0, lost: 0, isHolder: false };
  #isNotifying = false;
  #onStopped: (() => void) | undefined;

  constructor(options: RaftEngineOptions) {
    this.#options = options;
  }

  setUp(setup: RaftSetup): void {
    this.#setup = setup;
  }

  follow(group: RaftGroup): void {
    const before = this.#group;
    this.#group = group;
    if (this.#unsubscribe === undefined) return;
    if (before === undefined || !sameEntries(before.endpoints, group.endpoints)) {
      this.#tell({ type: 'endpoints', endpoints: group.endpoints });
    }
    this.#tell({ type: 'config', config: group.config });
  }

  setKeys(keys: RaftKeys): void {
    if (this.#setup === undefined) return;
    this.#setup = { ...this.#setup, keys };
    this.#tell({ type: 'keys', keys });
  }

  setInformed(isInformed: boolean): void {
    if (isInformed === this.#isInformed) return;
    this.#isInformed = isInformed;
    this.#tell({ type: 'informed', isInformed });
  }

  async start(): Promise<void> {
    if (this.#setup === undefined) throw new Error('the raft engine is started before it is set up');
    this.#unsubscribe = this.#options.port.onReport((report) => this.#hear(report));
    this.#begin(this.#setup);
  }

  want(groups: readonly AddressGroup[], unservable: ReadonlySet<string>): void {
    const wanted = placementGroups(groups, unservable);
    const before = this.#groups;
    this.#groups = wanted;
    if (before === undefined || !sameGroups(before.groups, wanted.groups)) {
      this.#tell({ type: 'groups', groups: wanted.groups });
    }
    if (before === undefined || !sameSet(before.refused, wanted.refused)) {
      this.#tell({ type: 'refused', addresses: wanted.refused });
    }
  }

  report(held: ReadonlySet<string>, version: number): void {
    this.#held = held;
    // What was done for a node of the past is nothing that this one has asked for.
    this.#tell({ type: 'onNode', addresses: held, version: Math.max(0, version - this.#base) });
  }

  state(): OwnershipState {
    return {
      version: this.#base + this.#granted.version,
      grants: new Map([...this.#granted.addresses].map((address) => [address, UNTIL_WITHDRAWN])),
      owners: this.#owners,
      lostNodes: this.#lost,
    };
  }

  onChange(listener: () => void): () => void {
    this.#changeListeners.add(listener);
    return () => this.#changeListeners.delete(listener);
  }

  /** Never: deadlines move on in the announcing thread. */
  onExtended(): () => void {
    return () => {};
  }

  onStatus(listener: (status: RaftStatus) => void): () => void {
    this.#statusListeners.add(listener);
    return () => this.#statusListeners.delete(listener);
  }

  onEvent(listener: (event: NodeEvent, atMs: number) => void): () => void {
    this.#eventListeners.add(listener);
    return () => this.#eventListeners.delete(listener);
  }

  status(): RaftStatus | undefined {
    return this.#status;
  }

  health(): EngineHealth {
    const status = this.#status;
    if (status === undefined) return { ok: false, detail: 'the node of the raft engine has not begun' };
    if (status.problem !== undefined) return { ok: false, detail: status.problem };
    const sinceMs = status.withoutCoordinatorSinceMs;
    const leaderlessMs = sinceMs === undefined ? 0 : this.#options.clock.monotonicMs() - sinceMs;
    if (leaderlessMs >= LEADERLESS_MS) {
      const seconds = Math.floor(leaderlessMs / 1000);
      return { ok: false, detail: `no coordinator for ${seconds} s: a majority of the voters is not heard` };
    }
    return { ok: true, detail: `coordinator ${status.reign?.coordinator.name ?? 'being elected'}` };
  }

  stats(): EngineStats {
    const office: LockStats = { ...this.#office };
    return { locks: new Map([[OFFICE, office]]) };
  }

  async drain(limitMs: number): Promise<void> {
    const { clock } = this.#options;
    if (this.#unsubscribe === undefined) return;
    this.#isDraining = true;
    this.#tell({ type: 'drain', isOn: true });
    const untilMs = clock.monotonicMs() + limitMs;
    const sinceMs = clock.monotonicMs();
    const isOver = () =>
      clock.monotonicMs() >= untilMs ||
      this.#status === undefined ||
      (this.#status.atMs >= sinceMs && this.#status.isDrained);
    while (!isOver()) await sleep(clock, DRAIN_LOOK_MS);
  }

  async stop(): Promise<void> {
    if (this.#unsubscribe === undefined) return;
    let timer: Timer | undefined;
    await new Promise<void>((resolve) => {
      this.#onStopped = resolve;
      timer = this.#options.clock.setTimer(resolve, GOODBYE_LIMIT_MS);
      this.#tell({ type: 'stop' });
    });
    timer?.cancel();
    this.#unsubscribe();
    this.#unsubscribe = undefined;
    this.#forget();
  }

  #tell(command: RaftCommand): void {
    if (this.#unsubscribe !== undefined) this.#options.port.tell(command);
  }

  #begin(setup: RaftSetup): void {
    this.#tell({ type: 'start', setup });
    if (this.#group !== undefined) {
      this.#tell({ type: 'endpoints', endpoints: this.#group.endpoints });
      this.#tell({ type: 'config', config: this.#group.config });
    }
    if (this.#groups !== undefined) {
      this.#tell({ type: 'groups', groups: this.#groups.groups });
      this.#tell({ type: 'refused', addresses: this.#groups.refused });
    }
    if (!this.#isInformed) this.#tell({ type: 'informed', isInformed: false });
    if (this.#isDraining) this.#tell({ type: 'drain', isOn: true });
    this.#tell({ type: 'onNode', addresses: this.#held, version: 0 });
  }

  #hear(report: FromRaft): void {
    switch (report.type) {
      case 'granted':
        this.#takeGrants(report.grants);
        break;
      case 'status':
        this.#takeStatus(report.status);
        break;
      case 'event':
        this.#takeEvent(report.event, report.atMs);
        break;
      case 'stopped':
        this.#onStopped?.();
        break;
      case 'gone':
        this.#forget();
        break;
      case 'back':
        this.#restart();
        break;
    }
  }

  /** A new node under the old name has to be another instance: it knows nothing of what the one before has promised. */
  #restart(): void {
    if (this.#setup === undefined) return;
    const id = { name: this.#setup.id.name, instance: randomBytes(8).toString('hex') };
    this.#setup = { ...this.#setup, id };
    this.#begin(this.#setup);
  }

  #forget(): void {
    // Having nothing is a change, too.
    this.#base += this.#granted.version + 1;
    this.#granted = NOTHING_GRANTED;
    this.#status = undefined;
    this.#office.isHolder = false;
    this.#notify();
  }

  #takeGrants(grants: RaftGrants): void {
    if (grants.lapsed) {
      const addresses = [...this.#granted.addresses];
      this.#options.logger.warn({ addresses }, 'no coordinator was heard in time, so this node let go');
    }
    this.#granted = grants;
    this.#notify();
  }

  #takeStatus(status: RaftStatus): void {
    const before = this.#status;
    this.#status = status;
    if (before?.problem !== status.problem && status.problem !== undefined) {
      this.#options.logger.error({ problem: status.problem }, 'this agent cannot talk to the others');
    }
    const owners = this.#ownersOf(status);
    const lost = new Set([...status.members].filter(([, state]) => state === 'lost').map(([name]) => name));
    const isNews = owners !== this.#owners || !sameSet(lost, this.#lost);
    this.#owners = owners;
    this.#lost = lost;
    if (isNews) this.#notify();
    for (const listener of this.#statusListeners) listener(status);
  }

  /** The same map when nothing has changed. */
  #ownersOf({ owners, atMs }: RaftStatus): ReadonlyMap<string, Owner> {
    let isSame = owners.size === this.#owners.size;
    const next = new Map<string, Owner>();
    for (const [address, node] of owners) {
      const known = this.#owners.get(address);
      if (known?.node !== node) isSame = false;
      next.set(address, known?.node === node ? known : { node, sinceMs: atMs });
    }
    return isSame ? this.#owners : next;
  }

  #takeEvent(event: NodeEvent, atMs: number): void {
    const { node, logger } = this.#options;
    if (event.type === 'reignBegan') {
      this.#office.acquired++;
      this.#office.isHolder = true;
    } else if (event.type === 'reignEnded') {
      this.#office.lost++;
      this.#office.isHolder = false;
    }
    if (event.type === 'twin') {
      logger.error(
        { node, instance: event.instance },
        'another agent has the name of this one: give each its own',
      );
    } else if (event.type === 'moved') logger.debug({ move: event.move }, 'address placed');
    // Who is cut off from a majority asks for votes many times a second, for as long as that lasts.
    else if (event.type === 'role' && event.role !== 'leader') logger.debug({ event }, 'raft');
    else logger.info({ event }, 'raft');
    for (const listener of this.#eventListeners) listener(event, atMs);
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

function sameSet(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((value) => b.has(value));
}

function sameEntries(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([name, value]) => b.get(name) === value);
}

function sleep(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimer(resolve, ms);
  });
}
