// SPDX-License-Identifier: Apache-2.0
import type { Clock } from '@fairlead/shared/runtime/clock.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import type { RaftPort } from '../ownership/raft-driver/raft-port.ts';
import type { Grant } from './grant.ts';

/** An address that this node holds right now. */
export interface HeldAddress extends Grant {
  /** When the address came up here, on the monotonic clock. */
  readonly sinceMs: number;
  /** When the kernel had the address, on the same clock; undefined until then. */
  readonly placedMs?: number;
  /** False while the address is being set up or when that failed; nothing is answered then. */
  readonly answering: boolean;
  /** Why it is not answering, in words; retried with the next tick. */
  readonly problem?: string;
}

/** Counters of one address. All only ever grow while the address is held. */
export interface AddressCounters {
  /** Gratuitous frames (both forms, or unsolicited advertisements) sent. */
  readonly announced: number;
  /** When the first of them left, on the monotonic clock; undefined: none yet. */
  readonly firstAnnouncedMs?: number;
  /** Requests or solicitations answered. */
  readonly answered: number;
  /** Frames in which somebody else claimed the address. */
  readonly foreignClaims: number;
}

/** What the announcer has done since it started. */
export interface AnnouncerStats {
  readonly framesSent: number;
  /** Frames that the kernel refused (link down, buffer full). */
  readonly framesFailed: number;
  /** Frames that were not sent because the grant ended between decision and transmission. */
  readonly framesSuppressed: number;
  /** ARP requests and neighbour solicitations answered. */
  readonly probesAnswered: number;
  readonly foreignClaims: number;
  /** Times the worker let go of everything because the main thread had stalled. */
  readonly letGo: number;
  /** Address -> its counters, for the addresses held. */
  readonly addresses: ReadonlyMap<string, AddressCounters>;
}

/** Somebody else claimed, by ARP or NDP, an address that we hold under a live grant. */
export interface ForeignClaim {
  readonly address: string;
  readonly interface: string;
  /** Hardware address of the claimant. */
  readonly mac: string;
  /** Claims from this claimant since the address was taken. */
  readonly count: number;
}

/** Why answering ended without being asked for. */
export interface AddressLoss {
  readonly addresses: readonly string[];
  /** `grantExpired`: nobody extended it; `mainStalled`: the main thread did not run for 2 s; `workerFailed`. */
  readonly reason: 'grantExpired' | 'mainStalled' | 'workerFailed';
}

/**
 * Makes this node answer for addresses, and makes sure that nothing answers once it may not.
 * The only thing that ownership needs to know about frames, links and the kernel.
 */
export interface AddressKeeper {
  /**
   * The whole desired state: answer for exactly these addresses until their deadlines. Idempotent and cheap when only
   * deadlines change. New ones: guard, address, answering with a gratuitous burst. Missing ones: silent, address off,
   * guard off. Calls are serialised and the newest state wins. Trouble with one address never stops the others: it
   * shows in `held()` and is retried; the promise is rejected only after `stop()`.
   */
  apply(grants: readonly Grant[]): Promise<void>;
  /** Synchronous fast path: later deadlines for addresses already held; others are ignored. */
  extend(grants: readonly Grant[]): void;
  /**
   * Addresses that this node may be granted at any time. Their guard elements are put in place ahead, so that a
   * takeover does not wait for an nft commit, and the kernel stays silent about them whoever owns them.
   */
  prepare(addresses: readonly string[]): Promise<void>;
  /** Address -> what is held. A snapshot that does not change later. */
  held(): ReadonlyMap<string, HeldAddress>;
  stats(): AnnouncerStats;
  /** Returns a function that ends the subscription. */
  onForeignClaim(listener: (claim: ForeignClaim) => void): () => void;
  /** The place beside the sockets where the `raft` engine's node lives. */
  readonly raft: RaftPort;
  /** Links of this node came, went, or changed their carrier. */
  onLinksChanged(listener: () => void): () => void;
  /** Called when answering ended although the desired state still has the address. */
  onLoss(listener: (loss: AddressLoss) => void): () => void;
  /** Silent, addresses off, guard off: nothing of ours is left. */
  stop(): Promise<void>;
}

/** What an address keeper needs. */
export interface AddressKeeperOptions {
  readonly logger: Logger;
  readonly clock?: Clock;
  /** Where the address is configured: on `lo` (default) or on the grant's interface. */
  readonly addressOn?: 'lo' | 'interface';
  /** IPv4 addresses on `lo` get global instead of host scope. */
  readonly loGlobalScope?: boolean;
  /** Valid lifetime of the addresses; they are renewed at about a third of it. Default 8,000, whole seconds. */
  readonly lifetimeMs?: number;
  /** Time between two gratuitous announcements of an address at rest. Default 60,000. */
  readonly refreshIntervalMs?: number;
  readonly nodeName: string;
}
