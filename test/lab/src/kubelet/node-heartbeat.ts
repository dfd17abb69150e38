// SPDX-License-Identifier: Apache-2.0
import { isAlreadyExists, isNotFound, type KubeClient } from '@fairlead/shared/kubernetes/client.ts';
import type { Lease, Node } from '@fairlead/shared/kubernetes/objects.ts';
import { LEASES, NODES } from '@fairlead/shared/kubernetes/resources.ts';
import { type Clock, delay } from '@fairlead/shared/runtime/clock.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import {
  freshNode,
  type NodeFacts,
  nodeLabels,
  nodeStatus,
  renewedLease,
  sameNodeStatus,
} from './node-object.ts';
import type { KubeletOptions } from './options.ts';

/** A status that says nothing new is written this often; the Lease is the heartbeat between. */
const STATUS_REPORT_INTERVAL_MS = 300_000;
const REGISTER_RETRY_MS = 200;
const REGISTER_RETRY_MAX_MS = 5_000;

/** What {@link NodeHeartbeat} needs. */
export interface NodeHeartbeatOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly facts: NodeFacts;
  readonly timing: Pick<KubeletOptions, 'leaseRenewIntervalMs' | 'leaseDurationMs' | 'statusIntervalMs'>;
}

/** Registers the node, then keeps its Lease and status fresh, each in a loop of its own. */
export class NodeHeartbeat {
  readonly #options: NodeHeartbeatOptions;
  #node: Node | undefined;
  #lease: Lease | undefined;
  #reportedMs = Number.NEGATIVE_INFINITY;

  constructor(options: NodeHeartbeatOptions) {
    this.#options = options;
  }

  /** Makes or takes over the Node object; tries until it works or the signal comes. */
  async register(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    for (
      let pauseMs = REGISTER_RETRY_MS;
      !signal.aborted;
      pauseMs = Math.min(pauseMs * 2, REGISTER_RETRY_MAX_MS)
    ) {
      try {
        this.#node = await this.#createOrAdopt();
        await this.#renewLease();
        return;
      } catch (error) {
        logger.warn({ err: error, retryInMs: pauseMs }, 'cannot register the node yet');
        await delay(clock, pauseMs, signal);
      }
    }
  }

  /** Runs both loops until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    const { timing } = this.#options;
    await Promise.all([
      this.#loop('renewing the Lease', timing.leaseRenewIntervalMs, signal, () => this.#renewLease()),
      this.#loop('writing the node status', timing.statusIntervalMs, signal, () => this.#report()),
    ]);
  }

  async #loop(
    what: string,
    intervalMs: number,
    signal: AbortSignal,
    step: () => Promise<void>,
  ): Promise<void> {
    const { clock, logger } = this.#options;
    while (!signal.aborted) {
      await delay(clock, intervalMs, signal);
      if (signal.aborted) return;
      try {
        await step();
      } catch (error) {
        logger.warn({ err: error }, `${what} failed`);
      }
    }
  }

  async #createOrAdopt(): Promise<Node> {
    const { client, clock, facts } = this.#options;
    const fresh = freshNode(facts, clock.wallMs());
    try {
      const created = await client.create(NODES, fresh);
      // A real API server drops the status of a node that is created; it has to be written on its own.
      return sameNodeStatus(created.status, nodeStatus(facts, undefined, clock.wallMs()))
        ? created
        : await this.#writeStatus(created);
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
    const current = await client.get(NODES, { name: facts.node });
    const patched = await client.patch(
      NODES,
      { name: facts.node },
      {
        metadata: { labels: nodeLabels(facts) },
        ...(current.spec?.podCIDR === undefined
          ? { spec: { podCIDR: fresh.spec?.podCIDR, podCIDRs: facts.podCidrs } }
          : {}),
      },
      { type: 'merge' },
    );
    return this.#writeStatus(patched);
  }

  async #writeStatus(node: Node): Promise<Node> {
    const { client, clock, facts } = this.#options;
    const written = await client.patch(
      NODES,
      { name: facts.node },
      { status: nodeStatus(facts, node.status, clock.wallMs()) },
      { type: 'merge', subresource: 'status' },
    );
    this.#reportedMs = clock.monotonicMs();
    return written;
  }

  async #report(): Promise<void> {
    const { client, clock, facts } = this.#options;
    let node: Node;
    try {
      node = await client.get(NODES, { name: facts.node });
    } catch (error) {
      if (!isNotFound(error)) throw error;
      // Somebody deleted the Node: a living kubelet registers again.
      this.#node = await this.#createOrAdopt();
      return;
    }
    const due = clock.monotonicMs() - this.#reportedMs >= STATUS_REPORT_INTERVAL_MS;
    if (!due && sameNodeStatus(node.status, nodeStatus(facts, node.status, clock.wallMs()))) return;
    this.#node = await this.#writeStatus(node);
  }

  async #renewLease(): Promise<void> {
    const { client, clock, facts, timing } = this.#options;
    const subject = { node: facts.node, leaseDurationMs: timing.leaseDurationMs };
    const wanted = () => renewedLease(subject, this.#lease, this.#node, clock.wallMs());
    try {
      this.#lease =
        this.#lease === undefined
          ? await client.create(LEASES, wanted(), { urgent: true })
          : await client.replace(LEASES, wanted(), { urgent: true });
    } catch (error) {
      // Lost, taken over from a predecessor, or written by somebody: look and write once more.
      this.#lease = await this.#currentLease();
      if (this.#lease === undefined) throw error;
      this.#lease = await client.replace(LEASES, wanted(), { urgent: true });
    }
  }

  async #currentLease(): Promise<Lease | undefined> {
    const { client, facts } = this.#options;
    try {
      return await client.get(LEASES, { namespace: 'kube-node-lease', name: facts.node });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }
}
