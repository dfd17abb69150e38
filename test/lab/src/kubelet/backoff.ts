// SPDX-License-Identifier: Apache-2.0

/** Limits of the pause between restarts. */
export interface BackoffSettings {
  readonly baseMs: number;
  readonly maxMs: number;
}

/** Pause before restart number `restarts + 1`: the base, doubled each time, up to the maximum. */
export function restartDelayMs(restarts: number, { baseMs, maxMs }: BackoffSettings): number {
  return Math.min(maxMs, baseMs * 2 ** Math.min(restarts, 30));
}

/** Whether a run lasted long enough to forget earlier crashes (twice the longest pause, as the kubelet does). */
export function forgetsCrashes(ranMs: number, { maxMs }: BackoffSettings): boolean {
  return ranMs >= 2 * maxMs;
}

/** Whether a container that ended is started again. */
export function restarts(policy: string | undefined, exitCode: number): boolean {
  if (policy === 'Never') return false;
  return policy !== 'OnFailure' || exitCode !== 0;
}
