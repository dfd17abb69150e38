// SPDX-License-Identifier: Apache-2.0
import { joinKey, type KubeObject, keyOf } from './objects.ts';
import type { Change, ReadonlyStore } from './reflector.ts';

/**
 * The local copy of a resource. Pure: what comes in is a list or an event, what comes out is the exact difference.
 *
 * Two incarnations of a name are two objects: when the uid changes, the old one is reported deleted and the new one
 * added, however the change became known.
 */
export class ObjectStore<T extends KubeObject> implements ReadonlyStore<T> {
  #objects = new Map<string, T>();

  get(namespace: string | undefined, name: string): T | undefined {
    return this.#objects.get(joinKey(namespace, name));
  }

  values(): Iterable<T> {
    return this.#objects.values();
  }

  get size(): number {
    return this.#objects.size;
  }

  /** Takes a complete list. What is not in it has been deleted, even if no event ever said so. */
  replaceAll(items: Iterable<T>): Change<T>[] {
    const before = this.#objects;
    const after = new Map<string, T>();
    const arrived: Change<T>[] = [];
    const gone: Change<T>[] = [];
    for (const item of items) {
      const key = keyOf(item);
      const previous = before.get(key);
      if (previous !== undefined && isSameVersion(previous, item)) {
        after.set(key, previous);
        continue;
      }
      after.set(key, item);
      for (const change of difference(previous, item)) {
        (change.type === 'deleted' ? gone : arrived).push(change);
      }
    }
    for (const [key, object] of before) {
      if (!after.has(key)) gone.push({ type: 'deleted', object });
    }
    this.#objects = after;
    // Deletions first, so that what they free (an address) is free when an addition asks for it.
    return [...gone, ...arrived];
  }

  /** Takes an object that was created or changed. An event that was seen before changes nothing. */
  put(object: T): Change<T>[] {
    const key = keyOf(object);
    const previous = this.#objects.get(key);
    if (previous !== undefined && isSameVersion(previous, object)) return [];
    this.#objects.set(key, object);
    return difference(previous, object);
  }

  /** Takes a deletion; `object` is the last state. */
  remove(object: T): Change<T>[] {
    const key = keyOf(object);
    const previous = this.#objects.get(key);
    if (previous === undefined) return [];
    this.#objects.delete(key);
    // A deletion of a later incarnation means that ours is gone as well.
    return [{ type: 'deleted', object: isSameIncarnation(previous, object) ? object : previous }];
  }
}

function difference<T extends KubeObject>(previous: T | undefined, object: T): Change<T>[] {
  if (previous === undefined) return [{ type: 'added', object }];
  if (isSameIncarnation(previous, object)) return [{ type: 'updated', object, previous }];
  return [
    { type: 'deleted', object: previous },
    { type: 'added', object },
  ];
}

function isSameIncarnation(a: KubeObject, b: KubeObject): boolean {
  return a.metadata?.uid === b.metadata?.uid;
}

function isSameVersion(a: KubeObject, b: KubeObject): boolean {
  const version = a.metadata?.resourceVersion;
  return version !== undefined && version === b.metadata?.resourceVersion && isSameIncarnation(a, b);
}

/**
 * Does version `a` come before `b`? Versions are opaque in principle; all servers use numbers, and a number that falls
 * means that the server's data was put back to an older state. Anything that is no number is never "older".
 */
export function isOlderVersion(a: string, b: string): boolean {
  return /^\d+$/.test(a) && /^\d+$/.test(b) && BigInt(a) < BigInt(b);
}
