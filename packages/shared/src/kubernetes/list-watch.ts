// SPDX-License-Identifier: Apache-2.0
import { setMaxListeners } from 'node:events';
import { type Clock, delay, systemClock, type Timer } from '../runtime/clock.ts';
import { Backoff } from './backoff.ts';
import {
  ApiError,
  type ListOptions,
  NetworkError,
  type ObjectList,
  type Selection,
  type WatchEvent,
} from './client.ts';
import { isGone } from './errors.ts';
import { isOlderVersion, ObjectStore } from './object-store.ts';
import type { KubeObject } from './objects.ts';
import type { Change, Reflector, ReflectorOptions, ReflectorStats } from './reflector.ts';
import { type Resource, resourceName } from './resources.ts';
import { TokenBucket } from './token-bucket.ts';

/** First and longest pause after a failure. The longest keeps the blind time after an outage under five seconds. */
const MIN_BACKOFF_MS = 200;
const MAX_BACKOFF_MS = 2_500;
/** Longest pause when the server says no (401, 403, 404): that ends by a human hand, not by waiting. */
const MAX_REFUSED_BACKOFF_MS = 10_000;
/** However the server behaves, at most this many lists and watches: 60 a minute, after a start of 20 at once. */
const ATTEMPTS_PER_SECOND = 1;
const ATTEMPTS_BURST = 20;
/** First and longest wait for the head of an answer. */
const MIN_RESPONSE_TIMEOUT_MS = 4_000;
const MAX_RESPONSE_TIMEOUT_MS = 30_000;
const DEFAULT_MAX_IDLE_MS = 4_000;
/** A watch that lived this long, or delivered anything, was a good one. */
const GOOD_WATCH_MS = 500;
/** A connection silent for this long is in doubt when the server has just recovered. */
const DOUBT_AFTER_MS = 1_000;

/** Why we end a watch ourselves. */
class WatchGivenUp extends Error {
  readonly kind: 'stalled' | 'doubted' | 'rewound';
  constructor(kind: WatchGivenUp['kind'], message: string) {
    super(message);
    this.name = 'WatchGivenUp';
    this.kind = kind;
  }
}

/**
 * List once, then watch from the version of the list, again and again.
 *
 * Watches are long polls of a few seconds: the server ends them by itself (with a bookmark shortly before, so that the
 * version stays young, and without a new TLS handshake), hence silence beyond that time is never normal and a path or
 * server that has died without a word is found within `maxIdleMs`.
 */
export class ListWatchReflector<T extends KubeObject> implements Reflector<T> {
  readonly resource: Resource<KubeObject>;
  readonly store = new ObjectStore<T>();
  readonly #options: ReflectorOptions<T>;
  readonly #selection: Selection;
  readonly #clock: Clock;
  readonly #maxIdleMs: () => number;
  readonly #backoff: Backoff;
  readonly #budget: TokenBucket;
  readonly #listeners = new Set<(change: Change<T>) => void>();
  readonly #stats = {
    lists: 0,
    watches: 0,
    failures: 0,
    stalls: 0,
    lastError: undefined as string | undefined,
  };
  readonly #firstList = Promise.withResolvers<void>();
  #stopping: AbortController | undefined;
  #running: Promise<void> = Promise.resolve();
  /** Where the next watch begins; undefined: list first. */
  #resourceVersion: string | undefined;
  #isSynced = false;
  #heardMs = Number.NEGATIVE_INFINITY;
  #pauseUntilMs = Number.NEGATIVE_INFINITY;
  #responseTimeoutMs = MIN_RESPONSE_TIMEOUT_MS;
  /** The connection was lost since the last good watch: the server may have come back with older data. */
  #checkHistory = false;
  /** The last failure was that our version is too old. */
  #relisting = false;
  #wake: AbortController | undefined;
  #attempt: AbortController | undefined;
  #giveUp: ((reason: WatchGivenUp) => void) | undefined;

  constructor(options: ReflectorOptions<T>) {
    const { namespace, labelSelector, fieldSelector } = options;
    this.#options = options;
    this.resource = options.resource;
    this.#selection = {
      ...(namespace !== undefined && { namespace }),
      ...(labelSelector !== undefined && { labelSelector }),
      ...(fieldSelector !== undefined && { fieldSelector }),
    };
    this.#clock = options.clock ?? systemClock;
    const { maxIdleMs = DEFAULT_MAX_IDLE_MS } = options;
    this.#maxIdleMs = typeof maxIdleMs === 'function' ? maxIdleMs : () => maxIdleMs;
    const random = options.random ?? Math.random;
    this.#backoff = new Backoff({ minMs: MIN_BACKOFF_MS, maxMs: MAX_BACKOFF_MS, random });
    this.#budget = new TokenBucket(ATTEMPTS_PER_SECOND, ATTEMPTS_BURST, this.#clock.monotonicMs());
    // Whoever never asks for it must not see it fail.
    this.#firstList.promise.catch(() => {});
  }

  get isSynced(): boolean {
    return this.#isSynced;
  }

  freshnessMs(): number {
    return this.#clock.monotonicMs() - this.#heardMs;
  }

  stats(): ReflectorStats {
    const { lastError, ...counts } = this.#stats;
    return { ...counts, ...(lastError !== undefined && { lastError }) };
  }

  subscribe(listener: (change: Change<T>) => void): () => void {
    for (const object of [...this.store.values()]) this.#tell(listener, { type: 'added', object });
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async synced(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (signal === undefined) return this.#firstList.promise;
    const aborted = Promise.withResolvers<never>();
    const abort = () => aborted.reject(signal.reason);
    signal.addEventListener('abort', abort);
    try {
      await Promise.race([this.#firstList.promise, aborted.promise]);
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  start(): void {
    if (this.#stopping !== undefined) return;
    this.#stopping = new AbortController();
    setMaxListeners(0, this.#stopping.signal);
    const forget = this.#options.client.health.onRecovery(() => this.#onRecovery());
    this.#running = this.#run(this.#stopping.signal).finally(forget);
  }

  async stop(): Promise<void> {
    const reason = new Error('the reflector was stopped');
    this.#stopping?.abort(reason);
    this.#attempt?.abort(reason);
    this.#firstList.reject(
      new Error(`the reflector of ${resourceName(this.resource)} was stopped before its first list`),
    );
    await this.#running;
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#pause(signal);
      if (signal.aborted) return;
      const startMs = this.#clock.monotonicMs();
      try {
        if (this.#resourceVersion === undefined) await this.#list(signal);
        else await this.#watch(this.#resourceVersion, signal);
      } catch (error) {
        if (!signal.aborted) this.#failed(error, startMs);
      }
    }
  }

  /** Waits out backoff and budget; a recovery of the server ends the backoff, never the budget. */
  async #pause(signal: AbortSignal): Promise<void> {
    const backoffMs = this.#pauseUntilMs - this.#clock.monotonicMs();
    if (backoffMs > 0) {
      this.#wake = new AbortController();
      await delay(this.#clock, backoffMs, AbortSignal.any([signal, this.#wake.signal]));
      this.#wake = undefined;
    }
    const budgetMs = this.#budget.reserve(this.#clock.monotonicMs());
    if (budgetMs > 0) await delay(this.#clock, budgetMs, signal);
  }

  async #list(signal: AbortSignal): Promise<void> {
    const startMs = this.#clock.monotonicMs();
    const pages = await this.#pages(signal);
    const changes = this.store.replaceAll(pages.items);
    this.#resourceVersion = pages.resourceVersion;
    this.#checkHistory = false;
    this.#stats.lists += 1;
    this.#heardMs = Math.max(this.#heardMs, startMs);
    if (!this.#isSynced) {
      this.#isSynced = true;
      this.#firstList.resolve();
    }
    this.#tellAll(changes);
  }

  async #pages(signal: AbortSignal): Promise<{ items: T[]; resourceVersion: string }> {
    const { client, resource, pageSize = 500 } = this.#options;
    const items: T[] = [];
    // Page by page, so that what is left out of the store is never held for all objects at once.
    const take = (page: ObjectList<T>) => {
      for (const item of page.items) items.push(this.#transformed(item));
    };
    const call: ListOptions = {
      ...this.#selection,
      signal,
      retry: false,
      timeoutMs: this.#responseTimeoutMs,
    };
    let page = await client.list(resource, { ...call, limit: pageSize });
    take(page);
    while (page.continueToken !== undefined) {
      try {
        page = await client.list(resource, { ...call, limit: pageSize, continueToken: page.continueToken });
        take(page);
      } catch (error) {
        if (!isGone(error)) throw error;
        // The pages took longer than the server keeps history: then all at once.
        page = await client.list(resource, { ...call, timeoutMs: MAX_RESPONSE_TIMEOUT_MS });
        items.length = 0;
        take(page);
      }
    }
    return { items, resourceVersion: page.resourceVersion };
  }

  async #watch(resourceVersion: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const attempt = new AbortController();
    this.#attempt = attempt;
    const startMs = this.#clock.monotonicMs();
    const maxIdleMs = this.#maxIdleMs();
    let openedMs: number | undefined;
    let events = 0;
    let livedMs = 0;
    let idle: Timer | undefined;
    const heard = () => {
      this.#heardMs = this.#clock.monotonicMs();
      idle?.cancel();
      idle = this.#clock.setTimer(() => {
        this.#stats.stalls += 1;
        this.#options.client.health.reportFailure();
        attempt.abort(new WatchGivenUp('stalled', `nothing came for ${maxIdleMs} ms`));
      }, maxIdleMs);
    };
    this.#giveUp = (reason) => {
      const sinceMs = openedMs === undefined ? startMs : this.#heardMs;
      const silentMs = this.#clock.monotonicMs() - sinceMs;
      if (reason.kind !== 'doubted' || silentMs > DOUBT_AFTER_MS) attempt.abort(reason);
    };
    const onOpen = () => {
      openedMs = this.#clock.monotonicMs();
      heard();
      // Out of the same budget as everything else; without a token the next watch asks.
      if (this.#checkHistory && this.#budget.tryTake(openedMs))
        void this.#compareHistory(resourceVersion, attempt.signal);
    };
    this.#stats.watches += 1;
    try {
      const watch = this.#options.client.watch(this.#options.resource, {
        ...this.#selection,
        resourceVersion,
        timeoutSeconds: Math.max(1, Math.floor(maxIdleMs / 1000) - 1),
        signal: attempt.signal,
        responseTimeoutMs: this.#responseTimeoutMs,
        onOpen,
      });
      for await (const event of watch) {
        heard();
        events += 1;
        this.#good();
        this.#take(event);
      }
      this.#heardMs = this.#clock.monotonicMs();
    } finally {
      idle?.cancel();
      this.#giveUp = undefined;
      this.#attempt = undefined;
      livedMs = openedMs === undefined ? 0 : this.#clock.monotonicMs() - openedMs;
      if (livedMs >= GOOD_WATCH_MS) this.#good();
    }
    if (events === 0 && livedMs < GOOD_WATCH_MS)
      throw new NetworkError('body', false, 'the server ended the watch at once');
  }

  #take(event: WatchEvent<T>): void {
    const version = event.object.metadata?.resourceVersion ?? '';
    if (this.#resourceVersion !== undefined && isOlderVersion(version, this.#resourceVersion)) {
      throw new WatchGivenUp(
        'rewound',
        `version ${version} after ${this.#resourceVersion}: the data is older than before`,
      );
    }
    this.#resourceVersion = version;
    if (event.type === 'BOOKMARK') return;
    const object = this.#transformed(event.object);
    this.#tellAll(event.type === 'DELETED' ? this.store.remove(object) : this.store.put(object));
  }

  /**
   * After an outage: a server whose data was restored from a backup would keep quiet on a watch from our version until
   * its own numbers have caught up.
   */
  async #compareHistory(resourceVersion: string, signal: AbortSignal): Promise<void> {
    const { client, resource } = this.#options;
    try {
      const list = await client.list(resource, { ...this.#selection, limit: 1, signal, retry: false });
      this.#checkHistory = false;
      if (isOlderVersion(list.resourceVersion, resourceVersion)) {
        const message = `the server is at version ${list.resourceVersion}, we have seen ${resourceVersion}`;
        this.#giveUp?.(new WatchGivenUp('rewound', message));
      }
    } catch (error) {
      // The next watch asks again.
      this.#options.logger.debug(
        { err: error, resource: resourceName(this.resource) },
        'history not compared',
      );
    }
  }

  /** The server works: forget earlier trouble. */
  #good(): void {
    if (this.#backoff.failures > 0) {
      this.#options.logger.info({ resource: resourceName(this.resource) }, 'watching again');
    }
    this.#backoff.reset();
    this.#relisting = false;
    this.#responseTimeoutMs = MIN_RESPONSE_TIMEOUT_MS;
  }

  #failed(error: unknown, startMs: number): void {
    const message = error instanceof Error ? error.message : String(error);
    this.#stats.failures += 1;
    this.#stats.lastError = message;
    const relist = isGone(error) || (error instanceof WatchGivenUp && error.kind === 'rewound');
    // The server works, only our version is too old: no reason to wait, unless the list does not help.
    const first = relist && !this.#relisting;
    this.#relisting = relist;
    if (relist) this.#resourceVersion = undefined;
    if (error instanceof NetworkError && !error.timedOut) this.#checkHistory = true;
    // A connection that opened but said nothing may be a slow server, so the next wait is longer. One that did not
    // even open says nothing about the server's speed.
    if (error instanceof NetworkError && error.timedOut && error.phase !== 'connect') {
      this.#responseTimeoutMs = Math.min(this.#responseTimeoutMs * 1.5, MAX_RESPONSE_TIMEOUT_MS);
    }
    const routine = error instanceof WatchGivenUp ? error.kind !== 'rewound' : this.#backoff.failures > 0;
    const level = routine ? 'debug' : isGone(error) ? 'info' : 'warn';
    const fields = {
      resource: resourceName(this.resource),
      error: message,
      failures: this.#backoff.failures,
    };
    this.#options.logger[level](fields, 'list and watch failed; trying again');
    // A wait that ran out was pause enough, so pauses count from the start of the try.
    if (error instanceof WatchGivenUp || first) return;
    this.#pauseUntilMs = Math.max(startMs + this.#nextPauseMs(error), this.#clock.monotonicMs() + 50);
  }

  #nextPauseMs(error: unknown): number {
    if (!(error instanceof ApiError)) return this.#backoff.next();
    const refused = [401, 403, 404].includes(error.statusCode);
    const pauseMs = refused ? this.#backoff.next(MAX_REFUSED_BACKOFF_MS) : this.#backoff.next();
    return Math.max(pauseMs, Math.min(error.retryAfterMs ?? 0, MAX_BACKOFF_MS));
  }

  #onRecovery(): void {
    this.#wake?.abort();
    this.#giveUp?.(new WatchGivenUp('doubted', 'the server has recovered, the connection is from before'));
  }

  #transformed(object: T): T {
    return this.#options.transform ? this.#options.transform(object) : object;
  }

  #tellAll(changes: readonly Change<T>[]): void {
    for (const change of changes) {
      for (const listener of [...this.#listeners]) this.#tell(listener, change);
    }
  }

  #tell(listener: (change: Change<T>) => void, change: Change<T>): void {
    try {
      listener(change);
    } catch (error) {
      this.#options.logger.error({ err: error, resource: resourceName(this.resource) }, 'a listener failed');
    }
  }
}
