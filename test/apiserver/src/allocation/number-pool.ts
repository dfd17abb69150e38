// SPDX-License-Identifier: Apache-2.0

/** Whole numbers from `[0, size)` of which a pool hands out any one; random so that tests meet no accidental order. */
export interface NumberPoolOptions {
  /** How many numbers there are. */
  readonly size: number;
  /** Numbers below this are handed out only when all others are taken: they are meant for explicit requests. */
  readonly reserved: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/**
 * A bitmap of taken numbers. Taking any number costs a random start and a scan over whole words, so thousands of
 * allocations stay cheap until the pool is nearly full.
 */
export class NumberPool {
  readonly #taken: Uint32Array;
  readonly #options: NumberPoolOptions;
  #free: number;

  constructor(options: NumberPoolOptions) {
    this.#options = options;
    this.#taken = new Uint32Array(Math.ceil(options.size / 32));
    this.#free = options.size;
  }

  /** How many are free. */
  get free(): number {
    return this.#free;
  }

  has(number: number): boolean {
    return ((this.#taken[number >>> 5] ?? 0) & (1 << (number & 31))) !== 0;
  }

  /** Takes this number; false when it is taken or not in the pool. */
  take(number: number): boolean {
    if (number < 0 || number >= this.#options.size || this.has(number)) return false;
    this.#taken[number >>> 5] = (this.#taken[number >>> 5] ?? 0) | (1 << (number & 31));
    this.#free -= 1;
    return true;
  }

  /** Takes any number, of the unreserved ones first; `undefined` when none is left. */
  takeAny(): number | undefined {
    const { size, reserved } = this.#options;
    const found = this.#find(reserved, size) ?? this.#find(0, reserved);
    if (found !== undefined) this.take(found);
    return found;
  }

  release(number: number): void {
    if (number < 0 || number >= this.#options.size || !this.has(number)) return;
    this.#taken[number >>> 5] = (this.#taken[number >>> 5] ?? 0) & ~(1 << (number & 31));
    this.#free += 1;
  }

  /** A free number in `[from, to)`, looked for from a random place on. */
  #find(from: number, to: number): number | undefined {
    if (to <= from || this.#free === 0) return undefined;
    const start = from + Math.min(to - from - 1, Math.floor(this.#options.random() * (to - from)));
    return this.#scan(start, to) ?? this.#scan(from, start);
  }

  #scan(from: number, to: number): number | undefined {
    let number = from;
    while (number < to) {
      if ((number & 31) === 0 && this.#taken[number >>> 5] === 0xffff_ffff) number += 32;
      else if (this.has(number)) number += 1;
      else return number;
    }
    return undefined;
  }
}
