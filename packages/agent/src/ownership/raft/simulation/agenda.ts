// SPDX-License-Identifier: Apache-2.0

interface Entry {
  readonly atMs: number;
  readonly number: number;
  readonly act: () => void;
}

/** What is going to happen, in true time: a binary heap, first come first served among equals. */
export class Agenda {
  readonly #heap: Entry[] = [];
  #count = 0;
  #nowMs = 0;

  /** True time. */
  get nowMs(): number {
    return this.#nowMs;
  }

  at(atMs: number, act: () => void): void {
    const heap = this.#heap;
    const entry = { atMs: Math.max(atMs, this.#nowMs), number: this.#count++, act };
    let index = heap.length;
    heap.push(entry);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || isBefore(above, entry)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = entry;
  }

  after(delayMs: number, act: () => void): void {
    this.at(this.#nowMs + delayMs, act);
  }

  /** Lets everything happen up to that time. */
  run(untilMs: number): void {
    for (let first = this.#heap[0]; first !== undefined && first.atMs <= untilMs; first = this.#heap[0]) {
      this.#removeFirst();
      this.#nowMs = first.atMs;
      first.act();
    }
    this.#nowMs = untilMs;
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      let below = heap[child];
      const right = heap[child + 1];
      if (right !== undefined && below !== undefined && isBefore(right, below)) {
        child++;
        below = right;
      }
      if (below === undefined || !isBefore(below, last)) break;
      heap[index] = below;
      index = child;
    }
    heap[index] = last;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.number < b.number);
}
