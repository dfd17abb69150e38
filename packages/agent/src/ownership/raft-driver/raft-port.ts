// SPDX-License-Identifier: Apache-2.0
import type { AgentId, GroupConfig } from '../raft/messages.ts';
import type { MinorityPolicy, NodeEvent, NodeStatus } from '../raft/node-api.ts';
import type { PlacementPolicy } from '../raft/placement.ts';
import type { PlacementGroup } from '../raft/placement-group.ts';
import type { RaftTiming } from '../raft/timing.ts';

/*
 * What the two threads say to each other about the `raft` engine. The node itself runs in the announcing thread, beside the
 * sockets: an agent whose main thread is busy must neither lose its addresses nor answer too long. The main thread knows
 * the cluster and the kernel's addresses, and says what it knows.
 */

/** Secrets of the group. `signing` signs; it and `others` are accepted. */
export interface RaftKeys {
  readonly signing: Uint8Array;
  readonly others: readonly Uint8Array[];
}

/** What a node needs to begin. */
export interface RaftSetup {
  readonly id: AgentId;
  readonly groupId: string;
  readonly timing: RaftTiming;
  readonly placement: PlacementPolicy;
  /** Without it `release`. */
  readonly minority?: MinorityPolicy;
  /** Where it listens: `0.0.0.0` or `::` for all addresses of the family. */
  readonly listen: { readonly address: string; readonly port: number };
  readonly keys: RaftKeys;
  /** Term and vote are kept in this file across restarts, see `BallotFile`; without it in memory alone. */
  readonly ballotFile?: string;
}

/** From the main thread to the node. */
export type RaftCommand =
  /** A running node is given up without a word, like one that was killed. */
  | { readonly type: 'start'; readonly setup: RaftSetup }
  | { readonly type: 'keys'; readonly keys: RaftKeys }
  /** Name -> `192.0.2.1:7947` or `[2001:db8::1]:7947` of every agent that there is, this one included or not. */
  | { readonly type: 'endpoints'; readonly endpoints: ReadonlyMap<string, string> }
  | { readonly type: 'config'; readonly config: GroupConfig }
  | { readonly type: 'groups'; readonly groups: readonly PlacementGroup[] }
  | { readonly type: 'informed'; readonly isInformed: boolean }
  /**
   * All addresses of the group that are on this node, after everything was done that version `version` of what was granted
   * asks for. What later versions granted counts as on the node until a later word.
   */
  | { readonly type: 'onNode'; readonly addresses: ReadonlySet<string>; readonly version: number }
  | { readonly type: 'refused'; readonly addresses: ReadonlySet<string> }
  | { readonly type: 'drain'; readonly isOn: boolean }
  /** Says goodbye and ends. */
  | { readonly type: 'stop' };

/** What the node may answer for at this moment. */
export interface RaftGrants {
  /** Rises with each change. */
  readonly version: number;
  readonly addresses: ReadonlySet<string>;
  /** There would be more, had the right not run out: the coordinator was not heard in time. */
  readonly lapsed: boolean;
}

/** Traffic with the other agents since the node began. */
export interface RaftTraffic {
  readonly sent: number;
  /** Datagrams that the kernel did not take, or whose receiver has no endpoint. */
  readonly sendFailed: number;
  readonly received: number;
  /** Code of a `DecodeFailure` or `Refusal` -> datagrams that were ignored because of it. */
  readonly ignored: ReadonlyMap<string, number>;
  /** Answers to renewals that took longer than a renewal interval, and renewals that nobody answered. */
  readonly renewalsLate: number;
  readonly renewalsLost: number;
}

/** All that can be seen of a node from outside. */
export interface RaftStatus extends NodeStatus {
  readonly id: AgentId;
  readonly groupId: string;
  /** When this was so, on the monotonic clock that both threads share. */
  readonly atMs: number;
  /** Until when this node may answer for what is granted to it; in the past when there is nothing. */
  readonly grantedUntilMs: number;
  /** Agent -> when it was last heard. */
  readonly lastHeardMs: ReadonlyMap<string, number>;
  /** Since when there is no coordinator as far as this node knows; undefined: there is one. */
  readonly withoutCoordinatorSinceMs: number | undefined;
  /** Since when others could have been heard: the start of the node or of its reign. */
  readonly listeningSinceMs: number;
  /** Highest epoch in any well-signed message of whatever group; 0: none was heard. */
  readonly highestEpoch: number;
  /** When that one was last heard. */
  readonly highestEpochMs?: number;
  readonly traffic: RaftTraffic;
  /** Why it cannot talk at all (port in use, ...). It tries again. */
  readonly problem: string | undefined;
}

/** From the node to the main thread. */
export type RaftReport =
  | { readonly type: 'granted'; readonly grants: RaftGrants }
  /** At most every 100 ms. */
  | { readonly type: 'status'; readonly status: RaftStatus }
  | { readonly type: 'event'; readonly event: NodeEvent; readonly atMs: number }
  /** The answer to `stop`: the last words are on the wire. */
  | { readonly type: 'stopped' };

/** What comes through a {@link RaftPort}: the node's words, and that its thread died, and that there is a new one. */
export type FromRaft = RaftReport | { readonly type: 'gone' } | { readonly type: 'back' };

/** The main thread's end. With its thread the node dies; what is told between `gone` and `back` is lost. */
export interface RaftPort {
  tell(command: RaftCommand): void;
  /** Returns a function that ends the subscription. */
  onReport(listener: (report: FromRaft) => void): () => void;
}
