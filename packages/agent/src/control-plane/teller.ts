// SPDX-License-Identifier: Apache-2.0
import type { EventRecorder } from '@fairlead/shared/kubernetes/events.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import type { ServiceProblem } from '../services/problem.ts';
import { nodeReference } from '../status/node-reference.ts';

/** What {@link ControlPlaneTeller} needs. */
export interface ControlPlaneTellerOptions {
  /** This node. */
  readonly node: string;
  readonly events: EventRecorder;
  readonly logger: Logger;
}

/** Says what stands in the way of the control plane's address on this node: in the log and as an Event on the Node, each thing once. */
export class ControlPlaneTeller {
  readonly #options: ControlPlaneTellerOptions;
  /** Reason and message -> what was told. */
  #told: ReadonlyMap<string, ServiceProblem> = new Map();

  constructor(options: ControlPlaneTellerOptions) {
    this.#options = options;
  }

  /** Tells what is new among these, and in the log what is over. */
  tell(problems: readonly ServiceProblem[]): void {
    const { node, events, logger } = this.#options;
    const present = new Map(problems.map((problem) => [`${problem.reason} ${problem.message}`, problem]));
    for (const [key, { reason, message }] of present) {
      if (this.#told.has(key)) continue;
      logger.warn({ reason }, message);
      events.event(nodeReference(node), 'Warning', reason, message);
    }
    for (const [key, { reason, message }] of this.#told) {
      if (!present.has(key)) logger.info({ reason, was: message }, 'trouble with the control plane is over');
    }
    this.#told = present;
  }
}
