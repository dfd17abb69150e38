// SPDX-License-Identifier: Apache-2.0

/** What a {@link CompactMap} needs to know about its entries. */
export interface KeyRules<Key, Entry> {
  /** The key of an entry; an entry carries its own. */
  readonly keyOf: (entry: Entry) => Key;
  /** 32 bits that differ for different keys, mostly. */
  readonly hash: (key: Key) => number;
}

const SMALLEST = 16;
/** Share of slots in use at which the table doubles. */
const FULL = 0.8;

/**
 * A hash map for very many small entries that know their own keys: 15 to 30 bytes per entry where `Map` takes 37 to 73,
 * because it stores the key again, chains its buckets, and doubles when entries come and go although their number
 * stays. Open addressing with linear probing; what follows a deleted entry moves up, so that nothing is left behind.
 */
export class CompactMap<Key, Entry> {
  readonly #rules: KeyRules<Key, Entry>;
  #entries: (Entry | undefined)[] = new Array(SMALLEST).fill(undefined);
  /** Hash of the entry in the same slot: most others are told apart without looking at them. */
  #hashes = new Int32Array(SMALLEST);
  #size = 0;

  constructor(rules: KeyRules<Key, Entry>) {
    this.#rules = rules;
  }

  get size(): number {
    return this.#size;
  }

  /** The entry with this key. */
  get(key: Key): Entry | undefined {
    return this.#entries[this.#slotOf(key, this.#rules.hash(key) | 0)];
  }

  /** Adds an entry, or replaces the one with the same key. */
  set(entry: Entry): void {
    const key = this.#rules.keyOf(entry);
    const hash = this.#rules.hash(key) | 0;
    const slot = this.#slotOf(key, hash);
    const isNew = this.#entries[slot] === undefined;
    this.#entries[slot] = entry;
    this.#hashes[slot] = hash;
    if (!isNew) return;
    this.#size++;
    if (this.#size > this.#entries.length * FULL) this.#resize(this.#entries.length * 2);
  }

  /** Removes the entry with this key; no effect when there is none. */
  delete(key: Key): void {
    const slot = this.#slotOf(key, this.#rules.hash(key) | 0);
    if (this.#entries[slot] === undefined) return;
    this.#size--;
    this.#close(slot);
  }

  /** All entries, in no particular order. The map must not change meanwhile. */
  *values(): Generator<Entry> {
    for (const entry of this.#entries) if (entry !== undefined) yield entry;
  }

  /** The slot of the key, or the empty one where it belongs. */
  #slotOf(key: Key, hash: number): number {
    const mask = this.#entries.length - 1;
    let slot = hash & mask;
    for (;;) {
      const entry = this.#entries[slot];
      if (entry === undefined) return slot;
      if (this.#hashes[slot] === hash && this.#rules.keyOf(entry) === key) return slot;
      slot = (slot + 1) & mask;
    }
  }

  /** Empties a slot and moves up those behind it that would not be found any more. */
  #close(slot: number): void {
    const mask = this.#entries.length - 1;
    let gap = slot;
    for (let next = (gap + 1) & mask; this.#entries[next] !== undefined; next = (next + 1) & mask) {
      const hash = this.#hashes[next] ?? 0;
      const distance = (next - hash) & mask;
      if (distance < ((next - gap) & mask)) continue;
      this.#entries[gap] = this.#entries[next];
      this.#hashes[gap] = hash;
      gap = next;
    }
    this.#entries[gap] = undefined;
  }

  #resize(capacity: number): void {
    const entries = this.#entries;
    const hashes = this.#hashes;
    this.#entries = new Array(capacity).fill(undefined);
    this.#hashes = new Int32Array(capacity);
    const mask = capacity - 1;
    entries.forEach((entry, i) => {
      if (entry === undefined) return;
      const hash = hashes[i] ?? 0;
      let slot = hash & mask;
      while (this.#entries[slot] !== undefined) slot = (slot + 1) & mask;
      this.#entries[slot] = entry;
      this.#hashes[slot] = hash;
    });
  }
}

/** Hash of a text (FNV-1a, and its high bits mixed into the low ones). */
export function hashText(text: string): number {
  let hash = 0x811c_9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x0100_0193);
  return hash ^ (hash >>> 15);
}

/** Hash of an address value. */
export function hashValue(value: bigint): number {
  const low64 = BigInt.asUintN(64, value);
  const high = Number(low64 >> 32n);
  // Multiplied, neighbours come to lie far apart, so that runs of addresses do not become runs of slots.
  const hash = Math.imul(Number(BigInt.asUintN(32, low64)) ^ Math.imul(high, 0x85eb_ca6b), 0x9e37_79b1);
  return hash ^ (hash >>> 15);
}
