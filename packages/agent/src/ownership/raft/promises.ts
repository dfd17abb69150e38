// SPDX-License-Identifier: Apache-2.0
import type { Rules } from './rules.ts';
import { oblivionMs, outlastMs, type RaftTiming, tailWaitMs } from './timing.ts';

/**
 * Whom this voter follows: to one coordinator at a time it promises to follow nobody else, for a little longer than a
 * lease, counted from when the heartbeat is answered. This is all that the safety of the election rests on: two rights
 * at one time need two majorities, those have a voter in common, and that voter would have made two promises at one time.
 *
 * A restarted voter has forgotten its promises, so it makes none until the last one that it may have forgotten, and all
 * that was granted on the strength of it, has ended. Until then it gives neither votes nor echoes.
 *
 * It also remembers until when coordinators *before* the present one may have left grants behind (`graceMs`), and tells
 * the new one: whoever does not report what it holds has to be waited for until then.
 */
export class Promises {
  readonly #timing: RaftTiming;
  readonly #rules: Rules;
  #abstainUntilMs: number;
  #instance = '';
  #term = 0;
  /** Until when we follow nobody else. */
  #untilMs = Number.NEGATIVE_INFINITY;
  /** Until when grants by those whom we followed before may live. */
  #graceUntilMs: number;

  constructor(timing: RaftTiming, startMs: number, rules: Rules) {
    this.#timing = timing;
    this.#rules = rules;
    this.#abstainUntilMs = rules.restartedAbstain ? startMs + oblivionMs(timing) : startMs;
    this.#graceUntilMs = this.#abstainUntilMs;
  }

  /** From when on this voter takes part. */
  get abstainUntilMs(): number {
    return this.#abstainUntilMs;
  }

  /** Makes no promises until then, nor trusts what it knows of others': somebody may act without our having heard of it. */
  abstain(untilMs: number): void {
    this.#abstainUntilMs = Math.max(this.#abstainUntilMs, untilMs);
    this.#graceUntilMs = Math.max(this.#graceUntilMs, untilMs);
  }

  /** When the present promise ends; in the past when there is none. */
  get untilMs(): number {
    return this.#untilMs;
  }

  /** How long this instance has to wait for us; 0 when we may follow it now. A promise to it in an earlier term is no obstacle. */
  blockedMs(instance: string, nowMs: number): number {
    const promised = instance === this.#instance ? Number.NEGATIVE_INFINITY : this.#untilMs;
    return Math.max(0, this.#abstainUntilMs - nowMs, promised - nowMs);
  }

  /** Follows this instance from now on. False when that is not allowed. */
  make(instance: string, term: number, nowMs: number): boolean {
    if (this.blockedMs(instance, nowMs) > 0) return false;
    if (instance !== this.#instance || term !== this.#term) this.#leaveGrace();
    this.#instance = instance;
    this.#term = term;
    this.#untilMs = nowMs + outlastMs(this.#timing, this.#timing.leaseMs);
    return true;
  }

  /** The one we follow has said that it grants no more. What it has granted lives on. */
  release(instance: string, term: number): boolean {
    if (instance !== this.#instance || term !== this.#term) return false;
    this.#leaveGrace();
    this.#untilMs = Number.NEGATIVE_INFINITY;
    return true;
  }

  /** How long grants of coordinators before the present one may live. */
  graceMs(nowMs: number): number {
    return this.#rules.rightExpires ? Math.max(0, this.#graceUntilMs - nowMs) : 0;
  }

  #leaveGrace(): void {
    this.#graceUntilMs = Math.max(this.#graceUntilMs, this.#untilMs + tailWaitMs(this.#timing));
  }
}
