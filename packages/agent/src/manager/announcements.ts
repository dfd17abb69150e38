// SPDX-License-Identifier: Apache-2.0
import type { EventRecorder } from '@fairlead/shared/kubernetes/events.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import type { OwnershipState } from '../ownership/engine.ts';
import { AGENT_REASON, type ServiceProblem } from '../services/problem.ts';
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
  readonly node: string;
  readonly events: EventRecorder;
  readonly logger: Logger;
  /** Called once for each problem when it appears. */
  readonly onProblem: (service: ServedService, problem: ServiceProblem) => void;
  /** Called for each address that came to this node. */
  readonly onMove: (address: string, from: string | undefined) => void;
}

/**
 * Tells users what happened, as Events on their Services and in the log: an address came or went, something stands in
 * the way. Each thing once, when it changes, and by one node.
 */
export class Announcements {
  readonly #options: AnnouncementOptions;
  #held: ReadonlySet<string> = new Set();
  /** Address -> node that had it before. */
  #previousOwners = new Map<string, string>();
  /** Problems told: `service reason message`. */
  #told: ReadonlySet<string> = new Set();

  constructor(options: AnnouncementOptions) {
    this.#options = options;
  }

  /** Compares with the previous pass and tells the difference. */
  tell(outcome: Outcome): void {
    this.#tellMoves(outcome);
    this.#tellProblems(outcome);
    this.#held = new Set(outcome.held);
    for (const [address, { node }] of outcome.owners) this.#previousOwners.set(address, node);
    const known = new Set(outcome.services.flatMap(({ addresses }) => addresses));
    for (const address of this.#previousOwners.keys()) {
      if (!known.has(address)) this.#previousOwners.delete(address);
    }
  }

  #tellMoves({ services, held }: Outcome): void {
    const { node, events, logger, onMove } = this.#options;
    const appeared = new Set([...held].filter((address) => !this.#held.has(address)));
    const gone = new Set([...this.#held].filter((address) => !held.has(address)));
    if (appeared.size === 0 && gone.size === 0) return;
    for (const address of appeared) {
      const from = this.#previousOwners.get(address);
      logger.info({ address, from }, 'node answers for address');
      onMove(address, from === node ? undefined : from);
    }
    for (const address of gone) logger.info({ address }, 'node stopped answering for address');
    for (const { addresses, object } of services) {
      for (const address of addresses.filter((text) => appeared.has(text))) {
        const from = this.#previousOwners.get(address);
        const before = from === undefined || from === node ? '' : ` (before: ${from})`;
        events.event(
          object,
          'Normal',
          AGENT_REASON.addressHeld,
          `node ${node} answers for ${address}${before}`,
        );
      }
      for (const address of addresses.filter((text) => gone.has(text))) {
        events.event(
          object,
          'Normal',
          AGENT_REASON.addressDropped,
          `node ${node} stopped answering for ${address}`,
        );
      }
    }
  }

  #tellProblems({ services, problems, held, owners, speaksFor }: Outcome): void {
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
