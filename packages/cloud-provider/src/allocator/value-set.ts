// SPDX-License-Identifier: Apache-2.0

/** Neighbouring values kept as one interval; `firsts[i]` to `lasts[i]`, ascending. */
interface Chunk {
  readonly firsts: bigint[];
  readonly lasts: bigint[];
}

/** Split point. 256 keeps the copying of one insertion below a microsecond and the list of chunks short. */
const MAX_CHUNK_LENGTH = 256;

/**
 * A mutable set of integers that answers "which value is the next one not in the set" without walking over the values
 * that are. Neighbours are kept as intervals and the intervals in a two-level sorted list, so that every operation is
 * two binary searches and one short copy, however many values there are and however far apart they lie.
 */
export class ValueSet {
  readonly #chunks: Chunk[] = [];

  /** Number of intervals; for tests and memory estimates. */
  get intervals(): number {
    return this.#chunks.reduce((sum, chunk) => sum + chunk.firsts.length, 0);
  }

  /** Whether the value is in the set. */
  has(value: bigint): boolean {
    return this.#intervalAround(value) !== undefined;
  }

  /** Lowest value at or above `from` that is not in the set. */
  nextAbsent(from: bigint): bigint {
    const found = this.#intervalAround(from);
    return found === undefined ? from : found.last + 1n;
  }

  /** Highest value at or below `from` that is not in the set. May be -1. */
  previousAbsent(from: bigint): bigint {
    const found = this.#intervalAround(from);
    return found === undefined ? from : found.first - 1n;
  }

  /** Adds a value; no effect when it is there. */
  add(value: bigint): void {
    if (this.has(value)) return;
    const below = this.#intervalAround(value - 1n);
    const above = this.#intervalAround(value + 1n);
    if (above !== undefined) this.#removeInterval(above.first);
    const last = above?.last ?? value;
    if (below !== undefined) this.#setLast(below.first, last);
    else this.#insert(value, last);
  }

  /** Removes a value; no effect when it is not there. */
  delete(value: bigint): void {
    const around = this.#intervalAround(value);
    if (around === undefined) return;
    const { first, last } = around;
    if (first === value) this.#removeInterval(first);
    else this.#setLast(first, value - 1n);
    if (last > value) this.#insert(value + 1n, last);
  }

  #intervalAround(value: bigint): { readonly first: bigint; readonly last: bigint } | undefined {
    const { chunk, index } = this.#locate(value);
    const first = chunk?.firsts[index];
    const last = chunk?.lasts[index];
    if (first === undefined || last === undefined || first > value) return undefined;
    return { first, last };
  }

  /** The first interval that ends at or after `value`; `index` may be past the end of the last chunk. */
  #locate(value: bigint): { readonly chunk: Chunk | undefined; readonly at: number; readonly index: number } {
    const chunks = this.#chunks;
    let low = 0;
    let high = chunks.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const last = chunks[middle]?.lasts.at(-1);
      if (last !== undefined && last < value) low = middle + 1;
      else high = middle;
    }
    const chunk = chunks[low];
    return { chunk, at: low, index: chunk === undefined ? 0 : lowerBound(chunk.lasts, value) };
  }

  #setLast(first: bigint, last: bigint): void {
    const { chunk, index } = this.#locate(first);
    if (chunk !== undefined) chunk.lasts[index] = last;
  }

  #insert(first: bigint, last: bigint): void {
    const { chunk, at, index } = this.#locate(first);
    if (chunk === undefined) {
      this.#chunks.push({ firsts: [first], lasts: [last] });
      return;
    }
    chunk.firsts.splice(index, 0, first);
    chunk.lasts.splice(index, 0, last);
    if (chunk.firsts.length <= MAX_CHUNK_LENGTH) return;
    const half = MAX_CHUNK_LENGTH / 2;
    this.#chunks.splice(at + 1, 0, { firsts: chunk.firsts.splice(half), lasts: chunk.lasts.splice(half) });
  }

  #removeInterval(first: bigint): void {
    const { chunk, at, index } = this.#locate(first);
    if (chunk === undefined) return;
    chunk.firsts.splice(index, 1);
    chunk.lasts.splice(index, 1);
    if (chunk.firsts.length === 0) this.#chunks.splice(at, 1);
  }
}

/** Index of the first element that is at or above `value`. */
function lowerBound(sorted: readonly bigint[], value: bigint): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const element = sorted[middle];
    if (element !== undefined && element < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
