// SPDX-License-Identifier: Apache-2.0
import { isAlreadyExists, isConflict, isForbidden } from '@fairlead/shared/kubernetes/client.ts';
import { WorkQueue } from '@fairlead/shared/kubernetes/work-queue.ts';
import type { Plan } from '../model/actions.ts';
import type { ControllerName } from '../options.ts';
import type { Cluster } from './cluster.ts';
import type { Executor } from './executor.ts';

/** Pause after a write that lost a race: the watch brings the winner within this time. */
const CONFLICT_RETRY_MS = 25;
/** Pause after a creation that a terminating namespace refused. */
const TERMINATING_RETRY_MS = 1_000;

/** One controller: which keys to look at, and what to do about each. */
export interface Controller {
  readonly name: ControllerName;
  /** Keys worked on at the same time; 1 where decisions depend on each other (the scheduler). */
  readonly concurrency: number;
  /** Subscribes to views and enqueues keys when something changes. Called once, before the views start. */
  attach(enqueue: (key: string, afterMs?: number) => void): void;
  /** Decides about one key; reads the views, never waits for events. */
  reconcile(key: string): Plan | Promise<Plan>;
}

/** Runs controllers until the signal; resolves when all have stopped. `onStarted`: first lists are in. */
export async function runControllers(
  controllers: readonly Controller[],
  cluster: Cluster,
  executor: Executor,
  signal: AbortSignal,
  onStarted: () => void,
): Promise<void> {
  const { clock, logger } = cluster;
  const runs = controllers.map((controller) => {
    const queue = new WorkQueue({ clock, logger: logger.child({ controller: controller.name }) });
    controller.attach((key, afterMs) =>
      afterMs === undefined ? queue.add(key) : queue.addAfter(key, afterMs),
    );
    const worker = async (key: string) => {
      try {
        const plan = await controller.reconcile(key);
        await executor.run(plan.actions);
        if (plan.againAfterMs !== undefined) queue.addAfter(key, Math.ceil(plan.againAfterMs));
      } catch (error) {
        if (isForbidden(error) && error.message.includes('being terminated')) {
          // The namespace is going: its owner will be gone in a moment too.
          queue.addAfter(key, TERMINATING_RETRY_MS);
          return;
        }
        if (!isConflict(error) && !isAlreadyExists(error)) throw error;
        logger.debug({ controller: controller.name, key, error }, 'lost a race, deciding again');
        queue.addAfter(key, CONFLICT_RETRY_MS);
      }
    };
    return () => queue.run(worker, { concurrency: controller.concurrency, signal });
  });
  await cluster.start(signal);
  onStarted();
  await Promise.all(runs.map((run) => run()));
  await cluster.stop();
}
