// SPDX-License-Identifier: Apache-2.0
import type { Terms, TermsList } from './sharing.ts';

/**
 * The Services that share one address, counted by circle and port, so that one more can be checked against all of them,
 * and one taken away, at a cost that does not depend on how many they are.
 */
export class Tally {
  #exclusive = 0;
  #size = 0;
  readonly #circles = new Map<string, number>();
  readonly #ports = new Map<string, number>();

  /** Takes a Service in. */
  add(list: TermsList): void {
    this.#count(list, 1);
  }

  /** Takes out a Service that was taken in on the same terms. */
  remove(list: TermsList): void {
    this.#count(list, -1);
  }

  /** Whether a Service on these terms may share with all of them: the same as `compatible` with each. */
  admits(list: TermsList): boolean {
    if (this.#exclusive > 0) return false;
    return this.#size === 0 || (list.length > 0 && list.every((terms) => this.#admits(terms)));
  }

  /** Those of these circles that all of them are in. */
  common(circles: readonly string[]): readonly string[] {
    return this.#exclusive > 0 ? [] : circles.filter((circle) => this.#circles.get(circle) === this.#size);
  }

  /** Whether one of them uses the port. */
  uses(port: string): boolean {
    return this.#ports.has(port);
  }

  /** The ports in use. */
  ports(): Iterable<string> {
    return this.#ports.keys();
  }

  #admits({ circles, ports }: Terms): boolean {
    return this.common(circles).length > 0 && !ports.some((port) => this.#ports.has(port));
  }

  #count(list: TermsList, by: 1 | -1): void {
    if (list.length === 0) this.#exclusive += by;
    this.#size += by * list.length;
    for (const { circles, ports } of list) {
      for (const circle of circles) count(this.#circles, circle, by);
      for (const port of ports) count(this.#ports, port, by);
    }
  }
}

/** Adds to the count of a word; a count of 0 is none. */
export function count(counts: Map<string, number>, word: string, by: number): void {
  const now = (counts.get(word) ?? 0) + by;
  if (now === 0) counts.delete(word);
  else counts.set(word, now);
}
