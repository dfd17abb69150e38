// SPDX-License-Identifier: Apache-2.0
import type { GroupConfig } from './messages.ts';

/** What decides who owns an address; exactly one is in force for the whole group. */
export type GroupEngine = 'raft' | 'lease';

/** Number of voters that a group is meant to have. */
export type GroupSize = 3 | 5 | 7;

/** The engine is about to be changed; the one in {@link GroupRecord.engine} is in force until that is written. */
export interface EngineSwitch {
  readonly to: GroupEngine;
  /**
   * `prepare`: members confirm that they can run the new engine; nothing else happens. `stop`: members stop the old engine,
   * confirm when nothing is left of it, and start none.
   */
  readonly stage: 'prepare' | 'stop';
}

/**
 * What all agents must agree on before they can agree on anything else. Written with compare-and-swap only. Every change of
 * what is in here except {@link previous} has an epoch of its own.
 */
export interface GroupRecord {
  /** 32 hex digits, chosen when the group was made. */
  readonly groupId: string;
  /** From 1. Nobody follows a lower one. */
  readonly epoch: number;
  readonly engine: GroupEngine;
  readonly switching: EngineSwitch | undefined;
  readonly size: GroupSize;
  /** Names, sorted. None yet: nothing can be granted. */
  readonly voters: readonly string[];
  /**
   * Voters of the epoch before, until it is written down that this epoch is active: that a majority of them has followed
   * it for so long that nothing hangs on the epoch before any more. Majorities of neighbouring epochs have a voter in
   * common; those of epochs further apart need not, so there is no next epoch before this one is active.
   */
  readonly previous: readonly string[] | undefined;
  /** Written by a reform, and not active yet: see {@link GroupConfig}. Part of the epoch, but forgotten once that is active. */
  readonly isReformed?: true;
  /** Who wrote it: `name/instance`. Tells two records of one epoch apart. */
  readonly writer: string;
}

/** What the record tells a node of the `raft` engine. */
export function configOf({ epoch, voters, isReformed }: GroupRecord): GroupConfig {
  return { epoch, voters, ...(isReformed && { isReformed }) };
}

/** An agent as it has entered itself. */
export interface MemberEntry {
  /** Random, chosen at each start. */
  readonly instance: string;
  /** Where its messages go: `192.0.2.1:7947`, `[2001:db8::1]:7947`; '' when it has not said. */
  readonly endpoint: string;
  readonly controlPlane: boolean;
  /** Epoch whose {@link EngineSwitch} stage it has confirmed; 0 for none. */
  readonly confirmed: number;
}

/** All that the object in the API says. Members come and go without a new epoch. */
export interface GroupState {
  readonly record: GroupRecord;
  readonly members: ReadonlyMap<string, MemberEntry>;
}

/** Upper bound of voters: one more than the largest size, while one is being replaced. */
export const MAX_VOTERS = 8;

/** How many of so many are more than half. */
export function majorityOf(count: number): number {
  return Math.floor(count / 2) + 1;
}

/** Are more than half of `voters` among `names`? Nobody is no majority of nobody. */
export function hasMajority(voters: readonly string[], names: ReadonlySet<string>): boolean {
  let count = 0;
  for (const voter of voters) if (names.has(voter)) count++;
  return count >= majorityOf(voters.length);
}

/** Do both say the same, apart from whether the epoch is recorded as active? */
export function sameEpoch(a: GroupRecord, b: GroupRecord): boolean {
  return a.groupId === b.groupId && a.epoch === b.epoch && a.writer === b.writer;
}

const GROUP_ID = /^[0-9a-f]{32}$/;
const NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;
const INSTANCE = /^[0-9a-f]{16}$/;
const ENDPOINT = /^(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-f:.]{2,45}\]):\d{1,5}$/;

/** Is it a name that an agent can have (that of a Node)? */
export function isMemberName(text: string): boolean {
  return NAME.test(text);
}

/** What is wrong with a record by itself; undefined: nothing. */
export function recordProblem(record: GroupRecord): string | undefined {
  const { groupId, epoch, switching, engine, voters, previous, writer } = record;
  if (!GROUP_ID.test(groupId)) return `the group id is "${groupId}"; expected 32 hex digits`;
  if (!Number.isSafeInteger(epoch) || epoch < 1 || epoch > MAX_EPOCH) {
    return `the epoch is ${epoch}; expected a whole number from 1 to ${MAX_EPOCH}`;
  }
  if (switching?.to === engine) return `a switch to the engine "${engine}" that is in force already`;
  if (engine === 'lease' && voters.length > 0) return `voters with the engine "lease"; it has none`;
  if (!/^[^/]+\/[^/]+$/.test(writer)) return `the writer is "${writer}"; expected name/instance`;
  return votersProblem('voters', voters) ?? votersProblem('previous voters', previous ?? []);
}

/** Epochs travel in 32 bits. */
export const MAX_EPOCH = 0xffff_ffff;

function votersProblem(what: string, voters: readonly string[]): string | undefined {
  if (voters.length > MAX_VOTERS) return `${voters.length} ${what}; expected at most ${MAX_VOTERS}`;
  let before = '';
  for (const voter of voters) {
    if (!isMemberName(voter)) return `"${voter}" among the ${what}; expected the name of a node`;
    if (voter <= before) return `the ${what} are ${voters.join(', ')}; expected different names, sorted`;
    before = voter;
  }
  return undefined;
}

/** What is wrong with the entry of a member; undefined: nothing. */
export function memberProblem(name: string, member: MemberEntry): string | undefined {
  const { instance, endpoint, confirmed } = member;
  if (!isMemberName(name)) return `a member "${name}"; expected the name of a node`;
  if (!INSTANCE.test(instance)) return `the instance of ${name} is "${instance}"; expected 16 hex digits`;
  if (endpoint !== '' && !ENDPOINT.test(endpoint)) {
    return `the endpoint of ${name} is "${endpoint}"; expected 192.0.2.1:7947 or [2001:db8::1]:7947`;
  }
  if (!Number.isSafeInteger(confirmed) || confirmed < 0) return `${name} has confirmed epoch ${confirmed}`;
  return undefined;
}

/**
 * What makes `after` no lawful successor of `before`, which has the authority in `before.groupId`. Undefined: it is one. A
 * reform is no lawful successor: that is its point.
 */
export function stepProblem(before: GroupRecord, after: GroupRecord): string | undefined {
  if (after.groupId !== before.groupId) return `group ${after.groupId} after ${before.groupId}`;
  if (after.epoch < before.epoch) return `epoch ${after.epoch} after ${before.epoch}`;
  if (after.epoch === before.epoch) {
    if (!sameEpoch(before, after)) return `another record of epoch ${after.epoch}`;
    return before.previous === undefined && after.previous !== undefined
      ? 'an active epoch became inactive'
      : undefined;
  }
  if (after.engine !== before.engine) {
    const isStopped = before.switching?.stage === 'stop' && before.switching.to === after.engine;
    // Without voters nobody was ever granted anything.
    const isIdle = before.engine === 'raft' && before.voters.length === 0;
    return isStopped || isIdle
      ? undefined
      : `engine ${after.engine} while ${before.engine} has not been stopped`;
  }
  if (before.voters.length === 0) return undefined;
  const changes = difference(before.voters, after.voters) + difference(after.voters, before.voters);
  if (changes > 1) return `${changes} voters changed at once`;
  if (changes === 1 && before.previous !== undefined) {
    return `the voters changed before epoch ${before.epoch} was active`;
  }
  if (after.previous === undefined) return 'an epoch that is active although nobody can have adopted it';
  return undefined;
}

function difference(a: readonly string[], b: readonly string[]): number {
  return a.filter((name) => !b.includes(name)).length;
}
