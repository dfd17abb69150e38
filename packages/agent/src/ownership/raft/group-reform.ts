// SPDX-License-Identifier: Apache-2.0
import { firstVoters } from './choose-voters.ts';
import { candidatesOf, nextEpoch, withSelf, writerOf } from './group-entries.ts';
import { type GroupRecord, type GroupState, isMemberName, MAX_VOTERS, majorityOf } from './group-record.ts';
import type { Proposal, ProposalInput } from './group-situation.ts';

/** Elections take less, if there is anybody to elect. */
const WITHOUT_COORDINATOR_MS = 3_000;

/**
 * Below a majority, by order or after a time: those who live go on without the others.
 *
 * The voters before cannot be asked, so nothing in the protocol keeps them from granting. Those who can read the record
 * follow it, and give up their office; until they have, the new voters take no part (`isReformed`). Those who can neither
 * read the record nor be heard must be off. So a reform is refused as long as there is anybody who is known to live and
 * does not need it.
 */
export function reform(input: ProposalInput): Proposal | undefined {
  const { followed } = input;
  if (followed === undefined || followed.record.engine !== 'raft' || followed.record.voters.length === 0) {
    return undefined;
  }
  if (input.reform !== undefined) {
    return refusalOfReform(input, input.reform) === undefined
      ? reformed(input, followed, input.reform)
      : undefined;
  }
  const voters = survivors(input, followed);
  return voters && reformed(input, followed, voters);
}

/** Why these may not become the voters by order now; undefined: they may. */
export function refusalOfReform(input: ProposalInput, voters: readonly string[]): string | undefined {
  const { followed, known, nowMs } = input;
  if (followed === undefined) return 'this agent knows of no group';
  const { record, members } = followed;
  if (record.engine !== 'raft') return `the engine "${record.engine}" has no voters`;
  if (record.voters.length === 0) return 'no voters have been chosen yet';
  const unknown = voters.find((name) => !isMemberName(name) || !members.has(name));
  if (unknown !== undefined) return `"${unknown}" is no member of the group`;
  if (voters.length === 0 || voters.length > MAX_VOTERS)
    return `${voters.length} voters; expected 1 to ${MAX_VOTERS}`;
  const sinceMs = known.withoutCoordinatorSinceMs;
  if (sinceMs === undefined || known.isCoordinator)
    return 'there is a coordinator: the group needs no reform';
  if (nowMs < sinceMs + WITHOUT_COORDINATOR_MS)
    return 'the coordinator was heard a moment ago: wait for the election';
  return hasLiveMajority(input, followed)
    ? `a majority of the voters (${record.voters.join(', ')}) can be heard: they elect somebody by themselves`
    : undefined;
}

/** The voters of a group of those who live, when it is time and this agent's turn to write it. */
function survivors(input: ProposalInput, followed: GroupState): readonly string[] | undefined {
  const { nowMs, self, policy, known } = input;
  const sinceMs = known.withoutCoordinatorSinceMs;
  if (sinceMs === undefined || known.isCoordinator || policy.reformAfterMs === undefined) return undefined;
  const live = candidatesOf(input, followed.members).filter(({ state }) => state === 'live');
  const rank = live
    .map(({ name }) => name)
    .sort()
    .indexOf(self.name);
  if (rank < 0) return undefined;
  // Also after a reform by somebody else, which takes a moment to elect somebody.
  const waitsSinceMs = Math.max(sinceMs, input.epochSinceMs);
  if (nowMs < waitsSinceMs + policy.reformAfterMs + rank * policy.staggerMs) return undefined;
  // They only have to elect somebody.
  if (hasLiveMajority(input, followed)) return undefined;
  return firstVoters(live, policy.size) ?? [self.name];
}

function hasLiveMajority(input: ProposalInput, { record, members }: GroupState): boolean {
  const live = candidatesOf(input, members).filter(
    ({ name, state }) => state === 'live' && record.voters.includes(name),
  );
  return live.length >= majorityOf(record.voters.length);
}

function reformed(input: ProposalInput, followed: GroupState, names: readonly string[]): Proposal {
  const voters = [...new Set(names)].sort();
  const record: GroupRecord = {
    ...followed.record,
    epoch: nextEpoch(input, followed.record.epoch),
    switching: undefined,
    voters,
    // Those who vote now are those who must have adopted it.
    previous: voters,
    isReformed: true,
    writer: writerOf(input),
  };
  return { state: { record, members: withSelf(input, followed.members, record) }, reasons: ['reformed'] };
}
