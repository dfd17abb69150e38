// SPDX-License-Identifier: Apache-2.0
/**
 * What real connections tell of a target: after some failures in a row it is left alone for a while, each time twice as
 * long. Pure: time is an argument (monotonic milliseconds).
 */
export interface PassiveHealth {
  /** Failures since the last success. */
  readonly failuresInRow: number;
  /** It is left alone until then. */
  readonly outUntilMs: number;
}

/** Nothing speaks against it. */
export const SOUND: PassiveHealth = { failuresInRow: 0, outUntilMs: Number.NEGATIVE_INFINITY };

/** One refused connection may be a restart, two in a row are not a lost packet. */
const FAILURES_ALLOWED = 1;
const FIRST_PAUSE_MS = 500;
const MAX_PAUSE_MS = 30_000;

/**
 * After one more failure. When its time is up it gets connections again, and the first failure ends that: those are retried
 * elsewhere, so nobody notices.
 */
export function afterFailure(before: PassiveHealth, nowMs: number): PassiveHealth {
  // Connections that were under way when it was given up do not lengthen its time.
  if (isOut(before, nowMs)) return before;
  const failuresInRow = before.failuresInRow + 1;
  const excess = failuresInRow - FAILURES_ALLOWED - 1;
  if (excess < 0) return { ...before, failuresInRow };
  const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** excess, MAX_PAUSE_MS);
  return { failuresInRow, outUntilMs: nowMs + pauseMs };
}

/** Is it left alone? */
export function isOut({ outUntilMs }: PassiveHealth, nowMs: number): boolean {
  return nowMs < outUntilMs;
}
