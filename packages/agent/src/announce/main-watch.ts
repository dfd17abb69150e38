// SPDX-License-Identifier: Apache-2.0

/** The main thread counts as stalled when its counter stood still for this long. */
export const MAIN_STALL_MS = 2000;
/** The main thread moves its counter this often. */
export const MAIN_BEAT_INTERVAL_MS = 100;
/** A gap this long between two looks means that this thread itself did not run (frozen process, suspended machine). */
const OWN_GAP_MS = 1000;

/**
 * Judges from the worker whether the main thread still runs, by a counter that the main thread moves. Pure.
 *
 * When the worker itself was not running, nothing can be said about the main thread, so the watch starts anew; safety
 * then rests on the deadlines of the grants, which went on all the while.
 */
export class MainWatch {
  #beat: number;
  #beatAtMs: number;
  #lookedAtMs: number;

  constructor(beat: number, nowMs: number) {
    this.#beat = beat;
    this.#beatAtMs = nowMs;
    this.#lookedAtMs = nowMs;
  }

  /** Looks at the counter; true while the main thread counts as stalled. */
  isStalled(beat: number, nowMs: number): boolean {
    const ownGapMs = nowMs - this.#lookedAtMs;
    this.#lookedAtMs = nowMs;
    if (beat !== this.#beat || ownGapMs > OWN_GAP_MS) {
      this.#beat = beat;
      this.#beatAtMs = nowMs;
    }
    return nowMs - this.#beatAtMs >= MAIN_STALL_MS;
  }
}
