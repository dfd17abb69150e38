// SPDX-License-Identifier: Apache-2.0

/** An entry that is overwritten by the same stranger so often within {@link WINDOW_MS} is not overwritten by chance. */
const TIMES = 2;
const WINDOW_MS = 60_000;
/** Who has given way tries again after this time; the other one may have been stopped. */
const GIVE_WAY_MS = 600_000;

/**
 * Watches our own entry in the group record for another living agent with our name, on another node (a wrong
 * `vip_nodename`; on the same node the lock keeps it from starting). Both would enter themselves again and again, and a
 * voter with two bodies could vote twice.
 *
 * An entry of another instance is nothing special by itself: that of our own predecessor, or one out of a backup. So it is
 * overwritten. But whoever then finds there again the same stranger, of whom nothing was seen before our own first entry,
 * knows that it is alive, and gives way. Of two that is the one who was there first. Pure.
 */
export class NamesakeWatch {
  readonly #instance: string;
  #isEntered = false;
  /** Seen before we were entered: predecessors, or a living agent that will give way. */
  readonly #earlier = new Set<string>();
  #shown = '';
  /** Instance -> when it has overwritten ours. */
  readonly #overwritten = new Map<string, readonly number[]>();
  #stranger: { readonly instance: string; readonly untilMs: number } | undefined;

  constructor(instance: string) {
    this.#instance = instance;
  }

  /** Instance in the entry of our name; undefined: there is no entry. */
  observe(instance: string | undefined, nowMs: number): void {
    if (instance === undefined || instance === this.#shown) return;
    this.#shown = instance;
    if (instance === this.#instance) {
      this.#isEntered = true;
      return;
    }
    if (!this.#isEntered) this.#earlier.add(instance);
    if (this.#earlier.has(instance)) return;
    const times = [...(this.#overwritten.get(instance) ?? []), nowMs].filter(
      (each) => each > nowMs - WINDOW_MS,
    );
    this.#overwritten.set(instance, times);
    if (times.length >= TIMES) this.#stranger = { instance, untilMs: nowMs + GIVE_WAY_MS };
  }

  /** The living agent for which we give way; undefined: none. */
  stranger(nowMs: number): string | undefined {
    if (this.#stranger === undefined || nowMs < this.#stranger.untilMs) return this.#stranger?.instance;
    this.#stranger = undefined;
    this.#overwritten.clear();
    return undefined;
  }
}
