// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from './journal.ts';

/** How {@link waitFor} waits. */
export interface WaitOptions {
  /** What is waited for, for the message: "worker1 to be Ready". */
  readonly what: string;
  /** Default 30 s. */
  readonly timeoutMs?: number;
  /** Pause between two looks. Default 50. */
  readonly intervalMs?: number;
  /** More for the message when time is up, e.g. the tails of logs. */
  readonly details?: () => string;
  /** Errors of the condition that end the waiting at once (they are thrown on). */
  readonly giveUpOn?: (error: unknown) => boolean;
}

/**
 * Looks again and again until the condition gives something true, and resolves to that. What the condition throws
 * counts as "not yet" and is quoted when time is up.
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  options: WaitOptions,
): Promise<Exclude<T, undefined | null | false | '' | 0>> {
  const timeoutMs = options.timeoutMs ?? 30_000;
  const deadlineMs = monotonicMs() + timeoutMs;
  for (;;) {
    let last: string;
    try {
      const value = await condition();
      if (value) return value as Exclude<T, undefined | null | false | '' | 0>;
      last = `the last look gave ${JSON.stringify(value)}`;
    } catch (error) {
      if (options.giveUpOn?.(error)) throw error;
      last = `the last look failed: ${error instanceof Error ? error.message : String(error)}`;
    }
    if (monotonicMs() >= deadlineMs) {
      const details = options.details === undefined ? '' : `\n${options.details()}`;
      throw new Error(`waited ${timeoutMs} ms for ${options.what}; ${last}${details}`);
    }
    await sleep(options.intervalMs ?? 50);
  }
}
