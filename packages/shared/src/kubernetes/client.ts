// SPDX-License-Identifier: Apache-2.0
import type { KubeObject } from './objects.ts';
import type { Resource } from './resources.ts';
import type { ServerHealth } from './server-health.ts';

export * from './errors.ts';

/** Names one object; `namespace` only for namespaced resources. */
export interface ObjectRef {
  readonly namespace?: string;
  readonly name: string;
}

/** Limits of one call. */
export interface CallOptions {
  /** Whole time for the call, waiting for the rate limit and retries included. Default: the client's. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Do not wait for the client-side rate limit (Lease renewals, which must not queue behind bulk work). */
  readonly urgent?: boolean;
  /** False: hand 429 and 503 to the caller at once instead of waiting as the server asked. Default true. */
  readonly retry?: boolean;
}

/** Which objects of a resource. Without `namespace`: of all namespaces. */
export interface Selection {
  readonly namespace?: string;
  /** As in `kubectl -l`. */
  readonly labelSelector?: string;
  /** As in `kubectl --field-selector`. */
  readonly fieldSelector?: string;
}

/** See https://kubernetes.io/docs/reference/using-api/api-concepts/ for what the API makes of these. */
export interface ListOptions extends Selection, CallOptions {
  /** Page size; then `continueToken` of the answer leads to the next page. */
  readonly limit?: number;
  readonly continueToken?: string;
  /** Unset: the newest state. '0': any state the server has in memory. */
  readonly resourceVersion?: string;
}

/** One page of a list; its items carry `apiVersion` and `kind`. */
export interface ObjectList<T> {
  readonly items: readonly T[];
  readonly resourceVersion: string;
  readonly continueToken?: string;
}

/** What to watch and from where; the watch ends by itself after `timeoutSeconds`. */
export interface WatchOptions extends Selection {
  readonly resourceVersion: string;
  readonly timeoutSeconds: number;
  readonly signal: AbortSignal;
  /** Longest wait for the head of the answer. Default: the client's request timeout. */
  readonly responseTimeoutMs?: number;
  /** The server began to answer: from here on silence means that nothing happened. */
  readonly onOpen?: () => void;
}

/** One line of a watch. `BOOKMARK` objects carry only a resourceVersion. */
export interface WatchEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: T;
}

/** How PATCH bodies are meant. */
export interface PatchOptions extends CallOptions {
  readonly type: 'json' | 'merge' | 'strategic' | 'apply';
  readonly subresource?: string;
  /** Required for `apply`. */
  readonly fieldManager?: string;
  /** Take fields from other managers (`apply` only). */
  readonly force?: boolean;
}

/** Preconditions and manner of a deletion. */
export interface RemoveOptions extends CallOptions {
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: 'Orphan' | 'Background' | 'Foreground';
}

/**
 * The API server as we use it: raw JSON in, raw JSON out. Every method rejects with {@link ApiError} when the server
 * refused, with {@link NetworkError} when there was no usable answer, and with the signal's reason when aborted.
 */
export interface KubeClient {
  /** URL of the server. */
  readonly server: string;
  /** What the users of this client know together about the server. */
  readonly health: ServerHealth;
  get<T extends KubeObject>(resource: Resource<T>, ref: ObjectRef, options?: CallOptions): Promise<T>;
  list<T extends KubeObject>(resource: Resource<T>, options?: ListOptions): Promise<ObjectList<T>>;
  /** POST; `metadata.generateName` works. */
  create<T extends KubeObject>(resource: Resource<T>, object: T, options?: CallOptions): Promise<T>;
  /** PUT. With `metadata.resourceVersion` it is a compare-and-swap: the server refuses when the object has changed. */
  replace<T extends KubeObject>(
    resource: Resource<T>,
    object: T,
    options?: CallOptions & { readonly subresource?: 'status' },
  ): Promise<T>;
  patch<T extends KubeObject>(
    resource: Resource<T>,
    ref: ObjectRef,
    body: unknown,
    options: PatchOptions,
  ): Promise<T>;
  remove(resource: Resource<KubeObject>, ref: ObjectRef, options?: RemoveOptions): Promise<void>;
  /** POST to a sub-resource, e.g. `serviceaccounts/token`, `pods/binding`. */
  createSubresource<T>(
    resource: Resource<KubeObject>,
    ref: ObjectRef,
    subresource: string,
    body: unknown,
    options?: CallOptions,
  ): Promise<T>;
  /**
   * Events from `resourceVersion` on, bookmarks included, until the server ends the watch. An event of type ERROR is
   * thrown as {@link ApiError} (410: list again), a line that is no event as {@link ProtocolError}.
   */
  watch<T extends KubeObject>(resource: Resource<T>, options: WatchOptions): AsyncIterable<WatchEvent<T>>;
  /** GET of any path as text, e.g. `/version`. */
  getText(path: string, options?: CallOptions): Promise<string>;
  /** Ends all connections; calls under way fail. */
  close(): void;
}

/** How to find and enter the cluster. Without `kubeconfig` and `inCluster`: as kubectl does, then in-cluster. */
export interface ConnectOptions {
  /** Path of a kubeconfig file. */
  readonly kubeconfig?: string;
  /** Context in the kubeconfig instead of its current one. */
  readonly context?: string;
  /** URL that replaces the server of the kubeconfig. */
  readonly server?: string;
  /** Name that the server's certificate must have, where that is not the host of its URL. */
  readonly serverName?: string;
  /** Use the Pod's service account. */
  readonly inCluster?: boolean;
  /** Default time limit of a call. Default 10,000. */
  readonly requestTimeoutMs?: number;
  readonly userAgent?: string;
  /** Client-side rate limit: calls per second, sustained. Default 100. */
  readonly qps?: number;
  /** Calls that may be made at once before the limit bites. Default 250. */
  readonly burst?: number;
}
