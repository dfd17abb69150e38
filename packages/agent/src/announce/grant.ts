// SPDX-License-Identifier: Apache-2.0

/**
 * The right to answer for one address until a deadline. Whoever decides about ownership hands these out; whoever
 * announces may not send a single frame for the address once the deadline has passed.
 */
export interface Grant {
  /** Canonical text form of the address (as printed by the shared address module), IPv4 or IPv6. */
  readonly address: string;
  /** Name of the link on which neighbours are answered, for instance `eth0`. */
  readonly interface: string;
  /** Deadline on this machine's monotonic clock (`Clock.monotonicMs`), in milliseconds. */
  readonly untilMs: number;
}
