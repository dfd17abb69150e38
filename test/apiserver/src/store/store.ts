// SPDX-License-Identifier: Apache-2.0
import { Collection } from './collection.ts';
import type { HistoryLimits } from './history.ts';
import { Revisions } from './revisions.ts';

/** Five minutes as etcd's usual compaction; the number bounds memory under load. */
export const DEFAULT_HISTORY: HistoryLimits = { maxChanges: 20_000, maxAgeMs: 300_000 };

/** The database: collections by name (`services`, `deployments.apps`) on one revision sequence, all in memory. */
export class Store {
  readonly #revisions = new Revisions();
  readonly #collections = new Map<string, Collection>();
  readonly #limits: HistoryLimits;
  readonly #nowMs: () => number;

  constructor(limits: HistoryLimits = DEFAULT_HISTORY, nowMs: () => number = () => Date.now()) {
    this.#limits = limits;
    this.#nowMs = nowMs;
  }

  /** Revision of the last write to any collection. */
  get revision(): number {
    return this.#revisions.current;
  }

  /** The collection of that name, made on first use. */
  collection(name: string): Collection {
    const known = this.#collections.get(name);
    if (known !== undefined) return known;
    const made = new Collection(name, this.#revisions, this.#limits, this.#nowMs);
    this.#collections.set(name, made);
    return made;
  }

  collections(): IterableIterator<Collection> {
    return this.#collections.values();
  }

  /** Forgets all history: every watch and continue token from before now answers 410. */
  compact(): void {
    for (const collection of this.#collections.values()) collection.compact(this.revision);
  }
}
