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
  /** A new coordinator hears who is there for this long before it places what nobody has. */
  readonly gatherMs: number;
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
 * What the defaults aim at. A silent member's addresses are free 200 to 301 ms after it died (`grantMs` less the age of its
 * last renewal). A silent coordinator's lease ends after 120 to 160 ms, and some 10 to 20 ms later its successor is there:
 * just in time to renew the grants of all who live, which end 160 ms after that death at the earliest (`grantMs` less the
 * age of the renewal, less that of the heartbeat before it). For those who do not live it then waits for the tail.
 *
 * The short lease costs little: a coordinator that stalls for 160 ms loses its office, but nobody loses an address by it,
 * not even its own node before 300 ms are over.
 */
export const DEFAULT_TIMING: RaftTiming = {
  renewMs: 100,
  grantMs: 300,
  heartbeatMs: 40,
  leaseMs: 160,
  tailMs: 140,
  gatherMs: 100,
  electionStepMs: 12,
  electionJitterMs: 6,
  electionRoundMs: 30,
  resendMs: 25,
  mainStallMs: 2_000,
  maxDrift: 0.001,
};

/** Comparisons of times that were computed in different ways must not hang on the last bit. */
const ROUNDING_MS = 0.01;

/** How long a clock must be watched to be sure that `ms` have passed on any other, if both keep within `maxDrift`. */
export function outlastMs({ maxDrift }: RaftTiming, ms: number): number {
  return (ms * (1 + maxDrift)) / (1 - maxDrift) + ROUNDING_MS;
}

/**
 * How long after the end of a coordinator's right its last grants may live, on any clock.
 *
 * A grant of length l, in answer to a renewal received at a, has a + l <= end of the right + tail on the coordinator's
 * clock, and ends l after a (or sooner) on the member's, where l <= grantMs. With the coordinator's clock fast and the
 * member's slow that is l / (1 - d) - (l - tail) / (1 + d) after the end, which is largest for l = grantMs.
 */
export function tailWaitMs({ maxDrift: drift, tailMs, grantMs }: RaftTiming): number {
  return (tailMs * (1 + drift) + 2 * drift * (grantMs - tailMs)) / (1 - drift) + ROUNDING_MS;
}

/**
 * After this time nothing is left of what a voter has forgotten or has turned away from: no right that hangs on its
 * promise, and no grant under such a right.
 */
export function oblivionMs(timing: RaftTiming): number {
  return outlastMs(timing, timing.leaseMs) + tailWaitMs(timing);
}

/**
 * Who follows a reformed group takes no part for this long: the voters before it were not asked, and those who live have to
 * read of it first. Longer than a watch that has fallen silent without anybody noticing is blind.
 */
export const REFORM_WAIT_MS = 5_000;

/** Says what is wrong with the times, or undefined. */
export function timingProblem(timing: RaftTiming): string | undefined {
  const { renewMs, grantMs, heartbeatMs, leaseMs, tailMs, maxDrift } = timing;
  if (!(renewMs > 0 && heartbeatMs > 0))
    return `intervals ${renewMs} and ${heartbeatMs} ms: both must be more than 0`;
  if (grantMs < 2 * renewMs)
    return `grant ${grantMs} ms: at least two renewals (${2 * renewMs} ms) are needed`;
  if (leaseMs < 2 * heartbeatMs) {
    return `lease ${leaseMs} ms: at least two heartbeats (${2 * heartbeatMs} ms) are needed`;
  }
  if (!(tailMs > 0 && tailMs <= grantMs)) {
    return `tail ${tailMs} ms: must be more than 0 and at most a grant (${grantMs} ms)`;
  }
  if (!(maxDrift >= 0 && maxDrift <= 0.1)) return `clock drift ${maxDrift}: must be between 0 and 0.1`;
  return undefined;
}
