// SPDX-License-Identifier: Apache-2.0

/** When a client asks again, and for how long it waits. Times in milliseconds. */
export interface LeaseTiming {
  /** Pause after the first message of an exchange; doubled with each further one (RFC 8415: SOL_TIMEOUT, 1 s). */
  readonly firstPauseMs: number;
  /** Longest pause (RFC 2131: 64 s; kube-vip: 60 s). */
  readonly longestPauseMs: number;
  /** Part by which each pause is longer or shorter by chance (RFC 8415: 0.1). */
  readonly jitter: number;
  /** Times that an offer is asked for before all begins anew. */
  readonly requestAttempts: number;
  /** Shortest pause while a lease is renewed (RFC 2131: 60 s); a tenth of the lease when that is shorter. */
  readonly renewPauseMs: number;
  /** How long a better offer is waited for when the first one is not the address that was asked for. */
  readonly offerWaitMs: number;
  /** Questions to the link whether somebody has the address, and the wait after each. */
  readonly probes: number;
  readonly probeIntervalMs: number;
  /** Pause after an address was declined (RFC 2131, 3.1: 10 s). */
  readonly declinePauseMs: number;
  /** Leases count as no longer than this: a client may always give an address up early. */
  readonly leaseLimitMs: number;
}

/** What the RFCs say; only the check for conflicts is quicker than RFC 5227, whose 7 s nobody waits for. */
export const DEFAULT_LEASE_TIMING: LeaseTiming = {
  firstPauseMs: 1_000,
  longestPauseMs: 60_000,
  jitter: 0.1,
  requestAttempts: 5,
  renewPauseMs: 60_000,
  offerWaitMs: 500,
  probes: 3,
  probeIntervalMs: 200,
  declinePauseMs: 10_000,
  leaseLimitMs: Number.POSITIVE_INFINITY,
};
