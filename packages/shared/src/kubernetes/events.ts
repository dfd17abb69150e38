// SPDX-License-Identifier: Apache-2.0
import type { Logger } from 'pino';
import { type Clock, delay, systemClock } from '../runtime/clock.ts';
import { Backoff } from './backoff.ts';
import { ApiError, isForbidden, isNotFound, type KubeClient } from './client.ts';
import { cutToBytes, EventCorrelator, type Series } from './event-correlation.ts';
import type { CoreEvent, KubeObject, ObjectReference } from './objects.ts';
import { EVENTS } from './resources.ts';

/** Writes Events about objects (`kubectl describe` shows them). Never throws, never makes the caller wait. */
export interface EventRecorder {
  /**
   * @param about object the Event is about; needs `apiVersion`, `kind`, `metadata.name`
   * @param reason stable code, see REASON in contract.ts
   * @param message sentence for people; cut at 1,024 bytes
   */
  event(
    about: KubeObject & { readonly kind?: string; readonly apiVersion?: string },
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
  ): void;
  /** Resolves when all Events so far are written or given up. */
  flush(): Promise<void>;
}

/** What {@link createEventRecorder} needs. */
export interface EventRecorderOptions {
  readonly client: KubeClient;
  /** Name of the program, see COMPONENT in contract.ts. */
  readonly component: string;
  /** Node the program runs on. */
  readonly host?: string;
  readonly logger: Logger;
  readonly clock?: Clock;
}

/** Makes a recorder. */
export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  return new ApiEventRecorder(options);
}

/** Limit of the API for `message` (it is one for `note` of events.k8s.io). */
const MESSAGE_BYTES = 1_024;
/**
 * Events that wait to be written: two for each Service of a large cluster, all created at once. More are dropped, because
 * they must never become a burden themselves.
 */
const QUEUE_LIMIT = 25_000;
/**
 * Events under way at the same time: enough for some hundred a second even when each takes ten milliseconds, and fewer
 * than the writes they tell of, so that those come first when the server is busy.
 */
const WIDTH = 4;
const TRIES = 4;
/** After a refusal by RBAC, ask again this much later: roles get repaired. */
const FORBIDDEN_PAUSE_MS = 300_000;

interface Entry {
  /** Identity of the object: its Events are written one after the other. */
  readonly object: string;
  readonly about: ObjectReference;
  readonly type: string;
  readonly reason: string;
  readonly series: Series;
}

class ApiEventRecorder implements EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #clock: Clock;
  readonly #correlator = new EventCorrelator();
  /** What waits, by object, in order of arrival. */
  readonly #queue = new Map<string, Entry[]>();
  #queued = 0;
  /** Objects with an Event under way. */
  readonly #active = new Set<string>();
  readonly #writers = new Set<Promise<void>>();
  /** Writers that will still look for more. */
  #running = 0;
  #forbiddenUntilMs = Number.NEGATIVE_INFINITY;
  #warnedForbidden = false;
  #dropped = 0;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  event(about: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string): void {
    if (this.#clock.monotonicMs() < this.#forbiddenUntilMs) return;
    const reference = referenceTo(about);
    const identity = JSON.stringify([reference.kind, reference.namespace, reference.name, reference.uid]);
    const series = this.#correlator.take({ about: identity, type, reason, message }, this.#clock.wallMs());
    if (series === undefined) return;
    if (this.#queued >= QUEUE_LIMIT) {
      this.#dropped += 1;
      return;
    }
    this.#enqueue({ object: identity, about: reference, type, reason, series });
    if (this.#running >= WIDTH || this.#active.has(identity)) return;
    const writer = this.#writeAll().finally(() => this.#writers.delete(writer));
    this.#writers.add(writer);
  }

  async flush(): Promise<void> {
    await Promise.all(this.#writers);
  }

  #enqueue(entry: Entry): void {
    const waiting = this.#queue.get(entry.object);
    if (waiting === undefined) this.#queue.set(entry.object, [entry]);
    else waiting.push(entry);
    this.#queued += 1;
  }

  /** The next Event of the object that has waited longest and has none under way. */
  #dequeue(): Entry | undefined {
    for (const [object, entries] of this.#queue) {
      if (this.#active.has(object)) continue;
      const entry = entries.shift();
      this.#queue.delete(object);
      if (entry === undefined) continue;
      // Behind the others: an object with many Events must not keep them waiting.
      if (entries.length > 0) this.#queue.set(object, entries);
      this.#queued -= 1;
      return entry;
    }
    return undefined;
  }

  async #writeAll(): Promise<void> {
    this.#running += 1;
    for (let entry = this.#dequeue(); entry !== undefined; entry = this.#dequeue()) {
      this.#active.add(entry.object);
      await this.#write(entry);
      this.#active.delete(entry.object);
    }
    this.#running -= 1;
    if (this.#dropped > 0) {
      this.#options.logger.warn({ dropped: this.#dropped }, 'Events were dropped: too many at once');
      this.#dropped = 0;
    }
  }

  async #write(entry: Entry): Promise<void> {
    const backoff = new Backoff({ minMs: 500, maxMs: 5_000, random: Math.random });
    for (;;) {
      try {
        await this.#send(entry);
        this.#warnedForbidden = false;
        return;
      } catch (error) {
        const refused = error instanceof ApiError && error.statusCode < 500 && error.statusCode !== 429;
        if (refused || backoff.failures + 1 >= TRIES) {
          this.#givenUp(entry, error);
          return;
        }
        await delay(this.#clock, backoff.next());
      }
    }
  }

  async #send(entry: Entry): Promise<void> {
    const { client } = this.#options;
    const { key, count, message, lastMs } = entry.series;
    const namespace = entry.about.namespace ?? 'default';
    const name = this.#correlator.nameOf(key);
    if (name !== undefined) {
      const body = { count, message: cutToBytes(message, MESSAGE_BYTES), lastTimestamp: isoSeconds(lastMs) };
      try {
        await client.patch(EVENTS, { namespace, name }, body, { type: 'merge' });
        return;
      } catch (error) {
        // It has expired; a new one takes its place.
        if (!isNotFound(error)) throw error;
      }
    }
    const created = await client.create(EVENTS, this.#toEvent(entry, namespace));
    this.#correlator.created(key, created.metadata?.name ?? '');
  }

  #toEvent(entry: Entry, namespace: string): CoreEvent {
    const { component, host } = this.#options;
    const { series, about, type, reason } = entry;
    const suffix = `.${BigInt(Math.round(series.lastMs * 1e6) + Math.floor(Math.random() * 1e6)).toString(16)}`;
    return {
      metadata: { namespace, name: `${(about.name ?? '').slice(0, 253 - suffix.length)}${suffix}` },
      involvedObject: about,
      type,
      reason,
      message: cutToBytes(series.message, MESSAGE_BYTES),
      source: { component, ...(host !== undefined && { host }) },
      reportingComponent: component,
      reportingInstance: host ?? component,
      firstTimestamp: isoSeconds(series.firstMs),
      lastTimestamp: isoSeconds(series.lastMs),
      count: series.count,
    };
  }

  #givenUp(entry: Entry, error: unknown): void {
    const { logger } = this.#options;
    this.#correlator.forget(entry.series.key);
    // A namespace that is being deleted refuses new objects with 403, too; that is no matter of roles.
    const ending = isForbidden(error) && /being terminated/.test(error.message);
    if (!isForbidden(error) || ending) {
      logger[ending || isNotFound(error) ? 'debug' : 'warn'](
        { err: error, reason: entry.reason },
        'Event not written',
      );
      return;
    }
    this.#forbiddenUntilMs = this.#clock.monotonicMs() + FORBIDDEN_PAUSE_MS;
    this.#queue.clear();
    this.#queued = 0;
    if (this.#warnedForbidden) return;
    this.#warnedForbidden = true;
    logger.warn(
      { error: error.message },
      'Events are switched off: our role does not allow to create or patch events; everything else works',
    );
  }
}

function referenceTo(about: KubeObject): ObjectReference {
  const { namespace, name, uid, resourceVersion } = about.metadata ?? {};
  return {
    ...(about.apiVersion !== undefined && { apiVersion: about.apiVersion }),
    ...(about.kind !== undefined && { kind: about.kind }),
    ...(namespace !== undefined && { namespace }),
    ...(name !== undefined && { name }),
    ...(uid !== undefined && { uid }),
    ...(resourceVersion !== undefined && { resourceVersion }),
  };
}

/** meta/v1 Time has whole seconds. */
function isoSeconds(wallMs: number): string {
  return new Date(wallMs).toISOString().replace(/\.\d+Z$/, 'Z');
}
