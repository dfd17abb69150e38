// SPDX-License-Identifier: Apache-2.0
import type { ProxyListener } from './listener.ts';

/** A listener that is not there, and why: usually somebody else has the port. It is tried again with each `verify`. */
export interface ListenerProblem {
  readonly id: string;
  readonly problem: string;
}

/** What one target of a listener has done since the plane began. */
export interface TargetStats {
  /** Connections, flows or requests that it got. */
  readonly served: number;
  /** Times that it refused, did not answer, or broke off before its first byte. */
  readonly failures: number;
  /** Connections, flows or requests now. */
  readonly open: number;
  /** It failed lately and is left alone for a while. */
  readonly isOut: boolean;
}

/** What one listener has done since it began. */
export interface ListenerStats {
  readonly service: string;
  /** Connections or requests that no target took, that were one too many, or that broke the rules. */
  readonly refused: number;
  readonly open: number;
  /** From clients to targets. */
  readonly bytesIn: number;
  /** From targets to clients. */
  readonly bytesOut: number;
  /** By the target's id. Those that were taken away are in it as long as something runs over them. */
  readonly targets: ReadonlyMap<string, TargetStats>;
}

/** The thread of the plane is gone, and with it all its connections. */
export class PlaneGoneError extends Error {
  constructor(why: string) {
    super(`the thread of the user-space plane has ended: ${why}`);
    this.name = 'PlaneGoneError';
  }
}

/**
 * Proxies in user space, in a thread of their own: no amount of traffic delays the main thread, which keeps addresses.
 * Used by the balancer of Services, by `agent start` and by `agent service`.
 */
export interface UserSpacePlane {
  /**
   * The whole desired state. Resolves when it is listened everywhere, to those places where it cannot be.
   *
   * @throws PlaneGoneError when the thread has ended; `verify` begins another.
   */
  apply(listeners: readonly ProxyListener[]): Promise<readonly ListenerProblem[]>;
  /** Begins another thread when the old one has died or hangs, and tries again what could not be bound. Returns whether it changed anything. */
  verify(): Promise<boolean>;
  /** What cannot be listened on, as of now. */
  problems(): readonly ListenerProblem[];
  /** By the listener's id, at most a second old: those that have had anything to do. */
  stats(): ReadonlyMap<string, ListenerStats>;
  /** Accepts nothing any more, lets what runs go on for at most `drainMs`, and ends. */
  stop(drainMs?: number): Promise<void>;
}
