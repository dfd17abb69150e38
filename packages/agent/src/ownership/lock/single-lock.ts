// SPDX-License-Identifier: Apache-2.0
import type { Clock, Timer } from '@fairlead/shared/runtime/clock.ts';
import type { Lock, LockListener } from './lock.ts';

/** However sure we are: a process that hangs must fall silent, as somebody may have been put in its place. */
const HOLD_MS = 3_000;
const EXTEND_MS = 1_000;

/** The lock of a host that is alone: free whenever it is wanted. */
export class SingleLock implements Lock {
  readonly #node: string;
  readonly #clock: Clock;
  readonly #listener: LockListener;
  #untilMs = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;

  constructor(node: string, clock: Clock, listener: LockListener) {
    this.#node = node;
    this.#clock = clock;
    this.#listener = listener;
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  contend(isOn: boolean): void {
    if (isOn === (this.#timer !== undefined)) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (isOn) this.#extend();
    else this.#untilMs = Number.NEGATIVE_INFINITY;
    this.#listener.onChange();
  }

  holdUntilMs(): number {
    return this.#untilMs;
  }

  holder(): string | undefined {
    return this.#timer === undefined ? undefined : this.#node;
  }

  problem(): undefined {
    return undefined;
  }

  stop(): Promise<void> {
    this.contend(false);
    return Promise.resolve();
  }

  #extend(): void {
    this.#untilMs = this.#clock.monotonicMs() + HOLD_MS;
    this.#timer = this.#clock.setTimer(() => {
      this.#extend();
      this.#listener.onExtended();
    }, EXTEND_MS);
  }
}
