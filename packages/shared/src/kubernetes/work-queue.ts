// SPDX-License-Identifier: Apache-2.0
import { type Clock, systemClock, type Timer } from '../runtime/clock.ts';
import { type Logger, silentLogger } from '../runtime/logging.ts';
import { Backoff } from './backoff.ts';

/** What a {@link WorkQueue} needs; all have defaults. */
export interface WorkQueueOptions {
  readonly clock?: Clock;
  /** [0, 1). */
  readonly random?: () => number;
  readonly logger?: Logger;
  /** Delay before the first retry of a key that failed. Default 100. */
  readonly minRetryMs?: number;
  /** Longest delay between retries. Default 30,000. */
  readonly maxRetryMs?: number;
}

/** Limits of {@link WorkQueue.run}. */
export interface RunOptions {
  /** Keys worked on at the same time. Default 1. */
  readonly concurrency?: number;
  readonly signal: AbortSignal;
}

interface Delayed {
  readonly dueMs: number;
  readonly timer: Timer;
}

/**
 * Keys that want to be worked on. A key is never worked on twice at the same time, however often it is added; an
 * addition while it is under way leads to one more pass, so the last state is always looked at.
 */
export class WorkQueue {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #logger: Logger;
  readonly #minRetryMs: number;
  readonly #maxRetryMs: number;
  /** In order of arrival. */
  readonly #waiting = new Set<string>();
  readonly #active = new Set<string>();
  /** Added while under way. */
  readonly #again = new Set<string>();
  readonly #delayed = new Map<string, Delayed>();
  readonly #retries = new Map<string, Timer>();
  readonly #backoffs = new Map<string, Backoff>();
  #start: (() => void) | undefined;

  constructor(options: WorkQueueOptions = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#logger = options.logger ?? silentLogger;
    this.#minRetryMs = options.minRetryMs ?? 100;
    this.#maxRetryMs = options.maxRetryMs ?? 30_000;
  }

  /** Keys that wait to be worked on now. */
  get size(): number {
    return this.#waiting.size;
  }

  /** How often `key` failed since its last success. */
  failures(key: string): number {
    return this.#backoffs.get(key)?.failures ?? 0;
  }

  /** Wants `key` worked on. Already waiting: nothing more. Under way: once more afterwards. */
  add(key: string): void {
    if (this.#active.has(key)) {
      this.#again.add(key);
      return;
    }
    this.#waiting.add(key);
    this.#start?.();
  }

  /** Like {@link add}, later; the earliest of several delays counts. */
  addAfter(key: string, delayMs: number): void {
    if (delayMs <= 0) {
      this.add(key);
      return;
    }
    const dueMs = this.#clock.monotonicMs() + delayMs;
    const known = this.#delayed.get(key);
    if (known !== undefined && known.dueMs <= dueMs) return;
    known?.timer.cancel();
    const due = () => {
      this.#delayed.delete(key);
      this.add(key);
    };
    this.#delayed.set(key, { dueMs, timer: this.#clock.setTimer(due, delayMs) });
  }

  /**
   * Works until `signal` is aborted; then waits for what is under way. A worker that rejects has its key retried with
   * growing pauses.
   *
   * @throws Error when already running
   */
  async run(worker: (key: string) => Promise<void>, options: RunOptions): Promise<void> {
    if (this.#start !== undefined)
      throw new Error('the work queue runs already; give it more concurrency instead');
    const { concurrency = 1, signal } = options;
    const idle = Promise.withResolvers<void>();
    const finish = () => {
      if (signal.aborted && this.#active.size === 0) idle.resolve();
    };
    const work = async (key: string) => {
      await this.#work(key, worker);
      finish();
      this.#start?.();
    };
    this.#start = () => {
      while (!signal.aborted && this.#active.size < concurrency) {
        const [key] = this.#waiting;
        if (key === undefined) return;
        this.#begin(key);
        // #work catches whatever the worker throws.
        void work(key);
      }
    };
    signal.addEventListener('abort', finish);
    this.#start();
    finish();
    await idle.promise;
    signal.removeEventListener('abort', finish);
    this.#start = undefined;
    this.#cancelTimers();
  }

  #begin(key: string): void {
    this.#waiting.delete(key);
    this.#active.add(key);
    // It is being tried now, so the retry that was planned has no more purpose.
    this.#retries.get(key)?.cancel();
    this.#retries.delete(key);
  }

  async #work(key: string, worker: (key: string) => Promise<void>): Promise<void> {
    try {
      await worker(key);
      this.#backoffs.delete(key);
    } catch (error) {
      this.#retryLater(key, error);
    }
    this.#active.delete(key);
    if (this.#again.delete(key)) this.add(key);
  }

  #retryLater(key: string, error: unknown): void {
    let backoff = this.#backoffs.get(key);
    if (backoff === undefined) {
      backoff = new Backoff({ minMs: this.#minRetryMs, maxMs: this.#maxRetryMs, random: this.#random });
      this.#backoffs.set(key, backoff);
    }
    const retryInMs = Math.round(backoff.next());
    this.#logger.warn(
      { key, err: error, failures: backoff.failures, retryInMs },
      'work failed; trying again',
    );
    const retry = () => {
      this.#retries.delete(key);
      this.add(key);
    };
    this.#retries.set(key, this.#clock.setTimer(retry, retryInMs));
  }

  #cancelTimers(): void {
    for (const { timer } of this.#delayed.values()) timer.cancel();
    for (const timer of this.#retries.values()) timer.cancel();
    this.#delayed.clear();
    this.#retries.clear();
  }
}
