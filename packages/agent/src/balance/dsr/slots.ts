// SPDX-License-Identifier: Apache-2.0
/*
 * Which hop takes which flows: a table of slots that the hash of a flow points into, filled by weighted rendezvous hashing.
 * Each hop bids for each slot, the highest bid has it. Maglev's table is more even, but the weights of hops change with every
 * pod that comes or goes, and here a change moves exactly what it must: a hop that leaves or becomes lighter only loses slots,
 * one that comes or becomes heavier only wins some, and the others' slots stay where they are. And the second highest bid tells
 * who had a slot before, or will have it after: who knows the flows in it that its owner does not.
 */
import { jenkinsHash } from '../model/jenkins-hash.ts';

/** One that bids for slots. */
export interface Bidder {
  /** What names it on every node. */
  readonly key: string;
  /** Share of the slots, from 0. */
  readonly weight: number;
  /** More than its weight for what it has but takes no more of; it counts only for the runner-up. */
  readonly ending: number;
}

/** For each slot the index of a bidder; -1: nobody. */
export interface SlotTable {
  readonly owners: readonly number[];
  /** Who has, or will have, the owner's flows in a slot if it has not. */
  readonly runnersUp: readonly number[];
}

/** With three equal bidders each one's share is within 10 % (three standard deviations). */
export const SLOTS = 2048;

const KEY_SEED = 0x666c6f77;

/** The table for these bidders. Depends on nothing but its arguments: all nodes come to the same one. Pure. */
export function slotTable(bidders: readonly Bidder[], size = SLOTS): SlotTable {
  const hashes = bidders.map(({ key }) => jenkinsHash(new TextEncoder().encode(key), KEY_SEED));
  const owners = new Array<number>(size);
  const runnersUp = new Array<number>(size);
  for (let slot = 0; slot < size; slot++) {
    const ranks = hashes.map((hash) => -Math.log(uniform(hash, slot)));
    const owner = best(ranks, (index) => bidders[index]?.weight ?? 0);
    owners[slot] = owner;
    runnersUp[slot] = best(ranks, (index) => (index === owner ? 0 : presence(bidders[index])));
  }
  return { owners, runnersUp };
}

function presence(bidder: Bidder | undefined): number {
  return bidder === undefined ? 0 : bidder.weight + bidder.ending;
}

/** The highest of bids `weight / -ln(u)`: each wins in proportion to its weight, and its bid depends on nobody else. */
function best(ranks: readonly number[], weightOf: (index: number) => number): number {
  let winner = -1;
  let highest = 0;
  for (const [index, rank] of ranks.entries()) {
    const bid = weightOf(index) / rank;
    if (bid <= highest) continue;
    highest = bid;
    winner = index;
  }
  return winner;
}

/** A number between 0 and 1, both excluded, of a bidder and a slot: the finaliser of MurmurHash3 over both. */
function uniform(hash: number, slot: number): number {
  let mixed = (hash + Math.imul(slot, 0x9e3779b9)) | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  mixed ^= mixed >>> 16;
  return ((mixed >>> 0) + 0.5) / 2 ** 32;
}
