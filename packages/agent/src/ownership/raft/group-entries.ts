// SPDX-License-Identifier: Apache-2.0
import type { VoterCandidate } from './choose-voters.ts';
import type { GroupRecord, GroupState, MemberEntry } from './group-record.ts';
import type { ProposalInput, ProposalReason } from './group-situation.ts';

/** Fewer agents cannot elect anybody who may be lost. */
export const FEWEST_FOR_RAFT = 3;
/** Heard within this time: alive. */
const LIVE_MS = 2_000;

/** Agents as voters, by what is heard of them. */
export function candidatesOf(
  input: ProposalInput,
  members: GroupState['members'],
): readonly VoterCandidate[] {
  const { nowMs, self, policy, known, own } = input;
  return [...members].map(([name, { controlPlane, endpoint }]): VoterCandidate => {
    if (name === self.name) return { name, controlPlane, state: own.isLeaving ? 'leaving' : 'live' };
    if (known.gone.has(name)) return { name, controlPlane, state: 'dead' };
    const heardMs = known.lastHeardMs.get(name) ?? Number.NEGATIVE_INFINITY;
    const silentMs = nowMs - Math.max(heardMs, known.listeningSinceMs);
    if (silentMs >= policy.replaceAfterMs) return { name, controlPlane, state: 'dead' };
    if (nowMs - heardMs > LIVE_MS || endpoint === '') return { name, controlPlane, state: 'silent' };
    return { name, controlPlane, state: known.leaving.has(name) ? 'leaving' : 'live' };
  });
}

/**
 * Those who could vote first: who have said where their messages go, and, once a node of the `raft` engine runs here, are
 * known to hear this agent and to be heard by it. Voters that cannot talk to each other would never elect anybody, and
 * only who is elected may change the voters.
 */
export function firstCandidates(
  { self, known, nowMs }: ProposalInput,
  members: GroupState['members'],
): readonly VoterCandidate[] {
  const { reachedMs } = known;
  const isReached = (name: string) =>
    reachedMs === undefined ||
    name === self.name ||
    nowMs - (reachedMs.get(name) ?? Number.NEGATIVE_INFINITY) <= LIVE_MS;
  return ableOf(members).filter(({ name }) => isReached(name));
}

/** Are there enough agents that could run the `raft` engine, if they can talk to each other? */
export function areEnoughForRaft(members: GroupState['members']): boolean {
  return ableOf(members).length >= FEWEST_FOR_RAFT;
}

/** Those who have said where their messages go. */
function ableOf(members: GroupState['members']): readonly VoterCandidate[] {
  return [...members].flatMap(([name, { controlPlane, endpoint }]): readonly VoterCandidate[] =>
    endpoint === '' ? [] : [{ name, controlPlane, state: 'live' }],
  );
}

/** Higher than every epoch that this agent has heard of. */
export function nextEpoch({ known, current, triedEpoch }: ProposalInput, epoch: number): number {
  const written =
    current.kind === 'found' ? current.state.record.epoch : current.kind === 'unreadable' ? current.epoch : 0;
  return Math.max(epoch, written, triedEpoch, known.highestEpoch) + 1;
}

/** Who writes: this run of this agent. */
export function writerOf({ self }: ProposalInput): string {
  return `${self.name}/${self.instance}`;
}

/** The members with our own entry as it should be; the same map when it is. */
export function withSelf(
  input: ProposalInput,
  members: GroupState['members'],
  record: GroupRecord,
): GroupState['members'] {
  const { self, own } = input;
  const before = members.get(self.name);
  if (own.isLeaving && before === undefined) return members;
  const entry: MemberEntry = {
    instance: self.instance,
    endpoint: own.endpoint,
    controlPlane: own.controlPlane,
    confirmed: hasConfirmed(input, members, record) ? record.epoch : oldConfirmation(input, before, record),
  };
  return before !== undefined && sameEntry(before, entry)
    ? members
    : new Map([...members, [self.name, entry]]);
}

function hasConfirmed(input: ProposalInput, members: GroupState['members'], record: GroupRecord): boolean {
  const { own, policy, self } = input;
  const { switching, epoch } = record;
  if (switching === undefined || !own.canRun.has(switching.to)) return false;
  if (switching.stage === 'stop') return own.isStopped;
  if (policy.engine !== switching.to) return false;
  const before = members.get(self.name);
  const isConfirmed = before?.instance === self.instance && before.confirmed === epoch;
  // Where datagrams do not pass, the engine would be in force and could not elect anybody.
  return switching.to !== 'raft' || isConfirmed || firstCandidates(input, members).length >= FEWEST_FOR_RAFT;
}

/** A confirmation of an earlier epoch does no harm where it stands; taking it away would cost a write of everybody. */
function oldConfirmation(
  { self }: ProposalInput,
  before: MemberEntry | undefined,
  { epoch }: GroupRecord,
): number {
  const isOurs = before?.instance === self.instance;
  return before === undefined || !isOurs || before.confirmed === epoch ? 0 : before.confirmed;
}

function sameEntry(a: MemberEntry, b: MemberEntry): boolean {
  return (
    a.instance === b.instance &&
    a.endpoint === b.endpoint &&
    a.controlPlane === b.controlPlane &&
    a.confirmed === b.confirmed
  );
}

/** What has changed of our own entry. */
export function ownReason(
  { self }: ProposalInput,
  before: GroupState['members'],
  after: GroupState['members'],
): ProposalReason {
  const [old, own] = [before.get(self.name), after.get(self.name)];
  if (own === undefined) return 'left';
  return old !== undefined && sameEntry(old, { ...own, confirmed: old.confirmed }) ? 'confirmed' : 'entered';
}

/** The members without these; the same map when none of them is in it. */
export function without(members: GroupState['members'], names: ReadonlySet<string>): GroupState['members'] {
  const kept = new Map([...members].filter(([name]) => !names.has(name)));
  return kept.size === members.size ? members : kept;
}
