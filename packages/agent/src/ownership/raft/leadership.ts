// SPDX-License-Identifier: Apache-2.0
import type { Reign } from './messages.ts';
import type { Rules } from './rules.ts';
import { outlastMs, type RaftTiming } from './timing.ts';

/**
 * What an elected voter knows about its right to grant (rule 2). Being elected gives none. A heartbeat that a majority
 * of the voters has echoed gives it for one lease from when that heartbeat was *sent*, by our own clock: each echo is a
 * promise that began later and lasts longer. Once the right has lapsed the reign is over for good, since somebody else
 * may have had it since, and what we know of who holds what is worth nothing any more.
 */
export class Leadership {
  readonly reign: Reign;
  readonly #timing: RaftTiming;
  readonly #rules: Rules;
  readonly #startMs: number;
  #voters: readonly string[];
  #nonce = 0;
  /** Heartbeats that may still be echoed in time: nonce -> when sent. */
  readonly #sent = new Map<number, number>();
  /** Voter -> when the newest heartbeat that it has echoed was sent. */
  readonly #echoed = new Map<string, number>();
  readonly #settled = new Map<string, number>();
  #rightUntilMs = Number.NEGATIVE_INFINITY;
  #rightSinceMs: number | undefined;
  #silentUntilMs = Number.NEGATIVE_INFINITY;

  constructor(
    reign: Reign,
    voters: readonly string[],
    timing: RaftTiming,
    { nowMs, rules, graceMs }: { nowMs: number; rules: Rules; graceMs: number },
  ) {
    this.reign = reign;
    this.#voters = voters;
    this.#timing = timing;
    this.#rules = rules;
    this.#startMs = nowMs;
    this.#silentUntilMs = nowMs + graceMs;
  }

  /** When the right to grant ends; in the past (or minus infinity) when there is none. */
  get rightUntilMs(): number {
    return this.#rightUntilMs;
  }

  /** When the right was won; undefined: not yet. */
  get rightSinceMs(): number | undefined {
    return this.#rightSinceMs;
  }

  /** Until when grants of earlier coordinators may live. Final once the right is won: one of the majority knew them. */
  get silentUntilMs(): number {
    return this.#silentUntilMs;
  }

  /** Voter -> newest epoch that it cannot fall behind any more. */
  get settledEpochs(): ReadonlyMap<string, number> {
    return this.#settled;
  }

  /** A heartbeat is sent now; we follow ourselves. Returns its nonce. */
  beat(nowMs: number): number {
    this.#nonce++;
    for (const [nonce, sentMs] of this.#sent) {
      if (sentMs + this.#timing.leaseMs > nowMs) break;
      this.#sent.delete(nonce);
    }
    this.#sent.set(this.#nonce, nowMs);
    this.#echoed.set(this.reign.coordinator.name, nowMs);
    this.#count(nowMs);
    return this.#nonce;
  }

  /** A voter has echoed a heartbeat. */
  echo(voter: string, echo: { nonce: number; graceMs: number; settledEpoch: number }, nowMs: number): void {
    const sentMs = this.#sent.get(echo.nonce);
    if (sentMs === undefined) return;
    this.#settled.set(voter, Math.max(this.#settled.get(voter) ?? 0, echo.settledEpoch));
    if (sentMs <= (this.#echoed.get(voter) ?? Number.NEGATIVE_INFINITY)) return;
    this.#echoed.set(voter, sentMs);
    if (this.#rightSinceMs === undefined) {
      // It is counted from when it arrives, which is later than when it was true.
      const untilMs = nowMs + outlastMs(this.#timing, echo.graceMs);
      if (echo.graceMs > 0 && untilMs > this.#silentUntilMs) this.#silentUntilMs = untilMs;
    }
    this.#count(nowMs);
  }

  settle(voter: string, epoch: number): void {
    this.#settled.set(voter, epoch);
  }

  /** Others vote from now on. The right is counted anew; it may end sooner than it did. */
  setVoters(voters: readonly string[], nowMs: number): void {
    this.#voters = voters;
    this.#count(nowMs);
  }

  /** Is it time to give up: the right has lapsed, or was not won in time? */
  isOver(nowMs: number): boolean {
    if (this.#rightSinceMs === undefined) return nowMs >= this.#startMs + this.#timing.leaseMs;
    return nowMs >= this.#rightUntilMs;
  }

  /** When {@link isOver} becomes true if nothing happens. */
  get overMs(): number {
    return this.#rightSinceMs === undefined ? this.#startMs + this.#timing.leaseMs : this.#rightUntilMs;
  }

  #count(nowMs: number): void {
    const sent: number[] = [];
    for (const voter of this.#voters) {
      const sentMs = this.#echoed.get(voter);
      if (sentMs !== undefined) sent.push(sentMs);
    }
    sent.sort((a, b) => b - a);
    const oldest = sent[Math.floor(this.#voters.length / 2)];
    const untilMs = oldest === undefined ? Number.NEGATIVE_INFINITY : oldest + this.#timing.leaseMs;
    const isWon = untilMs > nowMs;
    if (isWon && this.#rightSinceMs === undefined) this.#rightSinceMs = nowMs;
    if (this.#rules.rightExpires) this.#rightUntilMs = untilMs;
    else if (isWon) this.#rightUntilMs = Number.POSITIVE_INFINITY;
  }
}
