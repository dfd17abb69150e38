// SPDX-License-Identifier: Apache-2.0
import type { KubeClient } from '@fairlead/shared/kubernetes/client.ts';
import { serviceLeaseName } from '@fairlead/shared/kubernetes/contract.ts';
import { createLeaseElector } from '@fairlead/shared/kubernetes/lease/create-elector.ts';
import type { LeaseElector } from '@fairlead/shared/kubernetes/lease/elector.ts';
import type { LeaseTiming } from '@fairlead/shared/kubernetes/lease/timing.ts';
import { joinKey, type Lease, type Node, splitKey } from '@fairlead/shared/kubernetes/objects.ts';
import type { Reflector } from '@fairlead/shared/kubernetes/reflector.ts';
import type { Clock, Timer } from '@fairlead/shared/runtime/clock.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import {
  type CarryDecision,
  decide,
  type LeaseView,
  leaseKey,
  NOTHING_CARRIED,
  nextFenceMs,
} from './carry.ts';
import type {
  AddressGroup,
  EngineHealth,
  EngineStats,
  LockStats,
  Owner,
  OwnershipEngine,
  OwnershipState,
} from './engine.ts';
import { LeaseObserver } from './lease-observer.ts';
import { preferredNodes } from './node-watch.ts';
import { rendezvousRank } from './rank.ts';

/** Wait per place in the order of preference before a free Lease is taken; about twice a round trip to the API server. */
const STAGGER_STEP_MS = 75;
/** Places beyond this one wait no longer: they race, and the API server lets one win. */
const STAGGER_PLACES = 5;

/** How the Leases of single Services begin. */
const SERVICE_LEASE_PREFIX = serviceLeaseName('');

/** What {@link createLeaseEngine} needs. */
export interface LeaseEngineOptions {
  readonly client: KubeClient;
  /** Name of this node: holder identity in Leases, as kube-vip writes it. */
  readonly node: string;
  readonly timing: LeaseTiming;
  readonly nodes: Reflector<Node>;
  /**
   * The Leases, started and stopped by the caller. Undefined when RBAC forbids to watch them: then each contender polls
   * its own, and lost nodes are not noticed.
   */
  readonly leases: LeaseWatch | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  /** For tests. */
  readonly createElector?: typeof createLeaseElector;
}

/** A watch of Leases and what it shows. */
export interface LeaseWatch {
  readonly reflector: Reflector<Lease>;
  /** Whether this Lease would be seen; contenders for others poll. */
  readonly covers: (namespace: string, name: string) => boolean;
}

interface Contender {
  readonly elector: LeaseElector;
  /** When it last won (monotonic). */
  acquiredMs?: number;
  /** The Lease was won, or has been kept, while this node was not one to be left. */
  isWelcome?: boolean;
  /** Set while the Lease is being given back. */
  stopping?: Promise<void>;
}

/**
 * Owners are the holders of kube-vip's own Leases, so that our agents and kube-vip's can share a cluster. One Lease for
 * everything, one per Service, or one that several Services name.
 *
 * Its known limit: which Lease an address belongs to is not agreed on but read from the Services by each node for itself.
 * A node whose watch is late can begin to carry an address, under a Lease that it holds, that an edit has given to another
 * Lease a moment ago; it stops when it sees the edit. `carry.ts` keeps apart what is carried already; `carry.test.ts` says
 * what it assumes.
 */
export function createLeaseEngine(options: LeaseEngineOptions): OwnershipEngine {
  return new LeaseEngine(options);
}

class LeaseEngine implements OwnershipEngine {
  readonly name = 'lease';
  readonly #options: LeaseEngineOptions;
  readonly #observer: LeaseObserver | undefined;
  readonly #contenders = new Map<string, Contender>();
  readonly #lockStats = new Map<string, { acquired: number; lost: number }>();
  readonly #changeListeners = new Set<() => void>();
  readonly #extendListeners = new Set<(grants: ReadonlyMap<string, number>) => void>();
  #groups: readonly AddressGroup[] = [];
  /** Leases of groups for which this node is to be left. */
  #left: ReadonlySet<string> = new Set();
  /** Leases that go back because this node is to be left, until they have gone. */
  readonly #leaving = new Set<string>();
  #wantedLeases: ReadonlySet<string> = new Set();
  #held: ReadonlySet<string> = new Set();
  #decision: CarryDecision = {
    grants: new Set(),
    campaign: new Set(),
    first: new Set(),
    fenced: new Set(),
    memory: NOTHING_CARRIED,
  };
  /** Lease key -> addresses granted to this node under it. */
  #carriedUnder: ReadonlyMap<string, readonly string[]> = new Map();
  #owners: ReadonlyMap<string, Owner> = new Map();
  #lost: ReadonlySet<string> = new Set();
  readonly #view: LeaseView = {
    holdUntilMs: (key) => this.#holdUntilMs(key),
    heldSinceMs: (key) => this.#contenders.get(key)?.acquiredMs ?? 0,
    otherHolder: (key) => this.#otherHolder(key),
  };
  #fenceTimer: Timer | undefined;
  #notifying = false;
  #evaluating = false;
  #wanted = false;
  #running = false;

  constructor(options: LeaseEngineOptions) {
    this.#options = options;
    if (options.leases === undefined) return;
    const { leases, nodes, client, node, clock, logger } = options;
    this.#observer = new LeaseObserver({
      client,
      leases: leases.reflector,
      nodes,
      node,
      clock,
      logger,
      isRelevant: (namespace, name) => this.#isAgentLease(namespace, name),
      onChange: () => this.#evaluate(),
    });
  }

  async start(): Promise<void> {
    await this.#options.leases?.reflector.synced();
    this.#running = true;
    this.#observer?.start();
    this.#evaluate();
  }

  want(groups: readonly AddressGroup[], unservable: ReadonlySet<string>): void {
    this.#groups = groups.map((group) =>
      group.addresses.some((address) => unservable.has(address)) ? this.#withoutUs(group) : group,
    );
    this.#wantedLeases = new Set(groups.map(({ lease }) => leaseKey(lease)));
    const { node } = this.#options;
    this.#left = new Set(
      groups.flatMap(({ avoided, lease }) => (avoided?.get(node) === 'leave' ? [leaseKey(lease)] : [])),
    );
    this.#evaluate();
  }

  report(held: ReadonlySet<string>): void {
    this.#held = held;
    this.#evaluate();
  }

  /**
   * A node that is to be left gives its Leases back, each once: the other nodes had their chance then, and what none of
   * them took stays here.
   */
  #leave(): void {
    const { clock, node } = this.#options;
    for (const [key, contender] of this.#contenders) {
      if (contender.stopping !== undefined || this.#holdUntilMs(key) <= clock.monotonicMs()) continue;
      if (!this.#left.has(key)) {
        contender.isWelcome = true;
        this.#leaving.delete(key);
      } else if (contender.isWelcome && this.#preferred(key).some((name) => name !== node)) {
        this.#leaving.add(key);
      }
    }
  }

  /** Leases are taken by whoever can serve, and each owner by itself: there is nobody to hand over to. */
  async drain(): Promise<void> {}

  /** The group is not for this node. The other candidates matter all the same. */
  #withoutUs(group: AddressGroup): AddressGroup {
    if (group.candidates === 'any') return { ...group, candidates: new Set() };
    return {
      ...group,
      candidates: new Set([...group.candidates].filter((name) => name !== this.#options.node)),
    };
  }

  state(): OwnershipState {
    const grants = new Map<string, number>();
    for (const [key, addresses] of this.#carriedUnder) {
      for (const address of addresses) grants.set(address, this.#holdUntilMs(key));
    }
    return { version: 0, grants, owners: this.#owners, lostNodes: this.#lost };
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
    const holding = [...this.#contenders.values()].filter(({ elector }) => elector.isHolder()).length;
    const watch = this.#options.leases === undefined ? 'polling' : 'watching';
    return {
      ok: this.#running,
      detail: `${watch} Leases, contending for ${this.#contenders.size}, holding ${holding}`,
    };
  }

  stats(): EngineStats {
    const locks = new Map<string, LockStats>();
    for (const [key, { acquired, lost }] of this.#lockStats) {
      locks.set(key, { acquired, lost, isHolder: this.#contenders.get(key)?.elector.isHolder() ?? false });
    }
    return { locks };
  }

  async stop(): Promise<void> {
    this.#running = false;
    this.#fenceTimer?.cancel();
    this.#observer?.stop();
    const contenders = [...this.#contenders.values()];
    this.#contenders.clear();
    const ends = contenders.map(({ elector, stopping }) => stopping ?? elector.stop({ release: true }));
    const results = await Promise.allSettled(ends);
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  /** Decides anew from everything known. Contenders call back while they are started or stopped; that only asks for more. */
  #evaluate(): void {
    this.#wanted = true;
    if (this.#evaluating || !this.#running) return;
    this.#evaluating = true;
    try {
      while (this.#wanted) {
        this.#wanted = false;
        this.#evaluateOnce();
      }
    } finally {
      this.#evaluating = false;
    }
  }

  #evaluateOnce(): void {
    const { clock, node, timing } = this.#options;
    const previous = this.#decision;
    const nowMs = clock.monotonicMs();
    this.#leave();
    this.#decision = decide(
      {
        node,
        nowMs,
        groups: this.#groups.map((group) =>
          this.#leaving.has(leaseKey(group.lease)) ? this.#withoutUs(group) : group,
        ),
        leases: this.#view,
        memory: previous.memory,
        held: this.#held,
      },
      timing.leaseDurationMs,
    );
    this.#carriedUnder = Map.groupBy(
      this.#decision.grants.keys(),
      (address) => this.#decision.memory.carried.get(address)?.lease ?? '',
    );
    this.#contend();
    this.#armFence(nowMs);
    const owners = this.#computeOwners(nowMs);
    const lost = this.#observer?.lostNodes() ?? new Set<string>();
    const changed =
      !sameSet(previous.grants, this.#decision.grants) ||
      !sameOwners(this.#owners, owners) ||
      !sameSet(this.#lost, lost);
    this.#owners = owners;
    this.#lost = lost;
    if (changed) this.#notify();
  }

  /** Leases of kube-vip's naming, and those that our groups name; the rest belongs to other controllers. */
  #isAgentLease(namespace: string, name: string): boolean {
    return name.startsWith(SERVICE_LEASE_PREFIX) || this.#wantedLeases.has(joinKey(namespace, name));
  }

  #holdUntilMs(key: string): number {
    const contender = this.#contenders.get(key);
    return contender === undefined || contender.stopping !== undefined ? 0 : contender.elector.holdUntilMs();
  }

  #holder(key: string): string | undefined {
    if (this.#holdUntilMs(key) > this.#options.clock.monotonicMs()) return this.#options.node;
    const { namespace = '', name } = splitKey(key);
    const isSeen = this.#options.leases?.covers(namespace, name) ?? false;
    return (isSeen ? this.#observer?.holder(key) : this.#contenders.get(key)?.elector.holder()) || undefined;
  }

  #otherHolder(key: string): string | undefined {
    const holder = this.#holder(key);
    return holder === this.#options.node ? undefined : holder;
  }

  #contend(): void {
    for (const key of this.#decision.campaign) if (!this.#contenders.has(key)) this.#startContender(key);
    for (const [key, contender] of this.#contenders) {
      if (!this.#decision.campaign.has(key) && contender.stopping === undefined)
        this.#stopContender(key, contender);
    }
  }

  #startContender(key: string): void {
    const { client, node, timing, clock, logger, createElector = createLeaseElector } = this.#options;
    const { namespace = '', name } = splitKey(key);
    const { leases } = this.#options;
    const source = leases?.covers(namespace, name) ? leases.reflector : undefined;
    const stats = this.#lockStats.get(key) ?? { acquired: 0, lost: 0 };
    this.#lockStats.set(key, stats);
    const elector = createElector({
      client,
      namespace,
      name,
      identity: node,
      timing,
      clock,
      logger: logger.child({ lease: key }),
      ...(source === undefined ? {} : { source }),
      acquireDelayMs: () => this.#acquireDelayMs(key),
      onAcquired: () => {
        stats.acquired++;
        const contender = this.#contenders.get(key);
        if (contender !== undefined) {
          contender.acquiredMs = clock.monotonicMs();
          contender.isWelcome = !this.#left.has(key);
        }
        this.#evaluate();
      },
      onRenewed: () => this.#extend(key),
      onLost: () => {
        stats.lost++;
        this.#evaluate();
      },
      onHolder: () => this.#evaluate(),
    });
    this.#contenders.set(key, { elector });
    elector.start();
  }

  #stopContender(key: string, contender: Contender): void {
    const ended = () => {
      if (this.#contenders.get(key) === contender) this.#contenders.delete(key);
      this.#leaving.delete(key);
      this.#evaluate();
    };
    contender.stopping = contender.elector.stop({ release: true });
    contender.stopping.then(ended, (error: unknown) => {
      // Not released: it runs out by itself, and nothing is carried under it any more.
      this.#options.logger.warn({ err: error, lease: key }, 'Lease could not be given back');
      ended();
    });
  }

  /** Place of this node in the Lease's own order of nodes, so that Leases spread over nodes without a word between them. */
  #acquireDelayMs(key: string): number {
    if (this.#decision.first.has(key)) return 0;
    const nodes = this.#preferred(key);
    const rank = Math.min(rendezvousRank(key, this.#options.node, nodes), STAGGER_PLACES);
    const behind = this.#groupsOf(key).some((group) => this.#isCarriedElsewhere(group)) ? STAGGER_PLACES : 0;
    return (rank + behind) * STAGGER_STEP_MS;
  }

  #groupsOf(key: string): readonly AddressGroup[] {
    return this.#groups.filter(({ lease }) => leaseKey(lease) === key);
  }

  /** Nodes to which the addresses under a Lease should preferably go. */
  #preferred(key: string): readonly string[] {
    const groups = this.#groupsOf(key);
    const isCandidate = (name: string) =>
      groups.some(({ candidates }) => candidates === 'any' || candidates.has(name));
    return preferredNodes(this.#options.nodes.store.values(), this.#lost, isCandidate);
  }

  /** Whether another node still carries an address of the group under an earlier Lease; it goes first. */
  #isCarriedElsewhere({ addresses }: AddressGroup): boolean {
    const { fences } = this.#decision.memory;
    return addresses.some((address) =>
      [...(fences.get(address)?.keys() ?? [])].some((old) => this.#otherHolder(old) !== undefined),
    );
  }

  #extend(key: string): void {
    const addresses = this.#carriedUnder.get(key);
    if (addresses === undefined) return;
    const untilMs = this.#holdUntilMs(key);
    const extended = new Map(addresses.map((address) => [address, untilMs]));
    for (const listener of this.#extendListeners) listener(extended);
  }

  #computeOwners(nowMs: number): ReadonlyMap<string, Owner> {
    const owners = new Map<string, Owner>();
    for (const group of this.#groups) {
      const holder = this.#holder(leaseKey(group.lease));
      for (const address of group.addresses) {
        const node = this.#decision.grants.has(address) ? this.#options.node : holder;
        // Holding the Lease is not yet owning the address: this node may be waiting, or unable to serve the group.
        if (node === undefined || (node === this.#options.node && !this.#decision.grants.has(address)))
          continue;
        const known = this.#owners.get(address);
        owners.set(address, known?.node === node ? known : { node, sinceMs: nowMs });
      }
    }
    return owners;
  }

  #armFence(nowMs: number): void {
    this.#fenceTimer?.cancel();
    const nextMs = nextFenceMs(this.#decision, this.#view, this.#options.timing.leaseDurationMs);
    this.#fenceTimer =
      nextMs === undefined
        ? undefined
        : this.#options.clock.setTimer(() => this.#evaluate(), Math.max(nextMs - nowMs, 0) + 1);
  }

  #notify(): void {
    if (this.#notifying) return;
    this.#notifying = true;
    queueMicrotask(() => {
      this.#notifying = false;
      for (const listener of this.#changeListeners) listener();
    });
  }
}

function sameSet(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((entry) => b.has(entry));
}

function sameOwners(a: ReadonlyMap<string, Owner>, b: ReadonlyMap<string, Owner>): boolean {
  return a.size === b.size && [...a].every(([address, { node }]) => b.get(address)?.node === node);
}
