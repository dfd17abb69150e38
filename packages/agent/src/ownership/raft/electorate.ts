// SPDX-License-Identifier: Apache-2.0
import type { GroupConfig } from './messages.ts';
import type { Rules } from './rules.ts';
import { oblivionMs, type RaftTiming } from './timing.ts';

/** Nobody votes: an agent that has not heard of its group yet. */
export const NO_CONFIG: GroupConfig = { epoch: 0, voters: [] };

/**
 * Who votes, as far as this agent knows (rule 4).
 *
 * Majorities of two neighbouring epochs have a voter in common, because they differ by one voter; those of epochs further
 * apart need not. So an epoch may be written only when the one before the last can give nobody a right any more: when a
 * majority of its voters have followed a later one for so long (`settledEpoch`) that all rights which hang on their
 * promises, and all grants under those, have ended.
 */
export class Electorate {
  readonly #timing: RaftTiming;
  readonly #rules: Rules;
  #config: GroupConfig = NO_CONFIG;
  #adoptedMs = Number.NEGATIVE_INFINITY;
  #settledEpoch = 0;

  constructor(timing: RaftTiming, rules: Rules) {
    this.#timing = timing;
    this.#rules = rules;
  }

  get config(): GroupConfig {
    return this.#config;
  }

  get voters(): readonly string[] {
    return this.#config.voters;
  }

  includes(name: string): boolean {
    return this.#config.voters.includes(name);
  }

  /** Number of voters that must agree. */
  get majority(): number {
    return Math.floor(this.#config.voters.length / 2) + 1;
  }

  /** Follows this from now on. False when it is not newer than what is followed already. */
  adopt(config: GroupConfig, nowMs: number): boolean {
    const { epoch } = this.#config;
    if (this.#rules.epochsOrdered ? config.epoch <= epoch : config.epoch === epoch) return false;
    this.#settledEpoch = this.settledEpoch(nowMs);
    this.#config = config;
    this.#adoptedMs = nowMs;
    return true;
  }

  /** Newest epoch such that nothing hangs any more on a promise of this voter from before it followed that epoch. */
  settledEpoch(nowMs: number): number {
    const isSettled = !this.#rules.epochsOrdered || nowMs >= this.#adoptedMs + oblivionMs(this.#timing);
    return isSettled ? this.#config.epoch : this.#settledEpoch;
  }
}
