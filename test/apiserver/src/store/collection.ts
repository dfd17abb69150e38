// SPDX-License-Identifier: Apache-2.0
import { type ApiObject, withMeta } from '../api/objects.ts';
import { Entry } from './entry.ts';
import { History, type HistoryLimits } from './history.ts';
import type { Revisions } from './revisions.ts';
import { SortedKeys } from './sorted-keys.ts';

/** What happened to an object. */
export type ChangeType = 'ADDED' | 'MODIFIED' | 'DELETED';

/** One write: the new (or last) version and the version before it. */
export interface Change {
  readonly type: ChangeType;
  /** Revision of the write; for DELETED the entry is the last state, re-stamped with this revision. */
  readonly revision: number;
  readonly entry: Entry;
  /** `undefined` exactly for ADDED. */
  readonly previous: Entry | undefined;
}

/** Called in the same tick as the write. */
export type ChangeListener = (change: Change) => void;

/**
 * All objects of one stored resource, with the history of their changes. All methods are synchronous, so that reading,
 * checking and writing an object is one atomic step in this single-threaded server.
 */
export class Collection {
  readonly name: string;
  readonly #revisions: Revisions;
  readonly #entries = new Map<string, Entry>();
  readonly #keys = new SortedKeys();
  readonly #history: History;
  readonly #listeners = new Set<ChangeListener>();

  constructor(name: string, revisions: Revisions, limits: HistoryLimits, nowMs: () => number) {
    this.name = name;
    this.#revisions = revisions;
    this.#history = new History(limits, nowMs);
  }

  /** Number of objects. */
  get size(): number {
    return this.#entries.size;
  }

  /** Watches and exact lists from this revision on can be answered; older ones are gone. */
  get compactedRevision(): number {
    return this.#history.compactedRevision;
  }

  get(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  /** Stores a version, stamped with the next revision. The caller has checked all preconditions. */
  put(key: string, object: ApiObject): Entry {
    const previous = this.#entries.get(key);
    const revision = this.#revisions.next();
    const entry = new Entry(key, withMeta(object, { resourceVersion: String(revision) }), revision);
    this.#entries.set(key, entry);
    if (previous === undefined) this.#keys.add(key);
    this.#publish({ type: previous === undefined ? 'ADDED' : 'MODIFIED', revision, entry, previous });
    return entry;
  }

  /** Removes an object; `last` is the state that watchers see, re-stamped with the revision of the removal. */
  remove(key: string, last?: ApiObject): Entry | undefined {
    const previous = this.#entries.get(key);
    if (previous === undefined) return undefined;
    const revision = this.#revisions.next();
    const object = withMeta(last ?? previous.object, { resourceVersion: String(revision) });
    const entry = new Entry(key, object, revision);
    this.#entries.delete(key);
    this.#keys.remove(key);
    this.#publish({ type: 'DELETED', revision, entry, previous });
    return entry;
  }

  /** All entries, or those of one namespace, in the order of their keys. */
  list(namespace?: string): Entry[] {
    const result: Entry[] = [];
    for (const key of this.#keys.withPrefix(namespace ? `${namespace}/` : '')) {
      const entry = this.#entries.get(key);
      if (entry !== undefined) result.push(entry);
    }
    return result;
  }

  /** The same list as it was at an earlier revision; `undefined` when the history no longer reaches back that far. */
  listAt(revision: number, namespace?: string): Entry[] | undefined {
    if (revision < this.compactedRevision) return undefined;
    const undone = new Map<string, Entry | undefined>();
    for (const change of this.#history.since(revision)) {
      if (!undone.has(change.entry.key)) undone.set(change.entry.key, change.previous);
    }
    if (undone.size === 0) return this.list(namespace);
    const prefix = namespace ? `${namespace}/` : '';
    const result = this.list(namespace).filter((entry) => !undone.has(entry.key));
    for (const [key, entry] of undone) {
      if (entry !== undefined && key.startsWith(prefix)) result.push(entry);
    }
    return result.sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  /** Changes after a revision, oldest first; `undefined` when some of them have been compacted away. */
  changesSince(revision: number): readonly Change[] | undefined {
    return revision < this.compactedRevision ? undefined : this.#history.since(revision);
  }

  /** Forgets the history up to and including a revision. */
  compact(revision: number): void {
    this.#history.compact(revision);
  }

  /** Calls `listener` on every further write, in the same tick. Returns the way to stop it. */
  subscribe(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #publish(change: Change): void {
    this.#history.append(change);
    for (const listener of [...this.#listeners]) listener(change);
  }
}
