// SPDX-License-Identifier: Apache-2.0
import type { GroupRecord } from '../ownership/raft/group-record.ts';
import type { NodeEvent } from '../ownership/raft/node-api.ts';
import type { RaftStatus } from '../ownership/raft-driver/raft-port.ts';

/**
 * What can be seen of the group from outside, beyond what every engine says. All of it is for display, Events and metrics:
 * nothing here decides. Under the engine `lease` there is no such view, or one that has nothing to say.
 */
export interface EngineView {
  /** The newest word of the node; undefined while another engine is in force. */
  raft(): RaftStatus | undefined;
  /** The group record as last read; undefined: none was found yet. */
  group(): GroupRecord | undefined;
  /** Name of the engine in force, where that can change; undefined: none at this moment. */
  inForce?(): string | undefined;
  /** What keeps the group from being what it should be. */
  problems?(): readonly { readonly reason: string; readonly message: string }[];
  /** What a node tells as it happens. Returns a function that ends the subscription. */
  onRaftEvent(listener: (event: NodeEvent, atMs: number) => void): () => void;
}

/** For an engine of which nothing more can be seen. */
export const NO_VIEW: EngineView = {
  raft: () => undefined,
  group: () => undefined,
  onRaftEvent: () => () => undefined,
};
