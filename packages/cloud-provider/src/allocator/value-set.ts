// SPDX-License-Identifier: Apache-2.0

/** Which way a search goes from where it begins. */
export type Direction = 'ascending' | 'descending';

/** Neighbouring values kept as one interval; `firsts[i]` to `lasts[i]`, ascending. Never empty. */
interface Chunk {
  readonly firsts: bigint[];
  readonly lasts: bigint[];
}

/** An interval of the set, by position. */
interface Place {
  /** Index of the chunk, and of the interval in it; past the end of the last chunk when there is no such interval. */
  readonly at: number;
  readonly index: number;
}

/** Split point. 256 keeps the copying of one insertion below a microsecond and the list of chunks short. */
const MAX_CHUNK_LENGTH = 256;

/**
 * A mutable set of integers that answers "which value is the next one not in the set", and "the next one in it", without
 * walking over the values in between. Neighbours are kept as intervals and the intervals in a two-level sorted list, so
 * that every operation is two binary searches and one short copy, however many values there are and however far apart
 * they lie.
 */
export class ValueSet {
  readonly #chunks: Chunk[] = [];

  /** Number of intervals; for tests and memory estimates. */
  get intervals(): number {
    return this.#chunks.reduce((sum, chunk) => sum + chunk.firsts.length, 0);
  }

  /** Whether there is nothing in the set. */
  get isEmpty(): boolean {
    return this.#chunks.length === 0;
  }

  /** Whether the value is in the set. */
  has(value: bigint): boolean {
    const first = this.#firstOf(this.#endingAtOrAfter(value));
    return first !== undefined && first <= value;
  }

  /** The nearest value from `from` on, `from` included, that is not in the set. Descending it may be -1. */
  nextAbsent(from: bigint, direction: Direction): bigint {
    const place = this.#endingAtOrAfter(from);
    const first = this.#firstOf(place);
    if (first === undefined || first > from) return from;
    return direction === 'ascending' ? (this.#lastOf(place) ?? from) + 1n : first - 1n;
  }

  /** The nearest value from `from` on, `from` included, that is in the set. */
  nextPresent(from: bigint, direction: Direction): bigint | undefined {
    const place = this.#endingAtOrAfter(from);
    const first = this.#firstOf(place);
    if (first !== undefined && first <= from) return from;
    return direction === 'ascending' ? first : this.#lastOf(this.#before(place));
  }

  /** Adds a value; no effect when it is there. */
  add(value: bigint): void {
    const above = this.#endingAtOrAfter(value);
    const firstAbove = this.#firstOf(above);
    if (firstAbove !== undefined && firstAbove <= value) return;
    const below = this.#before(above);
    const lastBelow = this.#lastOf(below);
    const touchesAbove = firstAbove !== undefined && firstAbove - value === 1n;
    const touchesBelow = lastBelow !== undefined && value - lastBelow === 1n;
    if (touchesBelow && touchesAbove) {
      this.#setLast(below, this.#lastOf(above) ?? value);
      this.#remove(above);
    } else if (touchesBelow) this.#setLast(below, value);
    else if (touchesAbove) this.#setFirst(above, value);
    else this.#insert(above, value, value);
  }

  /** Removes a value. Says whether it was there. */
  delete(value: bigint): boolean {
    const place = this.#endingAtOrAfter(value);
    const first = this.#firstOf(place);
    const last = this.#lastOf(place);
    if (first === undefined || last === undefined || first > value) return false;
    if (first === last) this.#remove(place);
    else if (first === value) this.#setFirst(place, value + 1n);
    else {
      this.#setLast(place, value - 1n);
      if (last > value) this.#insert({ at: place.at, index: place.index + 1 }, value + 1n, last);
    }
    return true;
  }

  /** The first interval that ends at or after `value`. */
  #endingAtOrAfter(value: bigint): Place {
    const chunks = this.#chunks;
    let low = 0;
    let high = chunks.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const lasts = chunks[middle]?.lasts ?? [];
      const last = lasts[lasts.length - 1];
      if (last !== undefined && last < value) low = middle + 1;
      else high = middle;
    }
    return { at: low, index: lowerBound(chunks[low]?.lasts ?? [], value) };
  }

  /** The interval before this one; an impossible place when there is none. */
  #before({ at, index }: Place): Place {
    if (index > 0) return { at, index: index - 1 };
    return { at: at - 1, index: (this.#chunks[at - 1]?.lasts.length ?? 0) - 1 };
  }

  #firstOf({ at, index }: Place): bigint | undefined {
    return this.#chunks[at]?.firsts[index];
  }

  #lastOf({ at, index }: Place): bigint | undefined {
    return this.#chunks[at]?.lasts[index];
  }

  #setFirst({ at, index }: Place, first: bigint): void {
    const chunk = this.#chunks[at];
    if (chunk !== undefined) chunk.firsts[index] = first;
  }

  #setLast({ at, index }: Place, last: bigint): void {
    const chunk = this.#chunks[at];
    if (chunk !== undefined) chunk.lasts[index] = last;
  }

  /** Puts an interval in front of the one at `place`. */
  #insert({ at, index }: Place, first: bigint, last: bigint): void {
    const chunk = this.#chunks[at];
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

  #remove({ at, index }: Place): void {
    const chunk = this.#chunks[at];
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
