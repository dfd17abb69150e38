// SPDX-License-Identifier: Apache-2.0

/**
 * A token bucket: at most `perSecond` frames a second on average and `burst` at once. Time is passed in.
 * Keeps a takeover of a thousand addresses from filling switch queues, and the slow refresh from ever being noticed.
 */
export class Pacer {
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #atMs: number | undefined;

  constructor(perSecond: number, burst: number) {
    this.#perMs = perSecond / 1000;
    this.#burst = burst;
    this.#tokens = burst;
  }

  /** Takes `count` tokens when there are that many. */
  take(count: number, nowMs: number): boolean {
    this.#refill(nowMs);
    if (this.#tokens < count) return false;
    this.#tokens -= count;
    return true;
  }

  /** Milliseconds until `count` tokens can be taken; 0 when they can be now. */
  waitMs(count: number, nowMs: number): number {
    this.#refill(nowMs);
    return this.#tokens >= count ? 0 : Math.ceil((count - this.#tokens) / this.#perMs);
  }

  #refill(nowMs: number): void {
    const elapsedMs = Math.max(0, nowMs - (this.#atMs ?? nowMs));
    this.#tokens = Math.min(this.#burst, this.#tokens + elapsedMs * this.#perMs);
    this.#atMs = nowMs;
  }
}
