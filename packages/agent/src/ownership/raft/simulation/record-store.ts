// SPDX-License-Identifier: Apache-2.0
import type { GroupConfig } from '../messages.ts';

/** What the store asks of the agents: the newest epoch that this voter has settled on. */
export type SettledEpochOf = (voter: string) => number;

/**
 * The group record, as the API server has it and as its writers treat it (rule 4): one voter more or less at a time, and
 * not before the last change has settled with a majority of those who voted before it.
 */
export class RecordStore {
  readonly #history: GroupConfig[];
  #shown: GroupConfig | undefined;
  readonly #isOrdered: boolean;

  constructor(voters: readonly string[], isOrdered: boolean) {
    const first = { epoch: 1, voters: [...voters].sort() };
    this.#shown = first;
    this.#history = [first];
    this.#isOrdered = isOrdered;
  }

  /** What a reader gets; undefined: somebody has deleted it. */
  get config(): GroupConfig | undefined {
    return this.#shown;
  }

  get newest(): GroupConfig {
    const newest = this.#history.at(-1);
    if (newest === undefined) throw new Error('a record without a past');
    return newest;
  }

  /** With the rule off, any voters at any time; else at most one step towards them, if it is allowed now. */
  change(voters: readonly string[], settledEpochOf: SettledEpochOf): boolean {
    if (!this.#isOrdered) return this.#write([...voters].sort());
    if (!this.#hasSettled(settledEpochOf)) return false;
    const present = this.newest.voters;
    const added = voters.find((voter) => !present.includes(voter));
    const removed = present.find((voter) => !voters.includes(voter));
    if (added !== undefined) return this.#write([...present, added].sort());
    if (removed !== undefined) return this.#write(present.filter((voter) => voter !== removed));
    return false;
  }

  /** Somebody restores a backup. */
  restore(): void {
    this.#shown = this.#history[Math.max(0, this.#history.length - 2)] ?? this.#shown;
  }

  delete(): void {
    this.#shown = undefined;
  }

  /** The agents find no record, or one that is older than what they follow, and write it anew. */
  rewrite(): void {
    if (this.#isOrdered && this.#shown !== this.newest) this.#write(this.newest.voters);
  }

  #hasSettled(settledEpochOf: SettledEpochOf): boolean {
    const before = this.#history.at(-2);
    if (before === undefined) return true;
    const settled = before.voters.filter((voter) => settledEpochOf(voter) >= this.newest.epoch);
    return settled.length > before.voters.length / 2;
  }

  #write(voters: readonly string[]): true {
    this.#shown = { epoch: this.newest.epoch + 1, voters };
    this.#history.push(this.#shown);
    return true;
  }
}
