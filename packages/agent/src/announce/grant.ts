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
  /**
   * Deadline on this machine's monotonic clock (`Clock.monotonicMs`), in milliseconds; or `UNTIL_WITHDRAWN`: the raft node
   * knows it, which lives in the announcing thread.
   */
  readonly untilMs: number;
  /**
   * What the ownership engine calls it, where that is not the address itself: one that DHCP gave is owned under the key of
   * its Service, see `dhcp/ownership-key.ts`. Whether it is granted must be asked under this name.
   */
  readonly ownedAs?: string;
  /** A second deadline that holds whatever `untilMs` is: the end of a lease. */
  readonly notAfterMs?: number;
}
