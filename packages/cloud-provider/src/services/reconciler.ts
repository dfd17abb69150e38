// SPDX-License-Identifier: Apache-2.0
import { isNotFound, type KubeClient } from '@fairlead/shared/kubernetes/client.ts';
import type { EventRecorder } from '@fairlead/shared/kubernetes/events.ts';
import { keyOf, type Service, splitKey } from '@fairlead/shared/kubernetes/objects.ts';
import type { Change, ReadonlyStore } from '@fairlead/shared/kubernetes/reflector.ts';
import { SERVICES } from '@fairlead/shared/kubernetes/resources.ts';
import { WorkQueue } from '@fairlead/shared/kubernetes/work-queue.ts';
import type { Clock } from '@fairlead/shared/runtime/clock.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import type { Claim, Handover, Holdings } from '../allocator/holdings.ts';
import { NO_POOLS } from '../pools/parse.ts';
import type { Pools } from '../pools/pool.ts';
import { decide } from './decide.ts';
import type { Decision } from './decision.ts';
import { Executor } from './executor.ts';
import type { IpamMetrics } from './metrics.ts';
import { PoolChanges } from './pool-changes.ts';
import { Reservations } from './reservations.ts';
import { annotatedAddresses, type ClassMode, claimOf, hasTraces, wantsAddresses } from './service-state.ts';
import { remembersPorts } from './sharing-terms.ts';
import { Teller } from './teller.ts';
import { type Need, Waiters } from './waiters.ts';
import { withAssignment } from './write.ts';
import { ServiceWriter } from './writer.ts';

/** What the {@link Reconciler} needs. */
export interface ReconcilerOptions {
  readonly client: Pick<KubeClient, 'get' | 'replace'>;
  /** The reflector's store; its changes go to {@link Reconciler.observe}. */
  readonly services: ReadonlyStore<Service>;
  readonly holdings: Holdings;
  readonly mode: ClassMode;
  /** `namespace/name` of the ConfigMap in use, for messages. */
  readonly configMap: () => string;
  readonly events: EventRecorder;
  readonly metrics: IpamMetrics;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Limit of one write: short enough that a write of ours cannot land when another leads. */
  readonly writeTimeoutMs: number;
}

/** One period of leadership. */
export interface Term {
  /** Asked before each write: is it still ours to write? */
  readonly mayWrite: () => boolean;
  /** Aborted when leadership is lost or the program ends. */
  readonly signal: AbortSignal;
  /** Services worked on at the same time. */
  readonly concurrency: number;
  /**
   * The Services as they were after leadership began, when the store may be from before: what the previous leader wrote
   * must be known before the first address is given.
   */
  readonly newest?: () => AsyncIterable<Service>;
}

/** How often a sync decides again after a conflict before it leaves the rest to the queue's backoff. */
const MAX_CONFLICTS = 4;
/** After this time an API server has given up any request it ever got (`--request-timeout`, 60 s). */
const SERVER_TIME_LIMIT_MS = 61_000;

/**
 * Gives Services their addresses and takes them back: the only place that writes to a Service. It keeps the index of who
 * holds what from the first Service seen on, leader or not; it decides and writes only during a {@link Term}.
 */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #holdings: Holdings;
  readonly #waiters: Waiters;
  readonly #reservations: Reservations;
  readonly #teller: Teller;
  readonly #executor: Executor;
  /** When a Service without an address was first seen; monotonic. */
  readonly #wantedSinceMs = new Map<string, number>();
  #pools: Pools = NO_POOLS;
  #term: { readonly queue: WorkQueue; readonly mayWrite: () => boolean } | undefined;

  constructor(options: ReconcilerOptions) {
    const { clock, holdings } = options;
    this.#options = options;
    this.#holdings = holdings;
    this.#teller = new Teller(options);
    const stored = (key: string) => this.#stored(key);
    this.#waiters = new Waiters(NO_POOLS, { clock, stored, serve: (service) => this.#promise(service) });
    this.#reservations = new Reservations({
      stored,
      claimOf: (service) => claimOf(service, this.#pools),
      observe: (service) =>
        this.#handOver(holdings.observe(claimOf(service, this.#pools), clock.monotonicMs())),
      forget: (key) => this.#handOver(holdings.forget(key, clock.monotonicMs())),
      reserve: (key, addresses) => this.#handOver(holdings.reserve(key, addresses, clock.monotonicMs())),
    });
    const reservations = this.#reservations;
    this.#executor = new Executor({
      reservations,
      waiters: this.#waiters,
      teller: this.#teller,
      writer: new ServiceWriter({
        ...options,
        reservations,
        mayWrite: () => this.#term?.mayWrite() === true,
      }),
      clock,
      stored,
      wantedSinceMs: (key) => this.#wantedSinceMs.get(key),
      lookAgainAfter: (key, delayMs) => this.#term?.queue.addAfter(key, delayMs),
    });
  }

  /** Services that wait for an address. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /** Services that wait for an address, by id of the pool; '' for those that no pool can help. */
  waitingByPool(): ReadonlyMap<string, number> {
    return this.#waiters.sizeByPool();
  }

  /** The pools in force. */
  get pools(): Pools {
    return this.#pools;
  }

  /** Takes note of a change of a Service; every change must come here, in order. */
  observe(change: Change<Service>): void {
    const key = keyOf(change.object);
    const nowMs = this.#options.clock.monotonicMs();
    if (change.type === 'deleted') this.#observeDeleted(key, change.object, nowMs);
    else this.#observeState(key, change.object, nowMs);
  }

  #observeState(key: string, service: Service, nowMs: number): void {
    const claim = claimOf(service, this.#pools);
    if (!this.#reservations.isOutdated(service)) this.#handOver(this.#holdings.observe(claim, nowMs));
    this.#reservations.observed(service);
    const wants = wantsAddresses(service, this.#options.mode);
    if (wants && annotatedAddresses(service) === '') {
      if (!this.#wantedSinceMs.has(key)) this.#wantedSinceMs.set(key, nowMs);
    } else {
      this.#wantedSinceMs.delete(key);
    }
    if (wants || hasTraces(service)) this.#term?.queue.add(key);
    if (claim.sharing !== undefined) this.#lookAtSharers(claim);
  }

  /** One that was alone on an address until another joined it has yet to remember with which ports. */
  #lookAtSharers({ service: key, addresses }: Claim): void {
    for (const address of addresses) {
      for (const sharer of this.#holdings.holdersOf(address)) {
        const service = sharer === key ? undefined : this.#stored(sharer);
        if (service !== undefined && !remembersPorts(service)) this.#term?.queue.add(sharer);
      }
    }
  }

  #observeDeleted(key: string, service: Service, nowMs: number): void {
    this.#teller.settled(key);
    this.#wantedSinceMs.delete(key);
    this.#waiters.remove(key);
    this.#reservations.deleted(service);
    // A successor of the same name may be known already.
    if (!this.#reservations.isAhead(key)) this.#handOver(this.#holdings.forget(key, nowMs));
  }

  /** Puts other pools into force; serves, or tells, all that wait, and looks again at the others that it concerns. */
  setPools(pools: Pools): void {
    const changes = new PoolChanges(this.#pools, pools);
    this.#pools = pools;
    const waiters = changes.concernsWaiters ? this.#waiters.oldestFirst() : [];
    const again = this.#reexamine(changes);
    // Before any of the others, so that the oldest come first.
    this.#waiters.setPools(pools);
    for (const key of [...waiters, ...again]) this.#term?.queue.add(key);
  }

  /** Brings the terms of sharing up to date; returns the Services that the changes concern. */
  #reexamine(changes: PoolChanges): ReadonlySet<string> {
    const { services, mode, clock } = this.#options;
    const again = new Set<string>();
    for (const service of services.values()) {
      const newTerms = changes.changesTermsIn(service.metadata?.namespace ?? '');
      if (newTerms) {
        const claim = claimOf(this.#reservations.newest(service), this.#pools);
        for (const key of this.#holdings.observe(claim, clock.monotonicMs()).affected) again.add(key);
      }
      if (wantsAddresses(service, mode) && (newTerms || changes.concerns(service))) again.add(keyOf(service));
    }
    return again;
  }

  /** Decides and writes until the term ends; resolves when nothing is under way any more. One term at a time. */
  async lead({ mayWrite, signal, concurrency, newest }: Term): Promise<void> {
    const { clock, logger, services } = this.#options;
    const queue = new WorkQueue({ clock, logger });
    this.#reservations.clear();
    this.#teller.clear();
    for await (const service of newest?.() ?? []) this.#reservations.listed(service);
    if (signal.aborted) return;
    this.#term = { queue, mayWrite };
    for (const service of [...services.values()].sort(byCreation)) queue.add(keyOf(service));
    try {
      await queue.run((key) => this.#sync(key), { concurrency, signal });
    } finally {
      this.#term = undefined;
      this.#waiters.clear();
    }
  }

  /** Brings one Service into the state it should have. Rejects when it has to be tried again later. */
  async #sync(key: string): Promise<void> {
    let service = this.#stored(key);
    // The server has a later state, mostly by our own write: its event will bring us here again.
    if (service !== undefined && this.#reservations.isOutdated(service)) return;
    if (this.#reservations.unclearSinceMs(key) !== undefined) service = await this.#clarify(key);
    this.#waiters.offerCooled();
    for (let conflicts = 0; service !== undefined; conflicts++) {
      const decision = this.#decide(service);
      const outcome = await this.#executor.carryOut(service, decision);
      if (outcome === 'done') return;
      if (conflicts === MAX_CONFLICTS) throw new Error(`Service ${key} keeps changing; trying again later`);
      service = await this.#fresh(key);
    }
  }

  /** Finds out what became of a write without an answer. While it may still be carried out, its addresses stay held. */
  async #clarify(key: string): Promise<Service | undefined> {
    const nowMs = this.#options.clock.monotonicMs();
    const service = await this.#fresh(key);
    const sinceMs = this.#reservations.unclearSinceMs(key);
    if (sinceMs === undefined) return service;
    const leftMs = sinceMs + SERVER_TIME_LIMIT_MS - nowMs;
    if (leftMs <= 0) this.#reservations.allFailed(key);
    else this.#term?.queue.addAfter(key, leftMs);
    return service;
  }

  #decide(service: Service): Decision {
    const { mode, configMap, clock } = this.#options;
    return decide(service, {
      pools: this.#pools,
      holdings: this.#holdings,
      mode,
      configMap: configMap(),
      nowMs: clock.monotonicMs(),
      wallMs: clock.wallMs(),
    });
  }

  /** Others may have become able to have an address. */
  #handOver({ freed, loosened, affected }: Handover): void {
    if (this.#term === undefined) return;
    // Work on what is queued may begin at once: those who wait come first.
    this.#waiters.offer(freed, loosened);
    for (const key of affected) this.#term.queue.add(key);
  }

  /**
   * Reserves addresses for a waiting Service at once, so that no younger one gets them, and has them written. Otherwise
   * returns what the Service goes on to wait for.
   */
  #promise(service: Service): Need | undefined {
    const decision = this.#decide(service);
    if (decision.kind === 'refuse' || decision.kind === 'assign') {
      this.#waiters.wakeAt(decision.coolingUntilMs);
      if (decision.kind === 'refuse' || withAssignment(service, decision) === undefined) return decision.need;
      this.#reservations.promise(service, decision.addresses);
    }
    this.#term?.queue.add(keyOf(service));
    return undefined;
  }

  #stored(key: string): Service | undefined {
    const { namespace, name } = splitKey(key);
    return this.#options.services.get(namespace, name);
  }

  /** The Service as the server has it; undefined when it is gone, or about to come back to us as a new one. */
  async #fresh(key: string): Promise<Service | undefined> {
    try {
      const service = await this.#options.client.get(SERVICES, splitKey(key));
      if (this.#stored(key) === undefined) return undefined;
      this.#reservations.answered(service);
      return service;
    } catch (error) {
      if (!isNotFound(error)) throw error;
      this.#reservations.gone(key);
      return undefined;
    }
  }
}

function byCreation(a: Service, b: Service): number {
  const [left, right] = [a, b].map(
    (service) => `${service.metadata?.creationTimestamp} ${keyOf(service)}`,
  ) as [string, string];
  return left < right ? -1 : left > right ? 1 : 0;
}
