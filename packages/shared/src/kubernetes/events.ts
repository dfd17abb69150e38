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
/** Events that wait to be written; more are dropped, because they must never become a burden themselves. */
const QUEUE_LIMIT = 1_000;
const TRIES = 4;
/** After a refusal by RBAC, ask again this much later: roles get repaired. */
const FORBIDDEN_PAUSE_MS = 300_000;

interface Entry {
  readonly about: ObjectReference;
  readonly type: string;
  readonly reason: string;
  readonly series: Series;
}

class ApiEventRecorder implements EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #clock: Clock;
  readonly #correlator = new EventCorrelator();
  readonly #queue: Entry[] = [];
  #writing: Promise<void> | undefined;
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
    if (this.#queue.length >= QUEUE_LIMIT) {
      this.#dropped += 1;
      return;
    }
    this.#queue.push({ about: reference, type, reason, series });
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined;
    });
  }

  async flush(): Promise<void> {
    await this.#writing;
  }

  async #writeAll(): Promise<void> {
    for (let entry = this.#queue.shift(); entry !== undefined; entry = this.#queue.shift()) {
      await this.#write(entry);
    }
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
    this.#queue.length = 0;
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
