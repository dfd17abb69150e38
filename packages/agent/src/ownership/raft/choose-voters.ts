// SPDX-License-Identifier: Apache-2.0
import { type GroupSize, majorityOf } from './group-record.ts';

/** An agent that is a voter or could become one. */
export interface VoterCandidate {
  readonly name: string;
  readonly controlPlane: boolean;
  /**
   * `live`: heard lately. `silent`: not heard lately; may come back. `dead`: silent for so long that it is replaced.
   * `leaving`: live, but it goes away.
   */
  readonly state: 'live' | 'silent' | 'dead' | 'leaving';
}

/** Fewer than this can lose nobody. */
const FEWEST = 3;

/**
 * The first voters of a group: `size` of the live ones, or 3 when there are not so many; control-plane nodes first, then by
 * name. Undefined when there are fewer than 3.
 */
export function firstVoters(
  candidates: readonly VoterCandidate[],
  size: GroupSize,
): readonly string[] | undefined {
  const best = bestFirst(candidates.filter(({ state }) => state === 'live'));
  const count = oddUpTo(Math.min(size, best.length));
  if (count > best.length) return undefined;
  return namesOf(best.slice(0, count));
}

/**
 * The voters after the next step towards what they should be; undefined when they are that already or nothing better can
 * be had. One voter more or less at a time. A dead one is taken out before another comes in, for the majority of what
 * remains is known to be alive; a live one only after another has come in, so that there are never fewer.
 */
export function nextVoters(
  voters: readonly string[],
  candidates: readonly VoterCandidate[],
  size: GroupSize,
): readonly string[] | undefined {
  const stateOf = new Map(candidates.map((candidate) => [candidate.name, candidate]));
  const present = voters.map(
    (name) => stateOf.get(name) ?? { name, controlPlane: false, state: 'dead' as const },
  );
  const [successor, ...more] = bestFirst(
    candidates.filter(({ name, state }) => state === 'live' && !voters.includes(name)),
  );
  const usable = present.filter(({ state }) => state === 'live' || state === 'silent').length;
  const target = oddUpTo(Math.min(size, usable + more.length + (successor === undefined ? 0 : 1)));
  const [worst] = [...present].sort(worstFirst);
  if (worst === undefined) return undefined;
  const without = () => {
    const rest = present.filter((voter) => voter !== worst);
    return isAlive(rest) ? namesOf(rest) : undefined;
  };
  if (voters.length > size || (voters.length > target && gainsByShrinking(present))) return without();
  if (successor === undefined) return undefined;
  const withSuccessor = () => {
    const all = [...present, successor];
    return isAlive(all) ? namesOf(all) : undefined;
  };
  if (voters.length < target) return withSuccessor();
  if (worst.state === 'dead') return without();
  const isBetter = worst.state === 'leaving' || (successor.controlPlane && !worst.controlPlane);
  return isBetter && worst.state !== 'silent' ? withSuccessor() : undefined;
}

/** The largest odd number up to this one, but at least 3. */
function oddUpTo(count: number): number {
  return Math.max(FEWEST, count % 2 === 0 ? count - 1 : count);
}

/** Could fewer voters, all of them alive, lose more of them than these can? */
function gainsByShrinking(voters: readonly VoterCandidate[]): boolean {
  const alive = voters.filter(({ state }) => state !== 'dead').length;
  return Math.floor((alive - 1) / 2) > alive - majorityOf(voters.length);
}

/** Would a majority of them answer? */
function isAlive(voters: readonly VoterCandidate[]): boolean {
  const alive = voters.filter(({ state }) => state === 'live' || state === 'leaving').length;
  return alive >= majorityOf(voters.length);
}

function namesOf(voters: readonly VoterCandidate[]): readonly string[] {
  return voters.map(({ name }) => name).sort();
}

function bestFirst(candidates: readonly VoterCandidate[]): readonly VoterCandidate[] {
  return [...candidates].sort(
    (a, b) => Number(b.controlPlane) - Number(a.controlPlane) || (a.name < b.name ? -1 : 1),
  );
}

const HARM = { dead: 3, leaving: 2, silent: 1, live: 0 } as const;

function worstFirst(a: VoterCandidate, b: VoterCandidate): number {
  const gone = (voter: VoterCandidate) => (HARM[voter.state] >= HARM.leaving ? HARM[voter.state] : 0);
  return (
    gone(b) - gone(a) ||
    Number(a.controlPlane) - Number(b.controlPlane) ||
    HARM[b.state] - HARM[a.state] ||
    (a.name < b.name ? 1 : -1)
  );
}
