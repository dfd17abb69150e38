// SPDX-License-Identifier: Apache-2.0
import { type KubeObject, keyOf } from '@fairlead/shared/kubernetes/objects.ts';
import type { Change, Reflector } from '@fairlead/shared/kubernetes/reflector.ts';
import type { Clock } from '@fairlead/shared/runtime/clock.ts';
import { apiTime } from '../model/conditions.ts';

/** How long an own write that the watch never confirmed is believed. */
const UNCONFIRMED_LIMIT_MS = 30_000;
/** How long the uid of a deleted object is remembered, so that a late answer to a write does not bring it back. */
const GRAVE_MS = 60_000;

/** Told about each change, after the view has it. */
export type ViewListener<T> = (change: Change<T>) => void;

/**
 * A reflector's store that reads its own writes: what a controller has just created, changed or deleted is visible to
 * its next decision although the watch has not brought it yet. Without that, a controller would create its pods twice.
 */
export class View<T extends KubeObject> {
  readonly #reflector: Reflector<T>;
  readonly #clock: Clock;
  readonly #namespaces = new Map<string, Map<string, T>>();
  readonly #unconfirmed = new Map<string, { readonly uid: string; readonly sinceMs: number }>();
  readonly #graves = new Map<string, number>();
  readonly #listeners: ViewListener<T>[] = [];

  constructor(reflector: Reflector<T>, clock: Clock) {
    this.#reflector = reflector;
    this.#clock = clock;
  }

  /** Starts the reflector. */
  start(): void {
    this.#reflector.subscribe((change) => this.#onChange(change));
    this.#reflector.start();
  }

  /** Resolves when the first list is in. */
  synced(signal: AbortSignal): Promise<void> {
    return this.#reflector.synced(signal);
  }

  /** Stops the reflector. */
  stop(): Promise<void> {
    return this.#reflector.stop();
  }

  /** Adds a listener; call before {@link start}. */
  subscribe(listener: ViewListener<T>): void {
    this.#listeners.push(listener);
  }

  /** One object; `namespace` is '' for cluster-scoped ones. */
  get(namespace: string, name: string): T | undefined {
    return this.#namespaces.get(namespace)?.get(name);
  }

  /** All objects of a namespace. */
  inNamespace(namespace: string): Iterable<T> {
    return this.#namespaces.get(namespace)?.values() ?? [];
  }

  /** All objects. */
  *values(): Iterable<T> {
    for (const objects of this.#namespaces.values()) yield* objects.values();
  }

  /** Objects of a namespace that we wrote and the watch has not brought yet. */
  *unconfirmed(namespace: string): Iterable<T> {
    for (const key of this.#unconfirmed.keys()) {
      if (!key.startsWith(`${namespace}/`)) continue;
      const object = this.get(namespace, key.slice(namespace.length + 1));
      if (object !== undefined) yield object;
    }
  }

  /** Takes in the answer to a write of ours. */
  wrote(object: T): void {
    const uid = object.metadata?.uid ?? '';
    if (this.#graves.has(uid)) return;
    const current = this.#find(object);
    if (current !== undefined && !isNewer(object, current)) return;
    this.#put(object);
    this.#unconfirmed.set(keyOf(object), { uid, sinceMs: this.#clock.monotonicMs() });
  }

  /** Believes a change that the API accepted without returning the object (a binding). The next watch event replaces it. */
  assume(object: T): void {
    if (this.#find(object)?.metadata?.uid === object.metadata?.uid) this.#put(object);
  }

  /** Believes that an object is being deleted. */
  assumeDeleted(object: T): void {
    const current = this.#find(object);
    if (current === undefined || current.metadata?.uid !== object.metadata?.uid) return;
    if (current.metadata?.deletionTimestamp !== undefined) return;
    this.#put({
      ...current,
      metadata: { ...current.metadata, deletionTimestamp: apiTime(this.#clock.wallMs()) },
    });
  }

  /** Forgets own writes that the watch never confirmed, and old graves. Call every few seconds. */
  sweep(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [uid, buriedMs] of this.#graves) {
      if (nowMs - buriedMs > GRAVE_MS) this.#graves.delete(uid);
    }
    for (const [key, { uid, sinceMs }] of this.#unconfirmed) {
      if (nowMs - sinceMs < UNCONFIRMED_LIMIT_MS) continue;
      this.#unconfirmed.delete(key);
      const slash = key.indexOf('/');
      const namespace = slash < 0 ? '' : key.slice(0, slash);
      const name = key.slice(slash + 1);
      const ours = this.get(namespace, name);
      if (ours?.metadata?.uid !== uid) continue;
      const known = this.#reflector.store.get(namespace === '' ? undefined : namespace, name);
      if (known !== undefined) this.#put(known);
      else if (this.#reflector.isSynced) {
        this.#drop(ours);
        this.#tell({ type: 'deleted', object: ours });
      }
    }
  }

  #onChange(change: Change<T>): void {
    const { object } = change;
    const current = this.#find(object);
    const sameObject = current?.metadata?.uid === object.metadata?.uid;
    if (change.type === 'deleted') {
      this.#graves.set(object.metadata?.uid ?? '', this.#clock.monotonicMs());
      if (sameObject) this.#drop(object);
    } else {
      if (sameObject && current !== undefined && isNewer(current, object)) return;
      this.#unconfirmed.delete(keyOf(object));
      this.#put(object);
    }
    this.#tell(change);
  }

  #tell(change: Change<T>): void {
    for (const listener of this.#listeners) listener(change);
  }

  #find(object: T): T | undefined {
    return this.get(object.metadata?.namespace ?? '', object.metadata?.name ?? '');
  }

  #put(object: T): void {
    const namespace = object.metadata?.namespace ?? '';
    const objects = this.#namespaces.get(namespace) ?? new Map<string, T>();
    objects.set(object.metadata?.name ?? '', object);
    this.#namespaces.set(namespace, objects);
  }

  #drop(object: T): void {
    const namespace = object.metadata?.namespace ?? '';
    const objects = this.#namespaces.get(namespace);
    objects?.delete(object.metadata?.name ?? '');
    if (objects?.size === 0) this.#namespaces.delete(namespace);
    this.#unconfirmed.delete(keyOf(object));
  }
}

/** Whether the left version is later. Resource versions of one API server count up (KEP-5504 makes that official). */
export function isNewer(left: KubeObject, right: KubeObject): boolean {
  const a = left.metadata?.resourceVersion ?? '';
  const b = right.metadata?.resourceVersion ?? '';
  if (!/^\d+$/.test(a) || !/^\d+$/.test(b)) return a !== b;
  return BigInt(a) > BigInt(b);
}
