// SPDX-License-Identifier: Apache-2.0
import { REASON } from '@fairlead/shared/kubernetes/contract.ts';
import type { EventRecorder } from '@fairlead/shared/kubernetes/events.ts';
import type { ConfigMap } from '@fairlead/shared/kubernetes/objects.ts';
import { formatProblem, type PoolProblem, type Pools } from '../pools/pool.ts';

/** Events about one state of the ConfigMap; whoever mends these will see the next. */
const MAX_EVENTS = 20;

/**
 * Tells what is wrong with the ConfigMap by Events on it: the leader does, each problem once as long as it lasts. Notices are
 * for the log and `check` alone.
 */
export class ConfigProblems {
  readonly #events: EventRecorder;
  #leads = false;
  #configMap: ConfigMap | undefined;
  #problems: readonly PoolProblem[] = [];
  /** Texts of the problems that were told and are still there. */
  #told: ReadonlySet<string> = new Set();

  constructor(events: EventRecorder) {
    this.#events = events;
  }

  /** The ConfigMap in use says this now; undefined: there is none. */
  follow(configMap: ConfigMap | undefined, { problems }: Pools): void {
    this.#configMap = configMap;
    this.#problems = problems.filter(({ severity }) => severity !== 'notice');
    this.#tell();
  }

  /** This instance leads until the signal is aborted. */
  lead(signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#leads = true;
    const end = () => {
      this.#leads = false;
      this.#told = new Set();
    };
    signal.addEventListener('abort', end, { once: true });
    this.#tell();
  }

  #tell(): void {
    const configMap = this.#configMap;
    if (!this.#leads) return;
    const current = new Set(this.#problems.map(formatProblem));
    const fresh = this.#problems.filter((problem) => !this.#told.has(formatProblem(problem)));
    this.#told = current;
    if (configMap === undefined) return;
    for (const problem of fresh.slice(0, MAX_EVENTS)) {
      const reason = problem.unknownKey ? REASON.unknownKey : REASON.invalidKey;
      this.#events.event(configMap, 'Warning', reason, formatProblem(problem));
    }
    const more = fresh.length - MAX_EVENTS;
    if (more > 0) {
      this.#events.event(configMap, 'Warning', REASON.invalidKey, `and ${more} more problems; see the log`);
    }
  }
}
