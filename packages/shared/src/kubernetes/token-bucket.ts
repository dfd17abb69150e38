// SPDX-License-Identifier: Apache-2.0

/**
 * A rate limit: `burst` acts at once, then `perSecond` sustained. Pure bookkeeping over times that are passed in.
 *
 * Acts may be reserved ahead, so the level can be negative; whoever reserves waits for as long as he is told.
 */
export class TokenBucket {
  readonly #perMs: number;
  readonly #burst: number;
  #level: number;
  #atMs: number;

  constructor(perSecond: number, burst: number, nowMs: number) {
    this.#perMs = perSecond / 1000;
    this.#burst = burst;
    this.#level = burst;
    this.#atMs = nowMs;
  }

  /** Takes a token if one is there. */
  tryTake(nowMs: number): boolean {
    this.#refill(nowMs);
    if (this.#level < 1) return false;
    this.#level -= 1;
    return true;
  }

  /** How long until a token is there, without taking one. */
  waitMs(nowMs: number): number {
    this.#refill(nowMs);
    return this.#level >= 1 ? 0 : (1 - this.#level) / this.#perMs;
  }

  /** Takes a token that may only come later, and says how long to wait for it (0: act now). */
  reserve(nowMs: number): number {
    const waitMs = this.waitMs(nowMs);
    this.#level -= 1;
    return waitMs;
  }

  #refill(nowMs: number): void {
    if (nowMs > this.#atMs) {
      this.#level = Math.min(this.#burst, this.#level + (nowMs - this.#atMs) * this.#perMs);
    }
    this.#atMs = Math.max(nowMs, this.#atMs);
  }
}
