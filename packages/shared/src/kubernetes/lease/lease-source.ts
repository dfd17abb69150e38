// SPDX-License-Identifier: Apache-2.0
import { joinKey, keyOf, type Lease } from '../objects.ts';
import type { Change, Reflector } from '../reflector.ts';

type Listener = (lease: Lease | undefined) => void;

/** One subscription per reflector, however many Leases are contended for through it. */
const hubs = new WeakMap<Reflector<Lease>, Map<string, Set<Listener>>>();

/** Tells `listener` each new state of one Lease (undefined: deleted). Returns the unsubscriber. */
export function followLease(
  source: Reflector<Lease>,
  namespace: string,
  name: string,
  listener: Listener,
): () => void {
  const key = joinKey(namespace, name);
  const hub = hubOf(source);
  const listeners = hub.get(key) ?? new Set();
  hub.set(key, listeners);
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) hub.delete(key);
  };
}

function hubOf(source: Reflector<Lease>): Map<string, Set<Listener>> {
  let hub = hubs.get(source);
  if (hub === undefined) {
    const created = new Map<string, Set<Listener>>();
    hub = created;
    hubs.set(source, created);
    source.subscribe((change: Change<Lease>) => {
      const lease = change.type === 'deleted' ? undefined : change.object;
      for (const listener of [...(created.get(keyOf(change.object)) ?? [])]) listener(lease);
    });
  }
  return hub;
}
