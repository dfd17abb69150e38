// SPDX-License-Identifier: Apache-2.0
import { type JsonObject, withMeta } from '../api/objects.ts';
import { expired } from '../api/status.ts';
import type { Exchange } from '../http/exchange.ts';
import type { Change, ChangeType, Collection } from '../store/collection.ts';
import { Entry } from '../store/entry.ts';
import type { Store } from '../store/store.ts';
import type { ListOptions } from './list-options.ts';
import type { Representation } from './representation.ts';
import { WatchStream, type WatchStreams } from './watch-stream.ts';

/** How often a quiet watch tells how far it is, when the client allows bookmarks. */
const BOOKMARK_INTERVAL_MS = 60_000;
/** The last bookmark comes this long before the server ends a watch. */
const LAST_BOOKMARK_LEAD_MS = 2_000;
/** Without `timeoutSeconds` a watch lasts between this and twice as long. */
const MIN_TIMEOUT_SECONDS = 1_800;

/** What a watch works on. */
export interface WatchRequest {
  readonly store: Store;
  readonly collection: Collection;
  /** '' for all. */
  readonly namespace: string;
  readonly options: ListOptions;
  readonly representation: Representation;
  readonly random: () => number;
}

/**
 * Texts of the change that is being written, so that each is made once however many watch it. Only the latest change
 * is kept: all watchers are told in the same tick, and a replay can afford to make them again.
 */
let latest: { readonly change: Change; readonly texts: Map<string, string> } | undefined;

/** Serves a watch until the client goes, the time is up, or the stream is cut. */
export function serveWatch(exchange: Exchange, request: WatchRequest, streams: WatchStreams): void {
  const { response } = exchange;
  response.writeHead(200, {
    'Content-Type': 'application/json',
    'Cache-Control': 'no-cache, private',
    'Transfer-Encoding': 'chunked',
  });
  response.flushHeaders();
  const watch = new Watch(request, new WatchStream(response));
  streams.add(watch.stream);
  watch.start();
  response.on('close', () => {
    watch.stop();
    streams.delete(watch.stream);
  });
}

class Watch {
  readonly stream: WatchStream;
  readonly #request: WatchRequest;
  readonly #prefix: string;
  readonly #timers: NodeJS.Timeout[] = [];
  #unsubscribe: (() => void) | undefined;

  constructor(request: WatchRequest, stream: WatchStream) {
    this.#request = request;
    this.stream = stream;
    this.#prefix = request.namespace === '' ? '' : `${request.namespace}/`;
  }

  start(): void {
    if (!this.#sendPast()) {
      this.stream.end();
      return;
    }
    this.#unsubscribe = this.#request.collection.subscribe((change) => this.#send(change));
    this.#startTimers();
  }

  stop(): void {
    this.#unsubscribe?.();
    for (const timer of this.#timers) clearTimeout(timer);
  }

  /** State or history before the first live event. False when the history asked for is gone. */
  #sendPast(): boolean {
    const { store, collection, options, representation } = this.#request;
    const from = options.resourceVersion ?? 0;
    const wantsState = options.sendInitialEvents ?? from === 0;
    if (!wantsState) {
      const changes = from === 0 ? [] : collection.changesSince(from);
      if (changes === undefined) {
        const error = expired(`too old resource version: ${from} (${collection.compactedRevision + 1})`);
        this.#write('ERROR', JSON.stringify(error.toStatus()));
        return false;
      }
      for (const change of changes) this.#send(change);
      return true;
    }
    for (const entry of collection.list(this.#request.namespace)) {
      if (options.matches === undefined || options.matches(entry)) {
        this.#write('ADDED', representation.single(entry));
      }
    }
    if (options.sendInitialEvents && options.allowWatchBookmarks) {
      this.#bookmark(store.revision, { annotations: { 'k8s.io/initial-events-end': 'true' } });
    }
    return true;
  }

  #startTimers(): void {
    const { options, store, random } = this.#request;
    const seconds = options.timeoutSeconds || MIN_TIMEOUT_SECONDS * (1 + random());
    const timeoutMs = seconds * 1000;
    this.#timers.push(setTimeout(() => this.stream.end(), timeoutMs));
    if (!options.allowWatchBookmarks) return;
    const bookmark = () => {
      // A bookmark while events are kept back would promise what has not been sent.
      if (!this.stream.isHeld) this.#bookmark(store.revision, {});
    };
    this.#timers.push(setInterval(bookmark, BOOKMARK_INTERVAL_MS));
    this.#timers.push(setTimeout(bookmark, Math.max(timeoutMs - LAST_BOOKMARK_LEAD_MS, timeoutMs / 2)));
  }

  #bookmark(revision: number, metadata: JsonObject): void {
    const object = this.#request.representation.empty({ resourceVersion: String(revision), ...metadata });
    this.#write('BOOKMARK', object);
  }

  /** Translates a change for this watch: entering or leaving the selection looks like a create or a delete. */
  #send(change: Change): void {
    if (this.#prefix !== '' && !change.entry.key.startsWith(this.#prefix)) return;
    // A watch from a version that is still to come begins after it.
    if (change.revision <= (this.#request.options.resourceVersion ?? 0)) return;
    const { matches, representation } = { ...this.#request, matches: this.#request.options.matches };
    if (matches === undefined) {
      this.stream.write(frameOf(change, change.type, representation));
      return;
    }
    const before = change.previous !== undefined && matches(change.previous);
    const after = change.type !== 'DELETED' && matches(change.entry);
    if (after) this.stream.write(frameOf(change, before ? 'MODIFIED' : 'ADDED', representation));
    else if (before && change.type === 'DELETED')
      this.stream.write(frameOf(change, 'DELETED', representation));
    else if (before && change.previous !== undefined) this.#sendLeft(change, change.previous);
  }

  /** The object as it was while still selected, with the version of the change that took it out. */
  #sendLeft(change: Change, previous: Entry): void {
    const object = withMeta(previous.object, { resourceVersion: String(change.revision) });
    const entry = new Entry(previous.key, object, change.revision);
    this.#write('DELETED', this.#request.representation.single(entry));
  }

  #write(type: ChangeType | 'BOOKMARK' | 'ERROR', object: string): void {
    this.stream.write(frameText(type, object));
  }
}

function frameOf(change: Change, type: ChangeType, representation: Representation): string {
  if (latest?.change !== change) latest = { change, texts: new Map() };
  const { texts } = latest;
  const key = `${type} ${representation.name}`;
  const known = texts.get(key);
  if (known !== undefined) return known;
  const text = frameText(type, representation.single(change.entry));
  texts.set(key, text);
  return text;
}

function frameText(type: string, object: string): string {
  return `{"type":"${type}","object":${object}}\n`;
}
