// SPDX-License-Identifier: Apache-2.0

/** The one sequence that stamps every write to every resource, as etcd's revision does. */
export class Revisions {
  #current: number;

  /** A new cluster starts above zero because `resourceVersion=0` has a meaning of its own. */
  constructor(start = 1) {
    this.#current = start;
  }

  /** Revision of the last write. */
  get current(): number {
    return this.#current;
  }

  next(): number {
    this.#current += 1;
    return this.#current;
  }
}
