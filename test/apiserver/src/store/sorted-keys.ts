// SPDX-License-Identifier: Apache-2.0

/** Keys in ascending order; lookup by binary search, so that a write into 10,000 keys moves some pointers and no more. */
export class SortedKeys {
  readonly #keys: string[] = [];

  add(key: string): void {
    const index = this.#lowerBound(key);
    if (this.#keys[index] !== key) this.#keys.splice(index, 0, key);
  }

  remove(key: string): void {
    const index = this.#lowerBound(key);
    if (this.#keys[index] === key) this.#keys.splice(index, 1);
  }

  /** All keys that start with `prefix`; '' means all. */
  withPrefix(prefix: string): string[] {
    if (prefix === '') return this.#keys.slice();
    const from = this.#lowerBound(prefix);
    return this.#keys.slice(from, this.#lowerBound(`${prefix}\uffff`));
  }

  #lowerBound(key: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#keys[middle] ?? '') < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
