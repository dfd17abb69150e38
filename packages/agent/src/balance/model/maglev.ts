// SPDX-License-Identifier: Apache-2.0
/*
 * Consistent hashing as in Google's Maglev (Eisenbud et al., NSDI 2016, section 3.4): a table of slots that a client's hash
 * points into. Each back end has an order of its own in which it would like to have the slots; they take turns, and each takes
 * the next one that is free. All get the same number of slots, and when one leaves, hardly any slot but its own changes.
 */
import { jenkinsHash } from './jenkins-hash.ts';

/** A back end as the table sees it. */
export interface MaglevMember {
  /** What names it, wherever and whenever: address and port. */
  readonly key: string;
  /** Slots in proportion to the others', from 0. */
  readonly weight: number;
}

/**
 * Slots for which a table has to be a hundred times its members' number to be even in practice: 2,039 are good for 20 back
 * ends, still usable for 200, and cost the kernel about 200 KB. A prime, as the orders need it.
 */
export const MAGLEV_SIZE = 2039;

const OFFSET_SEED = 0x6f666673;
const SKIP_SEED = 0x736b6970;

/**
 * Slot -> index of the member that has it; empty without a member of some weight. Depends on nothing but its arguments, so
 * that all nodes send a client to the same back end.
 *
 * @param size a prime, larger than the number of members
 */
export function maglevTable(members: readonly MaglevMember[], size = MAGLEV_SIZE): readonly number[] {
  // The order of turns makes a small difference, so it must not depend on the order in which somebody happens to list them.
  const takers = members
    .map((member, index) => ({ ...member, index, wishes: new Wishes(member.key, size) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  const heaviest = Math.max(0, ...members.map(({ weight }) => weight));
  if (heaviest === 0) return [];
  const table = new Array<number>(size).fill(-1);
  const isFree = (slot: number) => table[slot] === -1;
  for (let round = 1, taken = 0; ; round++) {
    for (const { index, weight, wishes } of takers) {
      // The heaviest takes one slot in each round, the others as many less as they are lighter.
      if (wishes.fulfilled >= Math.floor((round * weight) / heaviest)) continue;
      table[wishes.next(isFree)] = index;
      taken += 1;
      if (taken === size) return table;
    }
  }
}

/** The order in which one member would like to have the slots. */
class Wishes {
  /** Slots that it has. */
  fulfilled = 0;
  readonly #size: number;
  readonly #skip: number;
  #next: number;

  constructor(key: string, size: number) {
    const bytes = new TextEncoder().encode(key);
    this.#size = size;
    this.#next = jenkinsHash(bytes, OFFSET_SEED) % size;
    // Any step but 0 leads through all slots, as their number is a prime.
    this.#skip = (jenkinsHash(bytes, SKIP_SEED) % (size - 1)) + 1;
  }

  next(isFree: (slot: number) => boolean): number {
    while (!isFree(this.#next)) this.#next = (this.#next + this.#skip) % this.#size;
    this.fulfilled += 1;
    return this.#next;
  }
}
