// SPDX-License-Identifier: Apache-2.0
import type { LeaseName } from '../config/lease-name.ts';
import type { Candidates } from '../services/served-service.ts';
import type { AvoidedNodes } from './node-eligibility.ts';

/**
 * Addresses that can only move together, because one Service has several or several Services share one. Two locks for
 * one address are how two nodes come to answer for it, so a group is the unit of ownership.
 */
export interface AddressGroup {
  /** `namespace/name` of the oldest Service in it. */
  readonly key: string;
  /** `namespace/name` of each Service in it, oldest first. */
  readonly services: readonly string[];
  readonly addresses: readonly string[];
  /** Nodes that can serve it. */
  readonly candidates: Candidates;
  /** Candidates that should not have it while another one can. Absent: none. */
  readonly avoided?: AvoidedNodes;
  /** Lease that stands for it where Leases decide (kube-vip's names). */
  readonly lease: LeaseName;
}

/** Who answers for an address, as far as this node knows. */
export interface Owner {
  readonly node: string;
  /** Monotonic time since which we know it. */
  readonly sinceMs: number;
}

/**
 * Deadline of a grant whose real deadline the announcing thread knows by itself: the `raft` engine's node lives there. The
 * thread never takes this number for a time; without a node that grants the address it is silent.
 */
export const UNTIL_WITHDRAWN = Number.POSITIVE_INFINITY;

/** What an engine says at one moment. A snapshot that does not change later. */
export interface OwnershipState {
  /** Rises with each change of what is granted, where the engine has to know what was done about it. */
  readonly version: number;
  /** Address -> until when (monotonic) this node may answer for it, or {@link UNTIL_WITHDRAWN}. */
  readonly grants: ReadonlyMap<string, number>;
  /** Address -> node that owns it; absent when nobody does. */
  readonly owners: ReadonlyMap<string, Owner>;
  /** Nodes whose agent fell silent without saying goodbye and has not been seen alive since. */
  readonly lostNodes: ReadonlySet<string>;
}

/** How an engine is doing. */
export interface EngineHealth {
  readonly ok: boolean;
  readonly detail: string;
}

/**
 * Decides which node owns which addresses, among all agents. Engines differ in how they agree (Leases, an election among
 * the agents, ...); for the rest of the agent they are the same:
 *
 * - `want` says what there is to own; a grant says that this node may answer until a deadline on its own clock.
 * - An engine that moves an address away takes it out of `grants` first, and lets another node begin only after
 *   `report` has shown that it is off this node, or after the deadline.
 */
export interface OwnershipEngine {
  readonly name: string;
  /** Begins to contend. Resolves when `state()` reflects what the others hold. */
  start(): Promise<void>;
  /**
   * The whole set of groups that there are, and the addresses among them that this node cannot serve now, whatever its
   * endpoints (no link for them, no carrier). Idempotent.
   */
  want(groups: readonly AddressGroup[], unservable: ReadonlySet<string>): void;
  /**
   * The addresses that are on this node right now, granted or not (still coming off), after everything was done that the
   * state of this version asks for.
   */
  report(held: ReadonlySet<string>, version: number): void;
  state(): OwnershipState;
  /** Something other than a deadline changed; the listener is called at most once per turn of the event loop. */
  onChange(listener: () => void): () => void;
  /** Deadlines moved on and nothing else: address -> new deadline. Called at once, so that they reach the worker in time. */
  onExtended(listener: (grants: ReadonlyMap<string, number>) => void): () => void;
  health(): EngineHealth;
  /** Counters for metrics. */
  stats(): EngineStats;
  /**
   * Hands over what is here while others take it, where the engine can do so; for at most `limitMs`. Passes go on meanwhile.
   */
  drain(limitMs: number): Promise<void>;
  /** Gives everything back so that others can begin at once. Only after all addresses are off this node. */
  stop(): Promise<void>;
}

/** What an engine has done since it started. */
export interface EngineStats {
  /** Lock name -> what happened to it. */
  readonly locks: ReadonlyMap<string, LockStats>;
}

/** One lock (a Lease, a term of a coordinator). */
export interface LockStats {
  /** Times it came to this node. */
  readonly acquired: number;
  /** Times it was lost other than by giving it back. */
  readonly lost: number;
  readonly isHolder: boolean;
}
