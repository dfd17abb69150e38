// SPDX-License-Identifier: Apache-2.0
import type { EventRecorder } from '@fairlead/shared/kubernetes/events.ts';
import type { Clock, Timer } from '@fairlead/shared/runtime/clock.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import type { MetricsRegistry } from '@fairlead/shared/runtime/metrics.ts';
import { Gauge } from 'prom-client';
import type { GroupOwnership } from '../ownership/group/group-engine.ts';
import { GROUP_REASON, type GroupProblem } from '../ownership/group/group-problems.ts';
import { nodeReference } from '../status/node-reference.ts';

/** What {@link GroupTeller} needs. */
export interface GroupTellerOptions {
  readonly node: string;
  readonly group: Pick<GroupOwnership, 'problems' | 'standing' | 'members' | 'unheard'>;
  readonly events: EventRecorder;
  readonly registry: MetricsRegistry;
  readonly clock: Clock;
  readonly logger: Logger;
}

const LOOK_MS = 1_000;
/** What passes by itself while agents start and elect is not worth a word. */
const TELL_AFTER_MS = 5_000;

/** Says what is wrong with the group, once for each trouble: in the log, as an Event on the Node, and as a metric. */
export class GroupTeller {
  readonly #options: GroupTellerOptions;
  readonly #since = new Map<string, number>();
  readonly #told = new Map<string, GroupProblem>();
  #timer: Timer | undefined;

  constructor(options: GroupTellerOptions) {
    this.#options = options;
    registerMetrics(options);
  }

  start(): void {
    this.#timer = this.#options.clock.setTimer(() => {
      this.look();
      this.start();
    }, LOOK_MS);
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** Tells what has lasted, and what is over. */
  look(): void {
    const { group, clock, logger } = this.#options;
    const nowMs = clock.monotonicMs();
    const problems = group.problems();
    const present = new Set(problems.map(({ reason }) => reason as string));
    for (const problem of problems) {
      const { reason, message } = problem;
      const sinceMs = this.#since.get(reason) ?? nowMs;
      this.#since.set(reason, sinceMs);
      if (nowMs < sinceMs + TELL_AFTER_MS || this.#told.get(reason)?.message === message) continue;
      this.#told.set(reason, problem);
      this.#tell(problem);
    }
    for (const reason of [...this.#since.keys()]) if (!present.has(reason)) this.#since.delete(reason);
    for (const [reason, { message }] of [...this.#told]) {
      if (present.has(reason)) continue;
      this.#told.delete(reason);
      logger.info({ reason, was: message }, 'trouble with the group is over');
    }
  }

  #tell({ reason, message }: GroupProblem): void {
    const { node, events, logger } = this.#options;
    logger.warn({ reason }, message);
    events.event(nodeReference(node), 'Warning', reason, message);
  }
}

function registerMetrics({ group, registry }: GroupTellerOptions): void {
  const registers = [registry];
  new Gauge({
    name: 'fairlead_group_problem',
    help: 'What keeps the group of agents from being what it should be: 1 while it lasts.',
    labelNames: ['reason'],
    registers,
    collect() {
      for (const reason of Object.values(GROUP_REASON)) this.set({ reason }, 0);
      for (const { reason } of group.problems()) this.set({ reason }, 1);
    },
  });
  new Gauge({
    name: 'fairlead_group_unheard_agents',
    help: 'Agents in the group record that this coordinator does not hear.',
    registers,
    collect() {
      this.set(group.unheard().length);
    },
  });
  new Gauge({
    name: 'fairlead_group_members',
    help: 'Agents in the group record.',
    registers,
    collect() {
      this.set(group.members().size);
    },
  });
  new Gauge({
    name: 'fairlead_group_epoch',
    help: 'Epoch of the group record that this agent follows, by the engine in force.',
    labelNames: ['engine'],
    registers,
    collect() {
      this.reset();
      const { record } = group.standing();
      if (record !== undefined) this.set({ engine: record.engine }, record.epoch);
    },
  });
}
