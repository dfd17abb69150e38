// SPDX-License-Identifier: Apache-2.0

/** The times of the protocol, in milliseconds of each agent's own clock. All agents of a group must have the same. */
export interface RaftTiming {
  /** Time between a member's renewals. */
  readonly renewMs: number;
  /** A grant ends this long after the member sent the renewal that it answers. */
  readonly grantMs: number;
  /** Time between heartbeats to the voters. */
  readonly heartbeatMs: number;
  /** The coordinator's right ends this long after it sent the newest heartbeat that a majority has echoed. */
  readonly leaseMs: number;
  /** No grant outlives the coordinator's right by more than this. */
  readonly tailMs: number;
  /** Voters stand for election one after the other, this far apart, in an order that differs from term to term. */
  readonly electionStepMs: number;
  /** Random part of the wait before standing for election. */
  readonly electionJitterMs: number;
  /** A candidate waits this long for answers. */
  readonly electionRoundMs: number;
  /** Changes of grants that are not acknowledged are sent again after this time. */
  readonly resendMs: number;
  /** An agent whose main thread has not been heard of for this long lets go. */
  readonly mainStallMs: number;
  /** Largest deviation of a clock's rate from true time, e.g. 0.001 for 1000 ppm. */
  readonly maxDrift: number;
}

/**
 * What the defaults aim at: a silent member's addresses are free 200 to 301 ms after it died (`grantMs` less the age of
 * its last renewal). A silent coordinator's lease ends after 150 to 200 ms, its successor is there some 10 to 30 ms later,
 * in time to renew the grants of all who live, and has only the tail to wait for those who do not: 265 to 330 ms.
 */
export const DEFAULT_TIMING: RaftTiming = {
  renewMs: 100,
  grantMs: 300,
  heartbeatMs: 50,
  leaseMs: 200,
  tailMs: 100,
  electionStepMs: 12,
  electionJitterMs: 6,
  electionRoundMs: 30,
  resendMs: 25,
  mainStallMs: 2_000,
  maxDrift: 0.001,
};
