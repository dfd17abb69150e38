// SPDX-License-Identifier: Apache-2.0
import type { Clock, Timer } from '@fairlead/shared/runtime/clock.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';

/** Something in the kernel that others may remove or change. */
export interface Verifiable {
  /** Looks whether it is still as it should be, and repairs it. Returns whether it had to. */
  verify(): Promise<boolean>;
}

/** What {@link PlaneWatch} needs. */
export interface PlaneWatchOptions {
  /** Name for people -> what is looked after. */
  readonly planes: ReadonlyMap<string, Verifiable>;
  /** Called after a repair: what can be served may be another matter then. */
  readonly onRepair: () => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How often it is looked; a look costs some microseconds. */
const LOOK_MS = 250;

/**
 * Looks after what others may remove: after a flush of all rules no connection reaches a pod, so that does not wait for the next
 * pass.
 */
export class PlaneWatch {
  readonly #options: PlaneWatchOptions;
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(options: PlaneWatchOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#isStopped) return;
    const { planes, clock } = this.#options;
    this.#timer = clock.setTimer(() => {
      const looks = [...planes].map(([name, plane]) => this.#lookAt(name, plane));
      void Promise.all(looks).then(() => this.start());
    }, LOOK_MS);
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  async #lookAt(name: string, plane: Verifiable): Promise<void> {
    const { onRepair, logger } = this.#options;
    try {
      if (!(await plane.verify())) return;
      logger.warn(`the ${name} was not as it should be, and was repaired`);
      onRepair();
    } catch (error) {
      logger.warn({ err: error }, `the ${name} cannot be looked after; it is tried again`);
    }
  }
}
