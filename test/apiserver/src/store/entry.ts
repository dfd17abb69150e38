// SPDX-License-Identifier: Apache-2.0
import type { ApiObject } from '../api/objects.ts';

/** One version of a stored object, with the texts it has been written as so far. */
export class Entry {
  /** `namespace/name`, or `name` for a cluster-scoped object. */
  readonly key: string;
  readonly object: ApiObject;
  /** The store revision of the write that made this version. */
  readonly revision: number;
  readonly #texts = new Map<string, string>();

  constructor(key: string, object: ApiObject, revision: number) {
    this.key = key;
    this.object = object;
    this.revision = revision;
  }

  /**
   * The entry in one representation, made at most once per version: 10,000 objects and many watchers make serialising
   * the dearest thing this server does.
   */
  text(representation: string, make: (entry: Entry) => string): string {
    const known = this.#texts.get(representation);
    if (known !== undefined) return known;
    const made = make(this);
    this.#texts.set(representation, made);
    return made;
  }
}

/** The store key of an object. */
export function keyOf(namespace: string | undefined, name: string): string {
  return namespace ? `${namespace}/${name}` : name;
}
