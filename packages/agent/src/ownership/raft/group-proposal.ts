// SPDX-License-Identifier: Apache-2.0
import { firstVoters, nextVoters } from './choose-voters.ts';
import {
  areEnoughForRaft,
  candidatesOf,
  FEWEST_FOR_RAFT,
  firstCandidates,
  nextEpoch,
  ownReason,
  without,
  withSelf,
  writerOf,
} from './group-entries.ts';
import { type GroupRecord, type GroupState, majorityOf, sameEpoch } from './group-record.ts';
import { reform } from './group-reform.ts';
import type { Proposal, ProposalInput, ProposalReason } from './group-situation.ts';

/**
 * What this agent should write into the group record now; undefined: nothing. Pure. The write has to be a compare-and-swap
 * on exactly `current`.
 *
 * Everybody enters and confirms for itself. For the group, the coordinator writes while the `raft` engine is in force, so
 * that whoever writes has a majority of the voters behind it; while nothing is granted by messages, any member does.
 */
export function proposeState(input: ProposalInput): Proposal | undefined {
  const { current, followed } = input;
  if (current.kind === 'unreadable' && current.isNewer) return undefined;
  const reformed = reform(input);
  if (reformed !== undefined) return reformed;
  if (current.kind !== 'found') return followed === undefined ? make(input) : restore(input, followed);
  if (followed === undefined) return amend(input, current.state);
  if (!sameEpoch(followed.record, current.state.record)) return restore(input, followed);
  // Active once is active for ever, even if the API shows an older state of the same epoch.
  return amend(input, { record: followed.record, members: current.state.members });
}

function make(input: ProposalInput): Proposal | undefined {
  const { nowMs, startMs, policy, newGroupId } = input;
  if (isForgotten(input, 0) || nowMs < startMs + policy.formQuietMs) return undefined;
  const record: GroupRecord = {
    groupId: newGroupId,
    epoch: nextEpoch(input, 0),
    engine: input.own.canRun.has(policy.engine) ? policy.engine : 'lease',
    switching: undefined,
    size: policy.size,
    voters: [],
    previous: undefined,
    writer: writerOf(input),
  };
  return { state: { record, members: withSelf(input, new Map(), record) }, reasons: ['groupMade'] };
}

/**
 * Is there somebody who follows a later epoch than this? It has that record in memory, and will write it again; who has not
 * seen it must not decide anything meanwhile.
 */
function isForgotten({ known, nowMs, startMs, policy }: ProposalInput, epoch: number): boolean {
  const heardMs = Math.max(startMs, known.highestEpochMs ?? Math.max(startMs, ...known.lastHeardMs.values()));
  return known.highestEpoch > epoch && nowMs < heardMs + policy.abandonMs;
}

/** The record was deleted, spoilt, or replaced by an older or a foreign one: what we follow goes on, in a new epoch. */
function restore(input: ProposalInput, { record, members }: GroupState): Proposal | undefined {
  const recalled = recall(input, { record, members });
  if (recalled !== undefined) return recalled;
  if (!mayDecide(input, record, members)) return undefined;
  const next: GroupRecord = {
    ...activated(record),
    epoch: nextEpoch(input, record.epoch),
    previous: record.voters.length === 0 ? undefined : record.voters,
    writer: writerOf(input),
  };
  const { current } = input;
  const all = current.kind === 'found' ? new Map([...members, ...current.state.members]) : members;
  return { state: { record: next, members: withSelf(input, all, next) }, reasons: ['recordRestored'] };
}

/**
 * A record from the past, and nobody is left who has seen the later one; but the nodes still follow it, and this one has
 * been elected by its voters. So they are the voters.
 */
function recall(input: ProposalInput, { record, members }: GroupState): Proposal | undefined {
  const { isCoordinator, config } = input.known;
  if (!isCoordinator || config === undefined || record.engine !== 'raft') return undefined;
  if (config.epoch <= record.epoch || config.voters.length === 0) return undefined;
  const voters = [...config.voters].sort();
  const epoch = nextEpoch(input, config.epoch);
  const next: GroupRecord = {
    ...activated(record),
    epoch,
    voters,
    previous: voters,
    writer: writerOf(input),
  };
  return { state: { record: next, members: withSelf(input, members, next) }, reasons: ['recordRestored'] };
}

/** The usual case: what is there is what we follow. */
function amend(input: ProposalInput, { record, members }: GroupState): Proposal | undefined {
  const recalled = recall(input, { record, members });
  if (recalled !== undefined) return recalled;
  const reasons: ProposalReason[] = [];
  const mayLeave = input.own.isLeaving && !isNeeded(input, record);
  let nextMembers = mayLeave
    ? without(members, new Set([input.self.name]))
    : withSelf(input, members, record);
  if (nextMembers !== members) reasons.push(ownReason(input, members, nextMembers));
  let nextRecord = record;
  if (mayDecide(input, record, nextMembers)) {
    const kept = without(nextMembers, input.known.gone);
    if (kept !== nextMembers) reasons.push('membersGone');
    nextMembers = kept;
    const decision = decide(input, record, kept);
    if (decision !== undefined) {
      nextRecord = decision.record;
      reasons.push(decision.reason);
      // Who prepares a switch is ready for it.
      nextMembers = mayLeave ? nextMembers : withSelf(input, nextMembers, nextRecord);
    }
  }
  return reasons.length === 0 ? undefined : { state: { record: nextRecord, members: nextMembers }, reasons };
}

/** A voter stays entered until it is one no more, as long as there is somebody who can replace it. */
function isNeeded({ self, known }: ProposalInput, record: GroupRecord): boolean {
  return record.voters.includes(self.name) && known.withoutCoordinatorSinceMs === undefined;
}

interface Decision {
  readonly record: GroupRecord;
  readonly reason: ProposalReason;
}

function decide(
  input: ProposalInput,
  record: GroupRecord,
  members: GroupState['members'],
): Decision | undefined {
  if (record.previous !== undefined && !haveAllStopped(record, members)) {
    return isActive(input, record.epoch, record.previous)
      ? { record: activated(record), reason: 'epochActive' }
      : undefined;
  }
  if (record.switching !== undefined) return decideSwitch(input, record, members);
  if (record.engine !== input.policy.engine) return beginSwitch(input, record, members);
  return record.engine === 'raft' ? decideVoters(input, record, members) : undefined;
}

/**
 * Every voter of this epoch and of the one before has confirmed that it holds and grants nothing, so it has followed this
 * epoch: nothing can hang on the one before any more. Waiting for that to be settled would only leave addresses unowned.
 */
function haveAllStopped(
  { switching, epoch, voters, previous = [] }: GroupRecord,
  members: GroupState['members'],
): boolean {
  return (
    switching?.stage === 'stop' &&
    [...voters, ...previous].every((voter) => members.get(voter)?.confirmed === epoch)
  );
}

function activated({ isReformed: _, ...record }: GroupRecord): GroupRecord {
  return { ...record, previous: undefined };
}

function isActive({ known }: ProposalInput, epoch: number, previous: readonly string[]): boolean {
  const settled = previous.filter((voter) => (known.settledEpochs.get(voter) ?? 0) >= epoch);
  return settled.length >= majorityOf(previous.length);
}

function beginSwitch(
  input: ProposalInput,
  record: GroupRecord,
  members: GroupState['members'],
): Decision | undefined {
  const to = input.policy.engine;
  if (input.nowMs < input.epochSinceMs + input.policy.switchWaitMs) return undefined;
  if (!input.own.canRun.has(to) || (to === 'raft' && !areEnoughForRaft(members))) return undefined;
  return step(input, record, { switching: { to, stage: 'prepare' } }, 'switchBegun');
}

function decideSwitch(
  input: ProposalInput,
  record: GroupRecord,
  members: GroupState['members'],
): Decision | undefined {
  const { switching } = record;
  if (switching === undefined) return undefined;
  const confirmed = [...members.values()].filter((member) => member.confirmed === record.epoch).length;
  const isUnanimous = confirmed === members.size && members.size > 0;
  const callOff = () => step(input, record, { switching: undefined }, 'switchCalledOff');
  // Before anything is stopped: where datagrams do not pass, nobody could be elected.
  const canStart = switching.to !== 'raft' || firstCandidates(input, members).length >= FEWEST_FOR_RAFT;
  if (switching.stage === 'prepare') {
    if (isUnanimous && canStart) {
      return step(input, record, { switching: { ...switching, stage: 'stop' } }, 'switchStopping');
    }
    if (confirmed === 0 && input.policy.engine === record.engine) return callOff();
    // Preparing can take as long as a roll-out; voters may die meanwhile.
    return record.engine === 'raft' ? decideVoters(input, record, members) : undefined;
  }
  if (isUnanimous && canStart) {
    // Everybody has confirmed a moment ago, so everybody is alive; whoever hears enough of them says who votes.
    const voters = switching.to === 'raft' ? firstVoters(firstCandidates(input, members), record.size) : [];
    // Nobody has a right under the old engine, so there are no voters before these to be careful of.
    const done = { engine: switching.to, switching: undefined, previous: undefined };
    if (voters !== undefined) return step(input, record, { ...done, voters }, 'switchDone');
  }
  return input.nowMs >= input.epochSinceMs + input.policy.stopTimeoutMs ? callOff() : undefined;
}

function decideVoters(
  input: ProposalInput,
  record: GroupRecord,
  members: GroupState['members'],
): Decision | undefined {
  const { policy, nowMs, currentSinceMs } = input;
  if (record.voters.length === 0) {
    const able = firstCandidates(input, members);
    const hasSettled = nowMs >= currentSinceMs + policy.settleMs;
    const isComplete = able.filter(({ controlPlane }) => controlPlane).length >= policy.size;
    const voters = hasSettled || isComplete ? firstVoters(able, policy.size) : undefined;
    if (voters !== undefined) return step(input, record, { size: policy.size, voters }, 'votersChosen');
    const isLate = nowMs >= input.epochSinceMs + policy.fallBackAfterMs;
    // Without voters nobody can ever have been granted anything, so there is nothing to stop first.
    return isLate
      ? step(input, record, { engine: 'lease', switching: undefined }, 'tooFewForRaft')
      : undefined;
  }
  const voters = nextVoters(record.voters, candidatesOf(input, members), policy.size);
  return voters && step(input, record, { size: policy.size, voters }, 'votersChanged');
}

/** The next epoch of the same group. */
function step(
  input: ProposalInput,
  record: GroupRecord,
  changes: Partial<GroupRecord>,
  reason: ProposalReason,
): Decision {
  const next = {
    ...record,
    previous: record.voters.length === 0 ? undefined : record.voters,
    ...changes,
    epoch: nextEpoch(input, record.epoch),
    writer: writerOf(input),
  };
  return { record: next, reason };
}

/**
 * May this agent decide for the group? Where there are voters, only their coordinator; otherwise any member, one after the
 * other, for compare-and-swap keeps two from doing so at once.
 */
function mayDecide(input: ProposalInput, record: GroupRecord, members: GroupState['members']): boolean {
  if (record.voters.length > 0) return input.known.isCoordinator;
  if (isForgotten(input, record.epoch)) return false;
  const rank = [...members.keys()].sort().indexOf(input.self.name);
  return rank >= 0 && input.nowMs >= input.currentSinceMs + rank * input.policy.staggerMs;
}
