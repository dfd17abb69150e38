// SPDX-License-Identifier: Apache-2.0
import type { GroupKnowledge } from '../raft/group-situation.ts';
import type { RaftStatus } from '../raft-driver/raft-port.ts';

/** A status is news for so long; the node speaks every 100 ms. */
const FRESH_MS = 1_000;
/** An agent that has said goodbye may be on its way back for so long: that is what a restart looks like. */
const LEFT_FOR_GOOD_MS = 60_000;

/**
 * What this agent knows of the others, from what its node said last (undefined: it runs none). Pure.
 *
 * @param absent members whose Nodes are gone
 */
export function knowledgeOf(
  status: RaftStatus | undefined,
  absent: ReadonlySet<string>,
  nowMs: number,
): GroupKnowledge {
  return {
    isCoordinator: isCoordinating(status, nowMs),
    withoutCoordinatorSinceMs: status?.withoutCoordinatorSinceMs,
    settledEpochs: status?.settledEpochs ?? new Map(),
    lastHeardMs: status?.lastHeardMs ?? new Map(),
    reachedMs: status?.reachedMs,
    listeningSinceMs: status?.listeningSinceMs ?? nowMs,
    leaving: new Set(),
    gone: new Set([...absent, ...leftForGood(status, nowMs)]),
    highestEpoch: status?.highestEpoch ?? 0,
  };
}

/** Has it the right to grant, as of a moment ago? */
export function isCoordinating(status: RaftStatus | undefined, nowMs: number): boolean {
  return status?.rightUntilMs !== undefined && nowMs - status.atMs <= FRESH_MS;
}

/** Was the coordinator or one of the voters heard lately? */
export function isGroupHeard(
  status: RaftStatus | undefined,
  voters: readonly string[],
  nowMs: number,
): boolean {
  if (status === undefined || nowMs - status.atMs > FRESH_MS) return false;
  if (status.withoutCoordinatorSinceMs === undefined) return true;
  const heardMs = (name: string) => status.lastHeardMs.get(name) ?? Number.NEGATIVE_INFINITY;
  return voters.some((voter) => nowMs - heardMs(voter) <= FRESH_MS);
}

/** Those who have said goodbye and have not come back. */
function leftForGood(status: RaftStatus | undefined, nowMs: number): readonly string[] {
  if (status === undefined) return [];
  const { members, lastHeardMs, listeningSinceMs } = status;
  return [...members].flatMap(([name, state]) => {
    const heardMs = Math.max(listeningSinceMs, lastHeardMs.get(name) ?? Number.NEGATIVE_INFINITY);
    return state === 'left' && nowMs >= heardMs + LEFT_FOR_GOOD_MS ? [name] : [];
  });
}
