// SPDX-License-Identifier: Apache-2.0
import { joinKey, keyOf, type Lease } from '@fairlead/shared/kubernetes/objects.ts';
import type { Change, Reflector } from '@fairlead/shared/kubernetes/reflector.ts';

type Listener = (change: Change<Lease>) => void;

/**
 * One watch of all Leases, shared by many contenders: each gets a view that tells it of its own Lease only. With a
 * thousand contenders on the bare reflector every renewal in the cluster would wake all of them.
 */
export class LeaseSource {
  readonly #reflector: Reflector<Lease>;
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #unsubscribe: () => void;

  constructor(reflector: Reflector<Lease>) {
    this.#reflector = reflector;
    this.#unsubscribe = reflector.subscribe((change) => {
      for (const listener of [...(this.#listeners.get(keyOf(change.object)) ?? [])]) listener(change);
    });
  }

  /** A reflector that shows the changes of this one Lease. Starting and stopping it does nothing. */
  view(namespace: string, name: string): Reflector<Lease> {
    const reflector = this.#reflector;
    const key = joinKey(namespace, name);
    return {
      resource: reflector.resource,
      store: reflector.store,
      subscribe: (listener) => this.#subscribe(key, namespace, name, listener),
      start: () => undefined,
      stop: () => Promise.resolve(),
      synced: (signal) => reflector.synced(signal),
      get isSynced() {
        return reflector.isSynced;
      },
      freshnessMs: () => reflector.freshnessMs(),
      stats: () => reflector.stats(),
    };
  }

  /** Ends the subscription; the reflector runs on. */
  close(): void {
    this.#unsubscribe();
    this.#listeners.clear();
  }

  #subscribe(key: string, namespace: string, name: string, listener: Listener): () => void {
    const listeners = this.#listeners.get(key) ?? new Set<Listener>();
    this.#listeners.set(key, listeners.add(listener));
    const known = this.#reflector.store.get(namespace, name);
    if (known !== undefined) listener({ type: 'added', object: known });
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(key) === listeners) this.#listeners.delete(key);
    };
  }
}
