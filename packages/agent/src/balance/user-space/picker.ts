// SPDX-License-Identifier: Apache-2.0
/**
 * Schedulers of the user-space plane. Pure but for the turn that a picker keeps: no time, no randomness. Each listener has a
 * picker of its own; with one for all, two busy listeners would always send to the same targets.
 */
import type { Scheduler } from '../model/frontend.ts';
import { hash32 } from './hash.ts';

/** A target that may be chosen. */
export interface Candidate {
  readonly id: string;
  /** Above 0. */
  readonly weight: number;
  /** Connections that it has now. */
  readonly open: number;
}

/** Chooses targets for new connections. */
export interface Picker {
  /** One of the candidates, undefined when there are none. @param client address of who connects */
  pick<T extends Candidate>(candidates: readonly T[], client: string): T | undefined;
  /** Forgets targets that there are no more. */
  keep(ids: ReadonlySet<string>): void;
}

/** A picker for this scheduler that has not chosen anything yet. */
export function createPicker(scheduler: Scheduler): Picker {
  switch (scheduler) {
    case 'roundRobin':
      return new InTurn(() => 1);
    case 'weightedRoundRobin':
      return new InTurn(({ weight }) => weight);
    case 'leastConnections':
      return new LeastConnections();
    case 'sourceHash':
      return { pick: bySource, keep: () => undefined };
    case 'consistentHash':
      return { pick: byRendezvous, keep: () => undefined };
  }
}

/**
 * Smooth weighted round robin: each candidate earns its share with every choice, the richest is chosen and pays for all. Any
 * run of choices as long as the sum of the shares has each candidate exactly as often as its share says, as evenly spread as it
 * goes; candidates may come and go between two choices.
 */
class InTurn implements Picker {
  readonly #shareOf: (candidate: Candidate) => number;
  readonly #credit = new Map<string, number>();

  constructor(shareOf: (candidate: Candidate) => number) {
    this.#shareOf = shareOf;
  }

  pick<T extends Candidate>(candidates: readonly T[]): T | undefined {
    let total = 0;
    let richest: T | undefined;
    let most = Number.NEGATIVE_INFINITY;
    for (const candidate of candidates) {
      const share = this.#shareOf(candidate);
      const credit = (this.#credit.get(candidate.id) ?? 0) + share;
      this.#credit.set(candidate.id, credit);
      total += share;
      if (credit <= most) continue;
      most = credit;
      richest = candidate;
    }
    if (richest !== undefined) this.#credit.set(richest.id, most - total);
    return richest;
  }

  keep(ids: ReadonlySet<string>): void {
    for (const id of this.#credit.keys()) if (!ids.has(id)) this.#credit.delete(id);
  }
}

/** The fewest connections for its weight, counting the one to come; among equals in turn. */
class LeastConnections implements Picker {
  readonly #turn = new InTurn(({ weight }) => weight);

  pick<T extends Candidate>(candidates: readonly T[]): T | undefined {
    const load = ({ open, weight }: Candidate) => (open + 1) / weight;
    const least = candidates.reduce((lowest, each) => Math.min(lowest, load(each)), Number.POSITIVE_INFINITY);
    return this.#turn.pick(candidates.filter((each) => load(each) === least));
  }

  keep(ids: ReadonlySet<string>): void {
    this.#turn.keep(ids);
  }
}

/** By the client's address, in proportion to the weights. */
function bySource<T extends Candidate>(candidates: readonly T[], client: string): T | undefined {
  const total = candidates.reduce((sum, { weight }) => sum + weight, 0);
  let left = (hash32(client) / HASHES) * total;
  return candidates.find(({ weight }) => {
    left -= weight;
    return left < 0;
  });
}

/**
 * By the client's address, so that only the clients of a target that goes get another one, and one that comes takes from all in
 * proportion: weighted rendezvous hashing. Where a Maglev table saves the kernel a look at each target, this saves us the table,
 * and targets that are left alone for a moment cost no new one.
 */
function byRendezvous<T extends Candidate>(candidates: readonly T[], client: string): T | undefined {
  let winner: T | undefined;
  let highest = Number.NEGATIVE_INFINITY;
  for (const candidate of candidates) {
    // Between 0 and 1, neither of them included: an exponential variable whose rate is the weight follows.
    const draw = (hash32(`${candidate.id} ${client}`) + 0.5) / HASHES;
    const score = -candidate.weight / Math.log(draw);
    if (score <= highest) continue;
    highest = score;
    winner = candidate;
  }
  return winner;
}

/** How many values {@link hash32} has. */
const HASHES = 2 ** 32;
