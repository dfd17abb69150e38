// SPDX-License-Identifier: Apache-2.0
import { formatAddress } from '@fairlead/shared/address/address.ts';
import { ApiError } from '@fairlead/shared/kubernetes/client.ts';
import { REASON } from '@fairlead/shared/kubernetes/contract.ts';
import type { EventRecorder } from '@fairlead/shared/kubernetes/events.ts';
import { keyOf, type Service } from '@fairlead/shared/kubernetes/objects.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import { allocationConditionOf } from './conditions.ts';
import type { Assignment, Refusal } from './decision.ts';
import type { IpamMetrics } from './metrics.ts';
import { annotatedAddresses, isAccepted, isMarked } from './service-state.ts';
import { sameAddressList } from './written.ts';

/** What the {@link Teller} tells with. */
export interface TellerOptions {
  readonly events: EventRecorder;
  readonly metrics: IpamMetrics;
  readonly logger: Logger;
}

/** Tells users what happens to their Services: Events, metrics and log lines with the same reason codes, each thing once. */
export class Teller {
  readonly #options: TellerOptions;
  /** Last trouble told about a Service. */
  readonly #told = new Map<string, string>();

  constructor(options: TellerOptions) {
    this.#options = options;
  }

  /** A Service is about to get its addresses. */
  ensuring(service: Service): void {
    if (isMarked(service)) return;
    this.#options.events.event(service, 'Normal', REASON.ensuringLoadBalancer, 'Ensuring load balancer');
  }

  /** An assignment has been written. `sinceMs`: how long the Service has waited, when it had nothing before. */
  assigned(before: Service, assignment: Assignment, waitedMs: number | undefined): void {
    const { events, metrics, logger } = this.#options;
    const { annotation, notes, origin } = assignment;
    const service = keyOf(before);
    if (isAccepted(before) && sameAddressList(annotatedAddresses(before), annotation)) {
      logger.debug({ service, addresses: annotation }, 'annotations brought up to date');
      return;
    }
    for (const { address, why } of assignment.moves) {
      const message = `${formatAddress(address)} is replaced: ${why}`;
      events.event(before, 'Normal', REASON.addressMoved, message);
    }
    const message = [`Ensured load balancer with ${annotation}`, ...notes].join('; ');
    events.event(before, 'Normal', REASON.ensuredLoadBalancer, message);
    metrics.allocations.inc({ origin });
    if (waitedMs !== undefined) metrics.latencySeconds.observe(waitedMs / 1000);
    const { allocatedFrom } = assignment;
    logger.info(
      { service, addresses: annotation, allocatedFrom, reason: REASON.allocated, notes },
      'address assigned',
    );
  }

  /** The Service has no (more) trouble. */
  settled(key: string): void {
    this.#told.delete(key);
  }

  /** What was told before is forgotten: another instance may have told other things since. */
  clear(): void {
    this.#told.clear();
  }

  /** The Service gets no address, or not the one that it asks for now. */
  refused(service: Service, { reason, message, withdraw }: Refusal): void {
    const { metrics, logger } = this.#options;
    const condition = allocationConditionOf(service);
    // A predecessor told it.
    if (condition?.message?.endsWith(message)) this.#told.set(keyOf(service), message);
    const text = withdraw === undefined ? message : `${withdraw}; ${message}`;
    if (!this.#tellOnce(service, message, text)) return;
    metrics.failures.inc({ reason });
    logger.warn({ service: keyOf(service), reason }, text);
  }

  /** The server refuses a write for good. */
  writeFailed(service: Service, error: unknown): void {
    if (!(error instanceof ApiError) || error.statusCode === 429 || error.statusCode >= 500) return;
    const message = `cannot write the Service: ${error.message}`;
    this.#tellOnce(service, message, message);
  }

  /** What the Service had was taken back. */
  released(service: Service): void {
    const { events, metrics, logger } = this.#options;
    events.event(service, 'Normal', REASON.deletedLoadBalancer, 'Deleted load balancer');
    metrics.releases.inc();
    logger.info({ service: keyOf(service), reason: REASON.released }, 'address given back');
  }

  #tellOnce(service: Service, message: string, text: string): boolean {
    const key = keyOf(service);
    if (this.#told.get(key) === message) return false;
    this.#told.set(key, message);
    this.#options.events.event(service, 'Warning', REASON.syncLoadBalancerFailed, text);
    return true;
  }
}
