// SPDX-License-Identifier: Apache-2.0
import type { FaultKind } from './faults.ts';

/** What can happen in a simulated group besides what its agents do. */
export type Happening =
  /** A message is lost by chance, or on a link that is cut one way or both ways. */
  | 'lost'
  | 'cutOneWay'
  | 'cutBothWays'
  /** A message takes longer than a round trip usually does, longer than a lease, is delivered twice, or overtaken. */
  | 'late'
  | 'veryLate'
  | 'doubled'
  | 'reordered'
  /** An agent starts under a name that was there before. */
  | 'restarted'
  /** A second agent on one node: kept from starting, or, with rule 6 off, started. */
  | 'secondAgentRefused'
  | 'secondAgentStarted'
  /** The main thread was behind what the worker was granted. */
  | 'mainThreadBehind'
  /** The API server does not answer; what it has answered is old by the time it is heard; it has no record. */
  | 'apiFault'
  | 'staleRead'
  | 'noRecord'
  /** Somebody writes other voters into the record. */
  | 'votersChanged'
  | 'votersRefused'
  /** A clock is as far from true time as is allowed for. */
  | 'worstClock'
  /** Below a majority addresses are kept. */
  | 'kept'
  /** A fault has begun. */
  | FaultKind;

/** Counts what really happens: a fault that is drawn, but finds nobody, tests nothing. */
export class Counts {
  readonly #counts = new Map<Happening, number>();

  add(what: Happening): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }

  get all(): ReadonlyMap<Happening, number> {
    return this.#counts;
  }
}
