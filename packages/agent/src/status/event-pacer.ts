// SPDX-License-Identifier: Apache-2.0
import type { Clock, Timer } from '@fairlead/shared/runtime/clock.ts';

/** How fast an {@link EventPacer} lets things through. */
export interface PacerLimits {
  /** So many at once after a rest. */
  readonly burst: number;
  readonly perSecond: number;
  /** More than this may not wait; what comes then is dropped. */
  readonly waiting: number;
}

/**
 * Moves of single Services are told at once. When a node with a thousand addresses is lost, the writes that users wait for
 * (the status of Services) come first, and the Events follow over half a minute.
 */
export const MOVE_EVENT_LIMITS: PacerLimits = { burst: 100, perSecond: 25, waiting: 5_000 };

/** Lets actions run in order, not more of them than its limits allow. */
export class EventPacer {
  readonly #limits: PacerLimits;
  readonly #clock: Clock;
  readonly #queue: (() => void)[] = [];
  #tokens: number;
  #refilledMs: number;
  #timer: Timer | undefined;
  #dropped = 0;

  constructor(clock: Clock, limits: PacerLimits = MOVE_EVENT_LIMITS) {
    this.#clock = clock;
    this.#limits = limits;
    this.#tokens = limits.burst;
    this.#refilledMs = clock.monotonicMs();
  }

  /** Runs it now or later; false: it is dropped. */
  add(action: () => void): boolean {
    if (this.#queue.length >= this.#limits.waiting) {
      this.#dropped += 1;
      return false;
    }
    this.#queue.push(action);
    this.#run();
    return true;
  }

  /** How many were dropped since the last call. */
  takeDropped(): number {
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }

  /** The program ends: one more burst, and the rest stays untold. Returns how many do. */
  stop(): number {
    this.#timer?.cancel();
    for (const action of this.#queue.splice(0, this.#limits.burst)) action();
    return this.#queue.splice(0).length;
  }

  #run(): void {
    this.#refill();
    while (this.#tokens >= 1) {
      const action = this.#queue.shift();
      if (action === undefined) return;
      this.#tokens -= 1;
      action();
    }
    if (this.#queue.length === 0 || this.#timer !== undefined) return;
    this.#timer = this.#clock.setTimer(() => {
      this.#timer = undefined;
      this.#run();
    }, 1_000 / this.#limits.perSecond);
  }

  #refill(): void {
    const nowMs = this.#clock.monotonicMs();
    const { burst, perSecond } = this.#limits;
    this.#tokens = Math.min(burst, this.#tokens + ((nowMs - this.#refilledMs) * perSecond) / 1_000);
    this.#refilledMs = nowMs;
  }
}
