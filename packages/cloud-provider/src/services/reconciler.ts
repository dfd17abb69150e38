// SPDX-License-Identifier: Apache-2.0
import type { Address } from '@fairlead/shared/address/address.ts';
import { familyName } from '@fairlead/shared/address/address.ts';
import {
  ApiError,
  isConflict,
  isNotFound,
  type KubeClient,
  NetworkError,
} from '@fairlead/shared/kubernetes/client.ts';
import { REASON } from '@fairlead/shared/kubernetes/contract.ts';
import type { EventRecorder } from '@fairlead/shared/kubernetes/events.ts';
import { keyOf, type Service, splitKey } from '@fairlead/shared/kubernetes/objects.ts';
import type { Change, ReadonlyStore } from '@fairlead/shared/kubernetes/reflector.ts';
import { SERVICES } from '@fairlead/shared/kubernetes/resources.ts';
import { WorkQueue } from '@fairlead/shared/kubernetes/work-queue.ts';
import type { Clock } from '@fairlead/shared/runtime/clock.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import type { Handover, Holdings } from '../allocator/holdings.ts';
import { NO_POOLS } from '../pools/parse.ts';
import { type Pools, poolContains, poolFor } from '../pools/pool.ts';
import { type Assignment, type Decision, decide, type Refusal } from './decide.ts';
import type { IpamMetrics } from './metrics.ts';
import { Reservations } from './reservations.ts';
import {
  annotatedAddresses,
  type ClassMode,
  claimOf,
  familyRequestOf,
  hasFinalizer,
  isMarked,
  specAddress,
  wantsAddresses,
} from './service-state.ts';
import { WaitingList } from './waiting-list.ts';
import { withAssignment, withoutAssignment } from './write.ts';

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
  readonly #waiting = new WaitingList();
  readonly #reservations: Reservations;
  /** Last refusal told to the user, so that it is told once. */
  readonly #refused = new Map<string, string>();
  /** When a Service without an address was first seen; monotonic. */
  readonly #wantedSinceMs = new Map<string, number>();
  #pools: Pools = NO_POOLS;
  #term: { readonly queue: WorkQueue; readonly mayWrite: () => boolean } | undefined;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#holdings = options.holdings;
    this.#reservations = new Reservations({
      stored: (key) => this.#stored(key),
      claimOf,
      reserve: (key, addresses) =>
        this.#handOver(this.#holdings.reserve(key, addresses, options.clock.monotonicMs())),
    });
  }

  /** Services that wait for an address. */
  get waiting(): number {
    return this.#waiting.size;
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
    this.#handOver(this.#holdings.observe(claimOf(service), nowMs));
    this.#reservations.observed(service);
    const wants = wantsAddresses(service, this.#options.mode);
    if (wants && annotatedAddresses(service) === '') {
      if (!this.#wantedSinceMs.has(key)) this.#wantedSinceMs.set(key, nowMs);
    } else {
      this.#wantedSinceMs.delete(key);
    }
    if (wants || isMarked(service) || hasFinalizer(service)) this.#term?.queue.add(key);
  }

  #observeDeleted(key: string, service: Service, nowMs: number): void {
    this.#refused.delete(key);
    this.#wantedSinceMs.delete(key);
    this.#waiting.remove(key);
    this.#reservations.deleted(service);
    this.#handOver(this.#holdings.forget(key, nowMs));
  }

  /** Puts other pools into force and serves, or tells, all that wait. */
  setPools(pools: Pools): void {
    this.#pools = pools;
    if (this.#term === undefined) return;
    const waiters = this.#waiting.oldestFirst();
    // Pools decide the groups: start anew, oldest first.
    this.#waiting.clear();
    for (const key of waiters) {
      const service = this.#stored(key);
      if (service === undefined || this.#promise(service)) continue;
      this.#wait(service);
      this.#term.queue.add(key);
    }
  }

  /** Decides and writes until the term ends; resolves when nothing is under way any more. One term at a time. */
  async lead({ mayWrite, signal, concurrency, newest }: Term): Promise<void> {
    const { clock, logger, services } = this.#options;
    const queue = new WorkQueue({ clock, logger });
    this.#reservations.clear();
    this.#refused.clear();
    for await (const service of newest?.() ?? []) this.#reservations.listed(service);
    if (signal.aborted) return;
    this.#term = { queue, mayWrite };
    for (const service of [...services.values()].sort(byCreation)) queue.add(keyOf(service));
    try {
      await queue.run((key) => this.#sync(key), { concurrency, signal });
    } finally {
      this.#term = undefined;
      this.#waiting.clear();
    }
  }

  /** Brings one Service into the state it should have. Rejects when it has to be tried again later. */
  async #sync(key: string): Promise<void> {
    let service = this.#stored(key);
    // The server has a later state, mostly by our own write: its event will bring us here again.
    if (service !== undefined && this.#reservations.isOutdated(service)) return;
    if (this.#reservations.unclearSinceMs(key) !== undefined) service = await this.#clarify(key);
    for (let conflicts = 0; service !== undefined; conflicts++) {
      const decision = this.#decide(service);
      const outcome = await this.#carryOut(service, decision);
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
    });
  }

  async #carryOut(service: Service, decision: Decision): Promise<'done' | 'conflict'> {
    const key = keyOf(service);
    if (decision.kind === 'assign') return this.#assign(service, decision);
    this.#reservations.dropPromise(key);
    if (decision.kind === 'refuse') this.#refuse(service, decision);
    else this.#settled(key);
    if (decision.kind !== 'release') return 'done';
    const { events, metrics, logger } = this.#options;
    const outcome = await this.#write(service, withoutAssignment(service, decision.only), []);
    if (outcome !== 'written') return outcome;
    events.event(service, 'Normal', REASON.deletedLoadBalancer, 'Deleted load balancer');
    metrics.releases.inc();
    logger.info({ service: key, reason: REASON.released }, 'address given back');
    return 'done';
  }

  async #assign(service: Service, assignment: Assignment): Promise<'done' | 'conflict'> {
    const { events, metrics, logger, clock } = this.#options;
    const key = keyOf(service);
    const wanted = withAssignment(service, assignment);
    this.#waiting.remove(key);
    if (wanted === undefined) {
      this.#refused.delete(key);
      this.#reservations.dropPromise(key);
      return 'done';
    }
    if (!isMarked(service))
      events.event(service, 'Normal', REASON.ensuringLoadBalancer, 'Ensuring load balancer');
    const outcome = await this.#write(service, wanted, assignment.addresses);
    if (outcome !== 'written') return outcome;
    this.#refused.delete(key);
    const text = assignment.annotation;
    const without = assignment.exhausted.map(familyName).join(' and ');
    const note = without === '' ? '' : `; no free ${without} address in the pool`;
    events.event(service, 'Normal', REASON.ensuredLoadBalancer, `Ensured load balancer with ${text}${note}`);
    metrics.allocations.inc({ origin: assignment.origin });
    const sinceMs = this.#wantedSinceMs.get(key);
    if (sinceMs !== undefined) metrics.latencySeconds.observe((clock.monotonicMs() - sinceMs) / 1000);
    logger.info(
      { service: key, addresses: text, reason: REASON.allocated, exhausted: without || undefined },
      'address assigned',
    );
    return 'done';
  }

  /** One PUT, which leaves the Service with these addresses. */
  async #write(
    before: Service,
    after: Service,
    addresses: readonly Address[],
  ): Promise<'written' | 'conflict' | 'done'> {
    const { client, clock, metrics, writeTimeoutMs } = this.#options;
    const key = keyOf(before);
    if (this.#term?.mayWrite() !== true) {
      this.#reservations.dropPromise(key);
      return 'done';
    }
    this.#reservations.begin(before, addresses, clock.monotonicMs());
    try {
      const result = await client.replace(SERVICES, after, { timeoutMs: writeTimeoutMs });
      metrics.writes.inc({ outcome: 'ok' });
      this.#reservations.answered(result);
      return 'written';
    } catch (error) {
      metrics.writes.inc({ outcome: isConflict(error) ? 'conflict' : 'error' });
      if (certainlyNotDone(error)) this.#reservations.failed(key);
      if (isConflict(error)) return 'conflict';
      if (isNotFound(error)) {
        this.#reservations.gone(key);
        return 'done';
      }
      this.#tellFailedWrite(before, error);
      throw error;
    }
  }

  #tellFailedWrite(service: Service, error: unknown): void {
    if (!(error instanceof ApiError) || error.statusCode === 429 || error.statusCode >= 500) return;
    const message = `cannot write the Service: ${error.message}`;
    this.#tellOnce(service, message);
  }

  #refuse(service: Service, { reason, message }: Refusal): void {
    const { metrics, logger } = this.#options;
    const key = keyOf(service);
    this.#wait(service);
    if (!this.#tellOnce(service, message)) return;
    metrics.failures.inc({ reason });
    logger.warn({ service: key, reason }, message);
  }

  #tellOnce(service: Service, message: string): boolean {
    const key = keyOf(service);
    if (this.#refused.get(key) === message) return false;
    this.#refused.set(key, message);
    this.#options.events.event(service, 'Warning', REASON.syncLoadBalancerFailed, message);
    return true;
  }

  /** The Service is all right, or none of our business. */
  #settled(key: string): void {
    this.#waiting.remove(key);
    this.#refused.delete(key);
  }

  #wait(service: Service): void {
    this.#waiting.add(keyOf(service), service.metadata?.creationTimestamp ?? '', this.#groupOf(service));
  }

  /** Services of a group ask the same of the same pool. Those that wait for one address of their choice ask no pool. */
  #groupOf(service: Service): string {
    if (`${annotatedAddresses(service)}${specAddress(service)}` !== '') return '';
    const { policy, families } = familyRequestOf(service);
    const scope = poolFor(this.#pools, service.metadata?.namespace ?? '')?.id ?? '';
    return [scope, policy, families.join('+')].join('|');
  }

  /** Others may have become able to have an address. */
  #handOver({ freed, affected }: Handover): void {
    if (this.#term === undefined) return;
    for (const key of affected) this.#term.queue.add(key);
    if (freed.length === 0 || this.#waiting.size === 0) return;
    this.#waiting.offer(
      (group) => this.#concerns(group, freed),
      (key) => {
        const service = this.#stored(key);
        return service === undefined || this.#promise(service);
      },
    );
  }

  #concerns(group: string, freed: readonly Address[]): boolean {
    const [scope = ''] = group.split('|');
    const pool = this.#pools.byId.get(scope);
    return pool !== undefined && freed.some((address) => poolContains(pool, address));
  }

  /** Reserves addresses for a waiting Service at once, so that no younger one gets them, and has them written. */
  #promise(service: Service): boolean {
    const decision = this.#decide(service);
    if (decision.kind === 'refuse') return false;
    const key = keyOf(service);
    if (decision.kind === 'assign') this.#reservations.promise(service, decision.addresses);
    this.#term?.queue.add(key);
    return true;
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

/** Whether the server cannot have carried out the request. After a 5xx or a lost answer it may have. */
function certainlyNotDone(error: unknown): boolean {
  if (error instanceof ApiError) return error.statusCode < 500;
  return error instanceof NetworkError && error.phase === 'connect';
}
