// SPDX-License-Identifier: Apache-2.0
import type { Logger } from 'pino';
import type { Clock } from '../runtime/clock.ts';

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
export declare class WorkQueue {
  constructor(options?: WorkQueueOptions);
  /** Wants `key` worked on. Already waiting: nothing more. Under way: once more afterwards. */
  add(key: string): void;
  /** Like {@link add}, later; the earliest of several delays counts. */
  addAfter(key: string, delayMs: number): void;
  /** Works until `signal` is aborted; then waits for what is under way. */
  run(worker: (key: string) => Promise<void>, options: RunOptions): Promise<void>;
  /** Keys that wait to be worked on now. */
  get size(): number;
  /** How often `key` failed since its last success. */
  failures(key: string): number;
}
