// SPDX-License-Identifier: Apache-2.0
import type { OwnershipEngine } from '../engine.ts';
import type { GroupConfig } from '../raft/messages.ts';
import type { NodeEvent } from '../raft/node-api.ts';
import type { RaftKeys, RaftSetup, RaftStatus } from './raft-port.ts';

/** What the group record tells a running node. */
export interface RaftGroup {
  readonly config: GroupConfig;
  /** Name -> `192.0.2.1:7947` or `[2001:db8::1]:7947` of every agent that there is, this one included or not. */
  readonly endpoints: ReadonlyMap<string, string>;
}

/**
 * The `raft` engine as the group's driver uses it. One object is one run of one node: `setUp`, then `follow` (any number of
 * times), then `start()`, and after `stop()` it is used no more. All calls but those two only tell, in order, and come back
 * at once.
 *
 * While the engine of the group is being changed the node goes on without anything to own: `want([], ...)` takes all that
 * it had, and as coordinator all that others have, away.
 */
export interface RaftDriver extends OwnershipEngine {
  /** Once, before everything else. Whether the node can talk shows in `status().problem`. */
  setUp(setup: RaftSetup): void;
  /** Voters and endpoints; before `start()`, and whenever the record has changed. */
  follow(group: RaftGroup): void;
  /** Other secrets, at any time; nothing is lost by it. */
  setKeys(keys: RaftKeys): void;
  /** Whether what `want` says is up to date: the API server has been heard lately. */
  setInformed(isInformed: boolean): void;
  /** What the node said last; undefined before its first word and while its thread is gone. */
  status(): RaftStatus | undefined;
  onStatus(listener: (status: RaftStatus) => void): () => void;
  /** `atMs`: when it happened, on the monotonic clock. */
  onEvent(listener: (event: NodeEvent, atMs: number) => void): () => void;
}
