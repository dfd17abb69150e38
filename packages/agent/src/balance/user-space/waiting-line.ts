// SPDX-License-Identifier: Apache-2.0
import type { Clock, Timer } from '@fairlead/shared/runtime/clock.ts';

interface Waiter {
  readonly tryAgain: () => void;
  readonly timer: Timer;
}

/** Connections that wait until a target has room, in the order in which they came. */
export class WaitingLine {
  readonly #clock: Clock;
  /** In the order of arrival. */
  readonly #waiters = new Set<Waiter>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls one of the two, once. Returns how to leave the line before. */
  join(timeoutMs: number, tryAgain: () => void, giveUp: () => void): () => void {
    const timer = this.#clock.setTimer(() => {
      this.#waiters.delete(waiter);
      giveUp();
    }, timeoutMs);
    const waiter = { tryAgain, timer };
    this.#waiters.add(waiter);
    return () => {
      timer.cancel();
      this.#waiters.delete(waiter);
    };
  }

  /** There is room for one: the first tries again; it joins anew if it was not for it. */
  next(): void {
    for (const waiter of this.#waiters) {
      waiter.timer.cancel();
      this.#waiters.delete(waiter);
      waiter.tryAgain();
      return;
    }
  }

  get length(): number {
    return this.#waiters.size;
  }
}
