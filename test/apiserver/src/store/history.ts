// SPDX-License-Identifier: Apache-2.0
import type { Change } from './collection.ts';

/** How much of the past one collection keeps; what is older answers 410. */
export interface HistoryLimits {
  readonly maxChanges: number;
  readonly maxAgeMs: number;
}

/** Bounded list of changes in the order of their revisions. */
export class History {
  readonly #limits: HistoryLimits;
  readonly #nowMs: () => number;
  #changes: Change[] = [];
  #timesMs: number[] = [];
  /** Index of the oldest change still kept: dropping is amortised, not one `shift` per write. */
  #first = 0;
  #compactedRevision = 0;

  constructor(limits: HistoryLimits, nowMs: () => number) {
    this.#limits = limits;
    this.#nowMs = nowMs;
  }

  /** Every change with a higher revision is still here. */
  get compactedRevision(): number {
    return this.#compactedRevision;
  }

  append(change: Change): void {
    const now = this.#nowMs();
    this.#changes.push(change);
    this.#timesMs.push(now);
    const oldestAllowed = now - this.#limits.maxAgeMs;
    while (
      this.#changes.length - this.#first > this.#limits.maxChanges ||
      (this.#timesMs[this.#first] ?? now) < oldestAllowed
    ) {
      this.#dropFirst();
    }
    this.#shrink();
  }

  /** Changes with a revision above `revision`, oldest first. */
  since(revision: number): readonly Change[] {
    let low = this.#first;
    let high = this.#changes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#changes[middle]?.revision ?? 0) <= revision) low = middle + 1;
      else high = middle;
    }
    return this.#changes.slice(low);
  }

  compact(revision: number): void {
    while (this.#first < this.#changes.length && (this.#changes[this.#first]?.revision ?? 0) <= revision) {
      this.#dropFirst();
    }
    this.#compactedRevision = Math.max(this.#compactedRevision, revision);
    this.#shrink();
  }

  #dropFirst(): void {
    const dropped = this.#changes[this.#first];
    if (dropped !== undefined) this.#compactedRevision = dropped.revision;
    this.#first += 1;
  }

  #shrink(): void {
    if (this.#first < 1024 || this.#first * 2 < this.#changes.length) return;
    this.#changes = this.#changes.slice(this.#first);
    this.#timesMs = this.#timesMs.slice(this.#first);
    this.#first = 0;
  }
}
