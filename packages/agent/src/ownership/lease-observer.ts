// SPDX-License-Identifier: Apache-2.0
import { isForbidden, isNotFound, type KubeClient } from '@fairlead/shared/kubernetes/client.ts';
import { keyOf, type Lease, type Node, splitKey } from '@fairlead/shared/kubernetes/objects.ts';
import type { Reflector } from '@fairlead/shared/kubernetes/reflector.ts';
import { LEASES } from '@fairlead/shared/kubernetes/resources.ts';
import type { Clock, Timer } from '@fairlead/shared/runtime/clock.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import { LeaseObservations, type LeaseRecord, type Moment } from './lease-observation.ts';
import { readyHeartbeatMs } from './node-watch.ts';

/** How often a lost node's kubelet is looked at. It renews its own Lease every 10 s. */
const HEARTBEAT_POLL_MS = 2_000;
/** Wait after a failed look at the API server before the next one. */
const RETRY_MS = 1_000;
/** Time limit of one look. */
const READ_LIMIT_MS = 2_000;
/** Namespace of the kubelets' own Leases. */
const NODE_LEASES = 'kube-node-lease';

/** What {@link LeaseObserver} needs. */
export interface LeaseObserverOptions {
  readonly client: KubeClient;
  readonly leases: Reflector<Lease>;
  readonly nodes: Reflector<Node>;
  /** This node; never lost to itself. */
  readonly node: string;
  /** Which Leases are agents' (the watch shows those of other controllers too). */
  readonly isRelevant: (namespace: string, name: string) => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Holders or lost nodes may have changed. */
  readonly onChange: () => void;
}

/**
 * Follows the agents' Leases, knows their living holders, and which nodes fell silent. Thin shell around
 * `lease-observation.ts`: it feeds in what the API server says and keeps the time.
 */
export class LeaseObserver {
  readonly #options: LeaseObserverOptions;
  readonly #state = new LeaseObservations();
  #toldLost: ReadonlySet<string> = new Set();
  #expiryDueMs = Number.POSITIVE_INFINITY;
  #expiryTimer: Timer | undefined;
  #pollTimer: Timer | undefined;
  readonly #unsubscribers: (() => void)[] = [];
  #stopped = false;
  #kubeletForbidden = false;

  constructor(options: LeaseObserverOptions) {
    this.#options = options;
  }

  start(): void {
    const { leases, nodes, isRelevant } = this.#options;
    this.#unsubscribers.push(
      leases.subscribe((change) => {
        const { namespace = '', name = '' } = change.object.metadata ?? {};
        if (!isRelevant(namespace, name)) return;
        this.#take(keyOf(change.object), change.type === 'deleted' ? undefined : change.object);
      }),
      nodes.subscribe((change) => {
        const name = change.object.metadata?.name ?? '';
        const heartbeatMs = change.type === 'deleted' ? undefined : readyHeartbeatMs(change.object);
        if (change.type === 'deleted') this.#changed(this.#state.forget(name));
        else if (heartbeatMs !== undefined) this.#changed(this.#state.heartbeat(name, heartbeatMs));
      }),
    );
  }

  stop(): void {
    this.#stopped = true;
    this.#expiryTimer?.cancel();
    this.#pollTimer?.cancel();
    for (const unsubscribe of this.#unsubscribers) unsubscribe();
  }

  /** Living holder of a Lease, this node included; undefined when there is none. */
  holder(key: string): string | undefined {
    return this.#state.holder(key, this.#options.clock.monotonicMs());
  }

  lostNodes(): ReadonlySet<string> {
    const lost = new Set(this.#state.lost.keys());
    lost.delete(this.#options.node);
    return lost;
  }

  #now(): Moment {
    const { clock } = this.#options;
    return { monotonicMs: clock.monotonicMs(), wallMs: clock.wallMs() };
  }

  #take(key: string, lease: Lease | undefined): void {
    this.#changed(this.#state.observe(key, lease, this.#now()));
    const record = this.#state.leases.get(key);
    if (record === undefined || record.holder === '') return;
    // Renewals come by the hundred: the timer is only brought forward here, and finds the next moment when it fires.
    if (record.observedMs + record.durationMs < this.#expiryDueMs) this.#armExpiry();
  }

  #changed(didChange: boolean): void {
    if (!didChange || this.#stopped) return;
    this.#logLost();
    this.#armPoll();
    this.#options.onChange();
  }

  #logLost(): void {
    const { logger } = this.#options;
    const lost = new Set(this.#state.lost.keys());
    for (const node of lost) {
      if (!this.#toldLost.has(node))
        logger.warn({ lostNode: node }, 'node fell silent without saying goodbye');
    }
    for (const node of this.#toldLost) {
      if (!lost.has(node)) logger.info({ lostNode: node }, 'node is alive again');
    }
    this.#toldLost = lost;
  }

  #armExpiry(): void {
    this.#expiryTimer?.cancel();
    this.#expiryDueMs = Number.POSITIVE_INFINITY;
    const nowMs = this.#options.clock.monotonicMs();
    const nextMs = this.#state.nextExpiryMs(nowMs);
    if (nextMs === undefined || this.#stopped) return;
    this.#expiryDueMs = nextMs;
    this.#expiryTimer = this.#options.clock.setTimer(() => {
      this.#onExpiry().catch((error: unknown) => {
        this.#options.logger.warn({ err: error }, 'cannot tell whether a Lease has run out');
        if (this.#stopped) return;
        this.#expiryTimer = this.#options.clock.setTimer(() => this.#armExpiry(), RETRY_MS);
      });
    }, nextMs - nowMs);
  }

  /**
   * A Lease seems to have run out. That nobody renewed it must be the server's word, not the silence of a broken watch:
   * one read settles it. Otherwise every node would look lost whenever the API server is away.
   */
  async #onExpiry(): Promise<void> {
    const suspects = this.#state.suspects(this.#options.clock.monotonicMs());
    // A Lease that ran out is free for whoever may take it, whatever that says about the node.
    this.#options.onChange();
    if (suspects.size === 0) return this.#armExpiry();
    const holders = new Set<string>();
    for (const [key, record] of suspects) {
      // One Lease of each holder settles it: a dead node has lost all of them.
      if (holders.has(record.holder)) continue;
      holders.add(record.holder);
      await this.#readAgain(key, record);
      if (this.#stopped) return;
    }
    this.#changed(this.#state.expire(this.#now()));
    this.#armExpiry();
  }

  async #readAgain(key: string, record: LeaseRecord): Promise<void> {
    const { namespace = '', name } = splitKey(key);
    const read = this.#options.client.get(
      LEASES,
      { namespace, name },
      { urgent: true, timeoutMs: READ_LIMIT_MS },
    );
    const lease = await read.catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    // The watch may have been faster; then what it brought is newer than this answer.
    if (!this.#stopped && this.#state.leases.get(key) === record) this.#take(key, lease);
  }

  #armPoll(): void {
    if (this.#pollTimer !== undefined || this.#state.lost.size === 0) return;
    if (this.#stopped || this.#kubeletForbidden) return;
    this.#pollTimer = this.#options.clock.setTimer(() => {
      this.#pollKubelets().catch((error: unknown) => {
        this.#options.logger.debug({ err: error }, 'cannot read the heartbeats of lost nodes');
        this.#pollTimer = undefined;
        this.#armPoll();
      });
    }, HEARTBEAT_POLL_MS);
  }

  async #pollKubelets(): Promise<void> {
    for (const node of this.#state.lost.keys()) {
      try {
        const lease = await this.#options.client.get(LEASES, { namespace: NODE_LEASES, name: node });
        const renewedMs = Date.parse(lease.spec?.renewTime ?? '');
        if (!Number.isNaN(renewedMs)) this.#changed(this.#state.heartbeat(node, renewedMs));
      } catch (error) {
        if (isForbidden(error)) this.#kubeletForbidden = true;
        else if (!isNotFound(error)) throw error;
      }
    }
    this.#pollTimer = undefined;
    this.#armPoll();
  }
}
