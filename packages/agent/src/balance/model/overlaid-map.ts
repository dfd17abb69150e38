// SPDX-License-Identifier: Apache-2.0

/** Changes that are kept beside the map that they are about; with more of them a new one is made. */
const MOST_CHANGES = 256;

/**
 * A map as it was, with some entries replaced or removed. Making it takes as long as its changes are many, not as the map is long; reading
 * it takes a little longer. Entries that are replaced keep their place, new ones come last. It never changes.
 */
export class OverlaidMap<K, V> implements ReadonlyMap<K, V> {
  readonly #base: ReadonlyMap<K, V>;
  /** What is undefined is not there any more. */
  readonly #changes: ReadonlyMap<K, V | undefined>;
  readonly size: number;

  /** The map with these entries; undefined: without it. It must not change after that. */
  static over<K, V>(map: ReadonlyMap<K, V>, changed: ReadonlyMap<K, V | undefined>): ReadonlyMap<K, V> {
    if (changed.size === 0) return map;
    const overlaid =
      map instanceof OverlaidMap
        ? new OverlaidMap<K, V>(map.#base, new Map([...map.#changes, ...changed]))
        : new OverlaidMap(map, new Map(changed));
    return overlaid.#changes.size > MOST_CHANGES ? new Map(overlaid) : overlaid;
  }

  private constructor(base: ReadonlyMap<K, V>, changes: ReadonlyMap<K, V | undefined>) {
    this.#base = base;
    this.#changes = changes;
    let size = base.size;
    for (const [key, value] of changes) size += Number(value !== undefined) - Number(base.has(key));
    this.size = size;
  }

  get(key: K): V | undefined {
    return this.#changes.get(key) ?? (this.#changes.has(key) ? undefined : this.#base.get(key));
  }

  has(key: K): boolean {
    return this.#changes.has(key) ? this.#changes.get(key) !== undefined : this.#base.has(key);
  }

  forEach(callback: (value: V, key: K, map: ReadonlyMap<K, V>) => void): void {
    for (const [key, value] of this) callback(value, key, this);
  }

  *entries(): MapIterator<[K, V]> {
    for (const entry of this.#base) {
      if (!this.#changes.has(entry[0])) yield entry;
      else yield* this.#change(entry[0]);
    }
    for (const key of this.#changes.keys()) {
      if (!this.#base.has(key)) yield* this.#change(key);
    }
  }

  *keys(): MapIterator<K> {
    for (const [key] of this) yield key;
  }

  *values(): MapIterator<V> {
    for (const [, value] of this) yield value;
  }

  [Symbol.iterator](): MapIterator<[K, V]> {
    return this.entries();
  }

  #change(key: K): readonly [K, V][] {
    const value = this.#changes.get(key);
    return value === undefined ? [] : [[key, value]];
  }
}
