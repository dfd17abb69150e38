// SPDX-License-Identifier: Apache-2.0
import type { Clock, Timer } from '@fairlead/shared/runtime/clock.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';

/** After a pass those who can wait do so for so many times as long as it took, so that they cost a fifth of the thread at most. */
const REST_FACTOR = 4;
const MOST_REST_MS = 1_000;

/** What a {@link ReconcileLoop} needs. */
export interface LoopOptions {
  /** One whole pass: observe, compute, apply the difference. */
  readonly pass: () => Promise<void>;
  /** Time after which a pass is made although nobody asked. */
  readonly resyncMs: number;
  /** Wait after a failed pass. */
  readonly retryMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Runs passes one after the other. Asking while one runs leads to exactly one more, so that a hundred changes cost two
 * passes, and the last change is always seen. Changes that arrive in the same turn of the event loop share a pass.
 */
export class ReconcileLoop {
  readonly #options: LoopOptions;
  #dirty = false;
  #running: Promise<void> | undefined;
  #timer: Timer | undefined;
  #stopped = false;
  #startedMs: number | undefined;
  /** Before that time nobody who can wait gets a pass. */
  #restUntilMs = 0;
  #isSoonWanted = false;
  #passes = 0;
  #failures = 0;

  constructor(options: LoopOptions) {
    this.#options = options;
  }

  /** Asks for a pass. */
  wake(): void {
    this.#dirty = true;
    if (this.#running !== undefined || this.#stopped) return;
    this.#running = this.#run();
  }

  /**
   * Asks for a pass that need not be made at once: after a long one it waits a while, and others that come meanwhile share it. For
   * what comes in great numbers.
   */
  wakeSoon(): void {
    const waitMs = this.#restUntilMs - this.#options.clock.monotonicMs();
    if (this.#running === undefined && waitMs <= 0) {
      this.wake();
      return;
    }
    if (this.#isSoonWanted || this.#stopped) return;
    this.#isSoonWanted = true;
    if (this.#running === undefined) this.#wakeIn(waitMs);
  }

  /** Asks for a pass and resolves when it has ended, well or not. */
  async once(): Promise<void> {
    this.wake();
    await this.#running;
  }

  /** No pass begins any more; resolves when the one under way has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#running;
  }

  /** How long the pass under way has taken; 0 when none is. */
  stuckMs(): number {
    return this.#startedMs === undefined ? 0 : this.#options.clock.monotonicMs() - this.#startedMs;
  }

  get passes(): number {
    return this.#passes;
  }

  get failures(): number {
    return this.#failures;
  }

  async #run(): Promise<void> {
    const { pass, clock, logger, resyncMs, retryMs } = this.#options;
    // Lets the other changes of this turn of the event loop arrive first.
    await Promise.resolve();
    let pauseMs = resyncMs;
    while (this.#dirty && !this.#stopped) {
      this.#dirty = false;
      this.#isSoonWanted = false;
      const startMs = clock.monotonicMs();
      this.#startedMs = startMs;
      try {
        await pass();
        this.#passes++;
        pauseMs = resyncMs;
      } catch (error) {
        this.#failures++;
        pauseMs = retryMs;
        logger.error({ err: error }, 'a pass failed; the next one is made soon');
      }
      const endMs = clock.monotonicMs();
      this.#restUntilMs = endMs + Math.min(REST_FACTOR * (endMs - startMs), MOST_REST_MS);
    }
    this.#startedMs = undefined;
    this.#running = undefined;
    if (this.#isSoonWanted) pauseMs = Math.min(pauseMs, this.#restUntilMs - clock.monotonicMs());
    this.#wakeIn(pauseMs);
  }

  #wakeIn(pauseMs: number): void {
    this.#timer?.cancel();
    if (!this.#stopped) this.#timer = this.#options.clock.setTimer(() => this.wake(), Math.max(0, pauseMs));
  }
}
