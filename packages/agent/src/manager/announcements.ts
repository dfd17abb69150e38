// SPDX-License-Identifier: Apache-2.0
import type { EventRecorder } from '@fairlead/shared/kubernetes/events.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import type { OwnershipState } from '../ownership/engine.ts';
import type { ServiceProblem } from '../services/problem.ts';
import type { ServedService } from '../services/served-service.ts';

/** What one pass ended with. */
export interface Outcome {
  readonly services: readonly ServedService[];
  readonly problems: ReadonlyMap<string, readonly ServiceProblem[]>;
  /** Addresses that are on this node and answered for. */
  readonly held: ReadonlySet<string>;
  readonly owners: OwnershipState['owners'];
  /** Whether this node speaks for a Service that nobody owns. */
  readonly speaksFor: (serviceKey: string) => boolean;
}

/** What {@link Announcements} needs. */
export interface AnnouncementOptions {
  readonly events: EventRecorder;
  readonly logger: Logger;
  /** Called once for each problem when it appears. */
  readonly onProblem: (service: ServedService, problem: ServiceProblem) => void;
}

/**
 * Tells users what stands in the way of their Services, as Events and in the log. Each thing once, when it changes, and by
 * one node.
 */
export class Announcements {
  readonly #options: AnnouncementOptions;
  /** Problems told: `service reason message`. */
  #told: ReadonlySet<string> = new Set();

  constructor(options: AnnouncementOptions) {
    this.#options = options;
  }

  /** Compares with the previous pass and tells what is new. */
  tell({ services, problems, held, owners, speaksFor }: Outcome): void {
    const { events, logger, onProblem } = this.#options;
    const told = new Set<string>();
    for (const service of services) {
      const found = problems.get(service.key);
      if (found === undefined) continue;
      const isOwner = service.addresses.some((address) => held.has(address));
      const isOwned = service.addresses.some((address) => owners.has(address));
      if (!isOwner && (isOwned || !speaksFor(service.key))) continue;
      for (const problem of found) {
        const id = `${service.key} ${problem.reason} ${problem.message}`;
        told.add(id);
        if (this.#told.has(id)) continue;
        logger.warn({ service: service.key, reason: problem.reason }, problem.message);
        events.event(service.object, 'Warning', problem.reason, problem.message);
        onProblem(service, problem);
      }
    }
    this.#told = told;
  }
}
