// SPDX-License-Identifier: Apache-2.0
import type { GroupReading } from './group-lease.ts';
import type { GroupEngine, GroupSize, GroupState } from './group-record.ts';
import type { GroupConfig } from './messages.ts';

/** What an agent is set to, and its waits. */
export interface GroupPolicy {
  /** The engine that the operator wants. */
  readonly engine: GroupEngine;
  readonly size: GroupSize;
  /** A voter that has been silent for so long is replaced. */
  readonly replaceAfterMs: number;
  /** An agent that has heard nobody and sees no record waits so long before it makes one. */
  readonly formQuietMs: number;
  /** The first voters are chosen when no agent has joined for so long, or at once when enough control-plane nodes have. */
  readonly settleMs: number;
  /** Members that have not stopped the old engine after so long keep it: the switch is called off. */
  readonly stopTimeoutMs: number;
  /** A switch is begun when the epoch has been the same for so long: one that was called off is not tried again at once. */
  readonly switchWaitMs: number;
  /** A group of which nobody was heard for so long is given up for the one in the API. */
  readonly abandonMs: number;
  /** Engine `raft`, but fewer than three who hear each other after so long: nothing can be granted, so `lease` it is. */
  readonly fallBackAfterMs: number;
  /** Where everybody may write, the second waits so long for the first, and so on. */
  readonly staggerMs: number;
  /** Below a majority for so long, those who live make a group of their own; undefined: only when told to. */
  readonly reformAfterMs: number | undefined;
}

/** What our manifests use. */
export const DEFAULT_GROUP_POLICY: Omit<GroupPolicy, 'engine'> = {
  size: 3,
  replaceAfterMs: 60_000,
  formQuietMs: 3_000,
  settleMs: 3_000,
  stopTimeoutMs: 15_000,
  switchWaitMs: 30_000,
  abandonMs: 60_000,
  fallBackAfterMs: 10_000,
  staggerMs: 250,
  reformAfterMs: undefined,
};

/** What this agent says of itself. */
export interface OwnEntry {
  /** '' when it cannot run `raft`: then it is no voter. */
  readonly endpoint: string;
  readonly controlPlane: boolean;
  /** Engines that it can run: `raft` needs a key, `lease` the rights to Leases. */
  readonly canRun: ReadonlySet<GroupEngine>;
  /** Nothing of the engine that is to be stopped is left: no address, no lock, and, as coordinator, no grant. */
  readonly isStopped: boolean;
  /** It goes away: it takes itself out once nobody needs it as a voter. */
  readonly isLeaving: boolean;
}

/** What this agent knows of the others. */
export interface GroupKnowledge {
  /** It has the right to grant at this moment. */
  readonly isCoordinator: boolean;
  /** Since when there is no coordinator as far as it knows; undefined: there is one. */
  readonly withoutCoordinatorSinceMs: number | undefined;
  /** Newest epoch that each voter has settled; only a coordinator knows. */
  readonly settledEpochs: ReadonlyMap<string, number>;
  /** When each agent was last heard. */
  readonly lastHeardMs: ReadonlyMap<string, number>;
  /** When each agent was last known to hear this one; undefined: not known, as no node of the `raft` engine runs. */
  readonly reachedMs?: ReadonlyMap<string, number> | undefined;
  /** Since when it could have heard them: its start, or when it became coordinator. */
  readonly listeningSinceMs: number;
  readonly leaving: ReadonlySet<string>;
  /** Agents whose nodes the API does not have any more. */
  readonly gone: ReadonlySet<string>;
  /** Highest epoch in any well-signed message, of whatever group. */
  readonly highestEpoch: number;
  /** When that epoch was last heard; undefined: not known, so it may have been just now. */
  readonly highestEpochMs?: number | undefined;
  /** What the node of the `raft` engine here follows: others may have told it of a later epoch than the record has. */
  readonly config?: GroupConfig | undefined;
}

/** Everything a decision depends on. */
export interface ProposalInput {
  readonly nowMs: number;
  readonly startMs: number;
  readonly self: { readonly name: string; readonly instance: string };
  readonly own: OwnEntry;
  readonly policy: GroupPolicy;
  readonly known: GroupKnowledge;
  /** What the API has. */
  readonly current: GroupReading;
  /** Since when it has exactly this. */
  readonly currentSinceMs: number;
  /** Since when it has this epoch. */
  readonly epochSinceMs: number;
  /** What this agent follows. */
  readonly followed: GroupState | undefined;
  /** Highest epoch that this agent has tried to write: it may stand in the API although no answer came. */
  readonly triedEpoch: number;
  /** Id for a group that is made anew. */
  readonly newGroupId: string;
  /** The operator has told these to be the voters, whatever there was before. */
  readonly reform: readonly string[] | undefined;
}

/** A state to write, and why. Codes are stable. */
export interface Proposal {
  readonly state: GroupState;
  readonly reasons: readonly ProposalReason[];
}

export type ProposalReason =
  | 'groupMade'
  | 'recordRestored'
  | 'entered'
  | 'confirmed'
  | 'left'
  | 'membersGone'
  | 'epochActive'
  | 'votersChosen'
  | 'votersChanged'
  | 'switchBegun'
  | 'switchStopping'
  | 'switchDone'
  | 'switchCalledOff'
  | 'tooFewForRaft'
  | 'reformed';
