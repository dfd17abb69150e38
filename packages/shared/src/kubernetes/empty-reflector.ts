// SPDX-License-Identifier: Apache-2.0
import type { KubeObject } from './objects.ts';
import type { Reflector } from './reflector.ts';
import type { Resource } from './resources.ts';

/** A copy without objects that is always current, for who does not want any: the server is asked for nothing. */
export function emptyReflector<T extends KubeObject>(resource: Resource<T>): Reflector<T> {
  return {
    resource,
    store: { get: () => undefined, values: () => [], size: 0 },
    subscribe: () => () => undefined,
    start: () => undefined,
    stop: () => Promise.resolve(),
    synced: () => Promise.resolve(),
    isSynced: true,
    freshnessMs: () => 0,
    stats: () => ({ lists: 0, watches: 0, failures: 0, stalls: 0 }),
  };
}
