// SPDX-License-Identifier: Apache-2.0

/** One attempt: when it was begun, and what came of it. */
export interface Attempt {
  readonly startMs: number;
  readonly ok: boolean;
}

/**
 * For how long whoever began failed: the longest time from the start of an attempt that failed to the start of the next one that
 * succeeded, milliseconds; 0 when none failed. Attempts that wait and succeed have not failed. The pause between attempts is in it,
 * so the truth is no longer. Pure.
 *
 * @throws Error when nothing succeeded after a failure: it was not waited for long enough
 */
export function longestFailingSpan(attempts: readonly Attempt[]): number {
  let worst = 0;
  let failingSinceMs: number | undefined;
  for (const { startMs, ok } of attempts.toSorted((a, b) => a.startMs - b.startMs)) {
    if (!ok) failingSinceMs ??= startMs;
    else if (failingSinceMs !== undefined) {
      worst = Math.max(worst, startMs - failingSinceMs);
      failingSinceMs = undefined;
    }
  }
  if (failingSinceMs !== undefined) throw new Error('the last attempts failed; the span has no end');
  return worst;
}
