// SPDX-License-Identifier: Apache-2.0

/** What may be refused. */
export type RecordRight = 'read' | 'write';

/**
 * Whether RBAC keeps this agent from the group record. A server that has just started refuses everything until it has read
 * its roles, so a refusal is believed only when it has lasted. Pure: time is passed in.
 */
export class Refusals {
  readonly #believedAfterMs: number;
  readonly #sinceMs = new Map<RecordRight, number>();
  #believed: RecordRight | undefined;

  constructor(believedAfterMs: number) {
    this.#believedAfterMs = believedAfterMs;
  }

  /** What is refused for good; undefined: nothing. */
  get believed(): RecordRight | undefined {
    return this.#believed;
  }

  /** It was refused. True when that is believed from now on. */
  refused(right: RecordRight, nowMs: number): boolean {
    const sinceMs = this.#sinceMs.get(right) ?? nowMs;
    this.#sinceMs.set(right, sinceMs);
    if (this.#believed === right || nowMs < sinceMs + this.#believedAfterMs) return false;
    this.#believed = right;
    return true;
  }

  /** It was not refused. Who may write may read. */
  allowed(right: RecordRight): void {
    const isBoth = right === 'write';
    this.#sinceMs.delete('read');
    if (isBoth) this.#sinceMs.delete('write');
    if (isBoth || this.#believed === 'read') this.#believed = undefined;
  }
}
