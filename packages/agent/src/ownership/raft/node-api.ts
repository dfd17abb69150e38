// SPDX-License-Identifier: Apache-2.0
import type { Ballot } from './ballot.ts';
import type { Placer } from './coordinator.ts';
import type { Role } from './election.ts';
import type { AgentId, Availability, GroupConfig, Message, Reign } from './messages.ts';
import type { Move } from './placement.ts';
import type { PlacementGroup } from './placement-group.ts';
import type { Rules } from './rules.ts';
import type { RaftTiming } from './timing.ts';

/**
 * What an agent does with its addresses when no coordinator can be heard and its grants have run out. `release` lets them
 * go. `keep` answers on, so that an address outlives the loss of the majority of the voters; the price is two owners of one
 * address when the others are alive and only cannot be heard.
 */
export type MinorityPolicy = 'release' | 'keep';

/** What a `RaftNode` needs. */
export interface NodeOptions {
  readonly id: AgentId;
  readonly groupId: string;
  readonly timing: RaftTiming;
  /** Random numbers in [0, 1). */
  readonly random: () => number;
  /** Made anew for each reign. */
  readonly createPlacement: () => Placer;
  /** This host's monotonic clock. */
  readonly startMs: number;
  /** Without it `release`. */
  readonly minority?: MinorityPolicy;
  /** What the node of this name had voted before it was restarted; without it nothing. */
  readonly ballot?: Ballot;
  /** For the simulation. */
  readonly rules?: Rules;
}

/** What a `RaftNode` is told. */
export type NodeInput =
  /** It is `wakeAtMs`, or any other time. */
  | { readonly type: 'tick' }
  /** Decoded and authenticated. */
  | { readonly type: 'message'; readonly message: Message }
  /** The group record (or what a file says), whenever it is read. */
  | { readonly type: 'config'; readonly config: GroupConfig }
  /** All that there is to own. Never told: what others hold is kept, nothing new is placed. */
  | { readonly type: 'groups'; readonly groups: readonly PlacementGroup[] }
  /**
   * Whether what was told of groups is up to date (until told otherwise, it is once it was told). A coordinator gives its
   * office to a voter that knows more.
   */
  | { readonly type: 'informed'; readonly isInformed: boolean }
  /** Names of all agents that can be reached. */
  | { readonly type: 'peers'; readonly names: readonly string[] }
  /** Addresses that are on this node, those included that are just being put on it; after each change. */
  | { readonly type: 'onNode'; readonly addresses: ReadonlySet<string> }
  /** Addresses that this node cannot serve now, because their link is down. */
  | { readonly type: 'refused'; readonly addresses: ReadonlySet<string> }
  /** Whether this node can serve anything at all. */
  | { readonly type: 'link'; readonly isUp: boolean }
  /** The main thread lives. */
  | { readonly type: 'mainAlive' }
  /** The clock has stood still (the machine was suspended): nothing that we hold may be trusted. */
  | { readonly type: 'timeLost' }
  /** Hand over what is here and give up the office, or take part again. */
  | { readonly type: 'drain'; readonly isOn: boolean }
  /** The last call: nothing is on this node any more. */
  | { readonly type: 'stop' };

/** What follows from one input. */
export interface NodeOutput {
  readonly messages: readonly Message[];
  /** The set of addresses that this node may answer for is another one (an end by time does not count). */
  readonly changed: boolean;
  /** When to call `step` again at the latest, on the same clock. */
  readonly wakeAtMs: number;
  readonly events: readonly NodeEvent[];
}

/** What is worth a line in the log. */
export type NodeEvent =
  | { readonly type: 'role'; readonly role: Role; readonly term: number }
  /** `graceMs`: how long grants of earlier coordinators are waited for. */
  | { readonly type: 'reignBegan'; readonly reign: Reign; readonly graceMs: number }
  | { readonly type: 'reignEnded'; readonly reign: Reign }
  | { readonly type: 'bound'; readonly reign: Reign }
  | { readonly type: 'configAdopted'; readonly config: GroupConfig }
  | { readonly type: 'availability'; readonly availability: Availability }
  /** No coordinator can be heard; what was granted is kept all the same (`minority` is `keep`), or not any more. */
  | { readonly type: 'keeping'; readonly isOn: boolean }
  /** Another living agent has our name. */
  | { readonly type: 'twin'; readonly instance: string }
  /** As coordinator. */
  | { readonly type: 'moved'; readonly move: Move };

/** What a node knows at one moment. */
export interface NodeStatus {
  readonly role: Role;
  readonly term: number;
  /** Present while this node may grant. */
  readonly rightUntilMs: number | undefined;
  /** The coordinator that this node asks. */
  readonly reign: Reign | undefined;
  /** When it was last heard. */
  readonly heardMs: number;
  readonly config: GroupConfig;
  /** Voter -> newest epoch that it has settled on, as far as known: complete only at the coordinator. */
  readonly settledEpochs: ReadonlyMap<string, number>;
  readonly availability: Availability;
  /** Answers without a grant, because no coordinator can be heard (`minority` is `keep`). */
  readonly isKeeping: boolean;
  /** Agent -> when it was last known to hear us. */
  readonly reachedMs: ReadonlyMap<string, number>;
  /** Address -> node. For display. */
  readonly owners: ReadonlyMap<string, string>;
  readonly members: ReadonlyMap<string, 'up' | 'lost' | 'left'>;
  /** Lost member -> for how long the coordinator had not heard it when it gave it up. For display. */
  readonly silences: ReadonlyMap<string, number>;
  /** Drained: nothing is here any more, and the office is in other hands, if there are any. */
  readonly isDrained: boolean;
}
