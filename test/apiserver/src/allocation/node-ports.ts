// SPDX-License-Identifier: Apache-2.0
import { NumberPool } from './number-pool.ts';

/** Ports that are open on every node. */
export class NodePortPool {
  readonly #first: number;
  readonly #last: number;
  readonly #pool: NumberPool;

  constructor(first: number, last: number, random: () => number) {
    this.#first = first;
    this.#last = last;
    const size = last - first + 1;
    this.#pool = new NumberPool({ size, reserved: reservedOf(size), random });
  }

  /** How many are free. */
  get free(): number {
    return this.#pool.free;
  }

  /** Takes this port; returns what is wrong otherwise, in the words of the real server. */
  take(port: number): string | undefined {
    if (port < this.#first || port > this.#last) {
      return `provided port is not in the valid range. The range of valid ports is ${this.#first}-${this.#last}`;
    }
    return this.#pool.take(port - this.#first) ? undefined : 'provided port is already allocated';
  }

  /** Takes any port; `undefined` when none is left. */
  takeAny(): number | undefined {
    const offset = this.#pool.takeAny();
    return offset === undefined ? undefined : this.#first + offset;
  }

  /** Gives a port back; one that is not taken stays so. */
  release(port: number): void {
    this.#pool.release(port - this.#first);
  }
}

/** The lower part of a range is kept for explicit requests: a 32nd of it, at least 16, at most 128. */
function reservedOf(size: number): number {
  return size <= 16 ? 0 : Math.min(128, Math.max(16, Math.floor(size / 32)));
}
