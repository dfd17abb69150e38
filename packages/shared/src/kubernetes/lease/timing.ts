// SPDX-License-Identifier: Apache-2.0

/** The three times of client-go's leader election; `retryPeriodMs` < `renewDeadlineMs` < `leaseDurationMs`. */
export interface LeaseTiming {
  /** Others may take the Lease this long after they saw its last renewal; whole seconds on the wire. */
  readonly leaseDurationMs: number;
  /** The holder gives up this long after it sent its last successful renewal. */
  readonly renewDeadlineMs: number;
  /** Time between renewals, and between tries of candidates. */
  readonly retryPeriodMs: number;
}

/** Says what is wrong with the times, or undefined. The rules are client-go's, so that both can share a Lease. */
export function timingProblem(timing: LeaseTiming): string | undefined {
  const { leaseDurationMs, renewDeadlineMs, retryPeriodMs } = timing;
  if (leaseDurationMs < 1_000) return `lease duration ${leaseDurationMs} ms: at least 1000 is needed`;
  if (retryPeriodMs <= 0) return `retry period ${retryPeriodMs} ms: must be more than 0`;
  if (renewDeadlineMs >= leaseDurationMs) {
    return `renew deadline ${renewDeadlineMs} ms: must be less than the lease duration (${leaseDurationMs} ms)`;
  }
  if (renewDeadlineMs <= retryPeriodMs) {
    return `renew deadline ${renewDeadlineMs} ms: must be more than the retry period (${retryPeriodMs} ms)`;
  }
  return undefined;
}
