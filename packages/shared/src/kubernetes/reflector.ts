// SPDX-License-Identifier: Apache-2.0
import type { Logger } from 'pino';
import type { Clock } from '../runtime/clock.ts';
import type { KubeClient, Selection } from './client.ts';
import type { KubeObject } from './objects.ts';
import type { Resource } from './resources.ts';

/** A difference between two states of the cluster, as seen through one reflector. */
export type Change<T> =
  | { readonly type: 'added'; readonly object: T }
  | { readonly type: 'updated'; readonly object: T; readonly previous: T }
  /** `object` is the last state known. */
  | { readonly type: 'deleted'; readonly object: T };

/** The objects as last seen. They are shared: copy (`draft`) before changing one. */
export interface ReadonlyStore<T> {
  get(namespace: string | undefined, name: string): T | undefined;
  values(): Iterable<T>;
  readonly size: number;
}

/** A local copy of a resource, kept up to date by list and watch. */
export interface Reflector<T> {
  readonly resource: Resource<KubeObject>;
  readonly store: ReadonlyStore<T>;
  /**
   * Told of each change, after the store has it, in the order of the API server. Who subscribes late first gets an
   * `added` for each object that is there, before this call returns. Returns the unsubscriber.
   */
  subscribe(listener: (change: Change<T>) => void): () => void;
  start(): void;
  /** Ends list and watch; the store keeps its last state. */
  stop(): Promise<void>;
  /** Resolves when the first list is in the store; rejects when `signal` is aborted. */
  synced(signal?: AbortSignal): Promise<void>;
  readonly isSynced: boolean;
  /** How long ago the server last showed that our copy is current; Infinity before the first list. */
  freshnessMs(): number;
  stats(): ReflectorStats;
}

/** Counters since start, for metrics and tests. */
export interface ReflectorStats {
  /** Complete lists. */
  readonly lists: number;
  /** Watches asked for. */
  readonly watches: number;
  /** Watches that ended otherwise than at the time agreed with the server. */
  readonly failures: number;
  /** Watches given up because nothing came for `maxIdleMs`. */
  readonly stalls: number;
  readonly lastError?: string;
}

/** What `createReflector` needs. */
export interface ReflectorOptions<T extends KubeObject> extends Selection {
  readonly client: KubeClient;
  readonly resource: Resource<T>;
  readonly logger: Logger;
  readonly clock?: Clock;
  /** [0, 1). */
  readonly random?: () => number;
  /** Applied before an object enters the store, e.g. to leave out what nobody reads. */
  readonly transform?: (object: T) => T;
  /**
   * A watch that delivered nothing for this long is not trusted any more. Default 4,000. A function is asked when a watch
   * begins. Each watch is a request about as often, even when nothing ever changes.
   */
  readonly maxIdleMs?: number | (() => number);
  /** Page size of lists. Default 500. */
  readonly pageSize?: number;
}
