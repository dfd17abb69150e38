// SPDX-License-Identifier: Apache-2.0
import type { GroupStanding } from '../raft/group-keeper.ts';
import type { GroupEngine, GroupState } from '../raft/group-record.ts';
import type { RaftStatus } from '../raft-driver/raft-port.ts';
import type { Unheard } from './unheard.ts';

/** Something that keeps the group from being what it should be. Codes are stable: log, Event and metric. */
export interface GroupProblem {
  readonly reason: (typeof GROUP_REASON)[keyof typeof GROUP_REASON];
  /** Sentence for people: what is, and what to do. */
  readonly message: string;
}

/** Reason codes of {@link GroupProblem}. */
export const GROUP_REASON = {
  /** No usable key, so this agent cannot take part in `raft`. */
  keyMissing: 'GroupKeyMissing',
  /** No address at which the others could reach this agent. */
  endpointUnknown: 'GroupEndpointUnknown',
  /** The record in the API cannot be used, or not be written. */
  recordUnusable: 'GroupRecordUnusable',
  /** There is no record (yet). */
  recordMissing: 'GroupRecordMissing',
  /** `raft` is wanted, and Leases decide. */
  leaseInForce: 'GroupUsesLeases',
  /** A change of the engine waits. */
  switchWaits: 'GroupSwitchWaits',
  /** Other agents are not heard. */
  agentsUnheard: 'GroupAgentsUnheard',
  /** Nobody may grant. */
  noCoordinator: 'GroupWithoutCoordinator',
} as const;

/** What {@link groupProblems} looks at. */
export interface GroupSituation {
  readonly wanted: GroupEngine;
  readonly standing: GroupStanding;
  readonly members: GroupState['members'];
  readonly hasKey: boolean;
  readonly keyProblem: string | undefined;
  readonly hasEndpoint: boolean;
  readonly raft: RaftStatus | undefined;
  readonly unheard: Unheard;
  readonly nowMs: number;
}

/** An election takes a tenth of this. */
const LEADERLESS_MS = 3_000;
/** Fewer agents cannot elect anybody who may be lost. */
const FEWEST_FOR_RAFT = 3;

/** All that is wrong, the gravest first. Pure. */
export function groupProblems(situation: GroupSituation): readonly GroupProblem[] {
  const { standing } = situation;
  const { record, problem } = standing;
  const problems: GroupProblem[] = [];
  const add = (reason: GroupProblem['reason'], message: string) => problems.push({ reason, message });
  if (problem !== undefined) add(GROUP_REASON.recordUnusable, problem);
  else if (record === undefined) add(GROUP_REASON.recordMissing, 'the group record has not been seen yet');
  addOwn(situation, add);
  if (record?.switching !== undefined) {
    const { stage, to } = record.switching;
    const verb = stage === 'prepare' ? 'confirm that they can run it' : `stop ${record.engine}`;
    const whom = standing.waitingFor.join(', ');
    if (whom !== '') add(GROUP_REASON.switchWaits, `the change to ${to} waits for ${whom} to ${verb}`);
  } else addFallback(situation, add);
  addHearing(situation, add);
  return problems;
}

type Add = (reason: GroupProblem['reason'], message: string) => void;

function addOwn({ wanted, standing, hasKey, keyProblem, hasEndpoint }: GroupSituation, add: Add): void {
  // With Leases nobody needs a key.
  if (wanted !== 'raft' && standing.record?.engine !== 'raft') return;
  if (keyProblem !== undefined) {
    const then = hasKey ? 'the key that was read before is used on' : 'this agent cannot run the raft engine';
    add(GROUP_REASON.keyMissing, `${keyProblem}; ${then}`);
  } else if (!hasKey) add(GROUP_REASON.keyMissing, 'the key of the group has not been read yet');
  if (!hasEndpoint) {
    const message = 'no address for other agents to reach this one: its Node has no InternalIP of the family';
    add(GROUP_REASON.endpointUnknown, `${message}, and neither has its link; set fairlead_raft_address`);
  }
}

function addFallback({ wanted, standing: { record }, members }: GroupSituation, add: Add): void {
  if (wanted !== 'raft' || record?.engine !== 'lease') return;
  const able = [...members.values()].filter(({ endpoint }) => endpoint !== '').length;
  const why =
    able < FEWEST_FOR_RAFT
      ? `${able} of ${members.size} agents can run raft, which needs ${FEWEST_FOR_RAFT} with a key`
      : 'the change to raft is about to begin';
  add(GROUP_REASON.leaseInForce, `Leases decide who owns an address: ${why}`);
}

function addHearing({ raft, unheard, members, nowMs }: GroupSituation, add: Add): void {
  if (raft === undefined) return;
  if (raft.problem !== undefined) add(GROUP_REASON.agentsUnheard, raft.problem);
  const endpoints = (names: Iterable<string>) =>
    [...names].map((name) => `${name} (${members.get(name)?.endpoint ?? 'no endpoint'})`).join(', ');
  const hint = 'if they run, UDP between the nodes is blocked or their keys differ';
  if (unheard.isAlone) add(GROUP_REASON.agentsUnheard, `no other agent is heard; ${hint}`);
  else if (unheard.agents.length > 0) {
    add(GROUP_REASON.agentsUnheard, `not heard: ${endpoints(unheard.agents)}; ${hint}`);
  }
  const sinceMs = raft.withoutCoordinatorSinceMs;
  if (sinceMs === undefined || nowMs - sinceMs < LEADERLESS_MS || raft.config.voters.length === 0) return;
  const voters = raft.config.voters.join(', ');
  add(GROUP_REASON.noCoordinator, `a majority of the voters (${voters}) is not heard, so nothing is granted`);
}
