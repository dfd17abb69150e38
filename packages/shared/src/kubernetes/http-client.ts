// SPDX-License-Identifier: Apache-2.0
import { setMaxListeners } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { delay, systemClock } from '../runtime/clock.ts';
import type {
  CallOptions,
  ConnectOptions,
  KubeClient,
  ListOptions,
  ObjectList,
  ObjectRef,
  PatchOptions,
  RemoveOptions,
  WatchEvent,
  WatchOptions,
} from './client.ts';
import type { Access, Credentials, TlsMaterial } from './credentials.ts';
import { ApiError, NetworkError, ProtocolError } from './errors.ts';
import type { KubeObject } from './objects.ts';
import { listQuery, PATCH_TYPE, query, refOf, resourcePath, selectors } from './paths.ts';
import { apiVersionOf, type Resource } from './resources.ts';
import { ServerHealth } from './server-health.ts';
import { TokenBucket } from './token-bucket.ts';
import { readText, Transport } from './transport.ts';
import { readEvents, statusToError } from './watch-stream.ts';

/** A server on the local network answers a SYN in a millisecond; one lost SYN is repeated after one second. */
const CONNECT_TIMEOUT_MS = 2_000;
/** How long credentials are used before the files behind them are looked at again. */
const CREDENTIALS_TTL_MS = 10_000;
/** The same after a 401: wrong credentials must not make us run an exec plugin for every call. */
const REFUSED_TTL_MS = 2_000;
/** Least pause before a call is repeated because the server is busy. */
const MIN_RETRY_AFTER_MS = 1_000;

interface Call {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly options: CallOptions;
}

interface Connection {
  readonly transport: Transport;
  readonly credentials: Credentials;
}

/** {@link KubeClient} over node:https. */
export class HttpKubeClient implements KubeClient {
  readonly server: string;
  readonly health = new ServerHealth(() => this.#transport?.dropIdle());
  readonly #access: Access;
  readonly #requestTimeoutMs: number;
  readonly #userAgent: string;
  readonly #limit: TokenBucket;
  readonly #closing = new AbortController();
  #connection: Promise<Connection> | undefined;
  #transport: Transport | undefined;
  #readAtMs = Number.NEGATIVE_INFINITY;
  #refusedAtMs = Number.NEGATIVE_INFINITY;

  constructor(access: Access, options: ConnectOptions) {
    this.server = access.server;
    // Every call under way listens to it.
    setMaxListeners(0, this.#closing.signal);
    this.#access = access;
    this.#requestTimeoutMs = options.requestTimeoutMs ?? 10_000;
    this.#userAgent = options.userAgent ?? 'fairlead';
    this.#limit = new TokenBucket(options.qps ?? 100, options.burst ?? 250, systemClock.monotonicMs());
  }

  get<T extends KubeObject>(resource: Resource<T>, ref: ObjectRef, options: CallOptions = {}): Promise<T> {
    return this.#json<T>({ method: 'GET', path: resourcePath(resource, ref), options });
  }

  async list<T extends KubeObject>(resource: Resource<T>, options: ListOptions = {}): Promise<ObjectList<T>> {
    const path = resourcePath(resource, where(options)) + listQuery(options);
    const list = await this.#json<{
      items?: readonly T[] | null;
      metadata?: { resourceVersion?: string; continue?: string };
    }>({
      method: 'GET',
      path,
      options,
    });
    if (!list.metadata?.resourceVersion) {
      throw new ProtocolError(`list of ${resource.plural}: expected metadata.resourceVersion, received none`);
    }
    // Items of a list come without type; Events about them and PUTs of them need it.
    const type = { apiVersion: apiVersionOf(resource), kind: resource.kind };
    const items = (list.items ?? []).map((item) => ({ ...type, ...item }));
    const { resourceVersion, continue: continueToken } = list.metadata;
    return { items, resourceVersion, ...(continueToken && { continueToken }) };
  }

  create<T extends KubeObject>(resource: Resource<T>, object: T, options: CallOptions = {}): Promise<T> {
    const { namespace } = refOf(object);
    const path = resourcePath(resource, where({ namespace }));
    return this.#json<T>({ method: 'POST', path, body: typed(resource, object), options });
  }

  replace<T extends KubeObject>(
    resource: Resource<T>,
    object: T,
    options: CallOptions & { readonly subresource?: 'status' } = {},
  ): Promise<T> {
    const path = resourcePath(resource, refOf(object), options.subresource);
    return this.#json<T>({ method: 'PUT', path, body: typed(resource, object), options });
  }

  patch<T extends KubeObject>(
    resource: Resource<T>,
    ref: ObjectRef,
    body: unknown,
    options: PatchOptions,
  ): Promise<T> {
    const { fieldManager, force } = options;
    const path = resourcePath(resource, ref, options.subresource) + query({ fieldManager, force });
    return this.#json<T>({ method: 'PATCH', path, body, contentType: PATCH_TYPE[options.type], options });
  }

  async remove(resource: Resource<KubeObject>, ref: ObjectRef, options: RemoveOptions = {}): Promise<void> {
    const { uid, resourceVersion, gracePeriodSeconds, propagationPolicy } = options;
    const body = {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      ...((uid !== undefined || resourceVersion !== undefined) && {
        preconditions: { uid, resourceVersion },
      }),
      gracePeriodSeconds,
      propagationPolicy,
    };
    await this.#text({ method: 'DELETE', path: resourcePath(resource, ref), body, options });
  }

  createSubresource<T>(
    resource: Resource<KubeObject>,
    ref: ObjectRef,
    subresource: string,
    body: unknown,
    options: CallOptions = {},
  ): Promise<T> {
    return this.#json<T>({ method: 'POST', path: resourcePath(resource, ref, subresource), body, options });
  }

  async *watch<T extends KubeObject>(
    resource: Resource<T>,
    options: WatchOptions,
  ): AsyncGenerator<WatchEvent<T>, void, undefined> {
    const path =
      resourcePath(resource, where(options)) +
      query({
        watch: true,
        allowWatchBookmarks: true,
        ...selectors(options),
        resourceVersion: options.resourceVersion,
        timeoutSeconds: options.timeoutSeconds,
      });
    // Closing destroys the sockets, which ends the watch; a signal combined anew every few seconds is not needed.
    const { signal } = options;
    const timeoutMs = options.responseTimeoutMs ?? this.#requestTimeoutMs;
    const call = { method: 'GET', path, options: { signal } };
    this.#limit.reserve(systemClock.monotonicMs());
    const response = await this.#open(call, timeoutMs, signal);
    try {
      if (response.statusCode !== 200) throw await this.#refusal(response, timeoutMs, signal);
      options.onOpen?.();
      yield* readEvents<T>(response, signal);
    } catch (error) {
      this.#closing.signal.throwIfAborted();
      throw this.#noted(error);
    }
  }

  getText(path: string, options: CallOptions = {}): Promise<string> {
    return this.#text({ method: 'GET', path, options });
  }

  close(): void {
    this.#closing.abort(new Error('the client was closed'));
    this.#transport?.close();
  }

  async #json<T>(call: Call): Promise<T> {
    const text = await this.#text(call);
    try {
      return JSON.parse(text) as T;
    } catch (error) {
      throw new ProtocolError(
        `${call.method} ${call.path}: expected JSON, received ${text.slice(0, 120)}`,
        error,
      );
    }
  }

  /** One call with its repetitions, within its time limit. */
  async #text(call: Call): Promise<string> {
    const { options } = call;
    const deadlineMs = systemClock.monotonicMs() + (options.timeoutMs ?? this.#requestTimeoutMs);
    const signal = options.signal
      ? AbortSignal.any([options.signal, this.#closing.signal])
      : this.#closing.signal;
    await this.#waitForTurn(call, deadlineMs, signal);
    for (;;) {
      try {
        return await this.#attempt(call, deadlineMs - systemClock.monotonicMs(), signal);
      } catch (error) {
        const pauseMs = options.retry === false ? undefined : repeatAfterMs(call, error);
        if (pauseMs === undefined || systemClock.monotonicMs() + pauseMs >= deadlineMs) throw error;
        await delay(systemClock, pauseMs, signal);
        signal.throwIfAborted();
      }
    }
  }

  async #waitForTurn(call: Call, deadlineMs: number, signal: AbortSignal): Promise<void> {
    const nowMs = systemClock.monotonicMs();
    const waitMs = this.#limit.reserve(nowMs);
    if (call.options.urgent || waitMs === 0) return;
    if (nowMs + waitMs > deadlineMs) {
      throw new NetworkError(
        'connect',
        true,
        `${call.method} ${call.path}: too many calls of ours wait (${Math.round(waitMs)} ms)`,
      );
    }
    await delay(systemClock, waitMs, signal);
    signal.throwIfAborted();
  }

  async #attempt(call: Call, timeoutMs: number, signal: AbortSignal): Promise<string> {
    const startMs = systemClock.monotonicMs();
    const response = await this.#open(call, timeoutMs, signal);
    const leftMs = timeoutMs - (systemClock.monotonicMs() - startMs);
    try {
      const status = response.statusCode ?? 0;
      if (status < 200 || status >= 300) throw await this.#refusal(response, leftMs, signal);
      return await readText(response, leftMs, signal);
    } catch (error) {
      throw this.#noted(error);
    }
  }

  /** Up to the head of the answer; a 401 is answered once with credentials read anew. */
  async #open(call: Call, timeoutMs: number, signal: AbortSignal): Promise<IncomingMessage> {
    const connection = await this.#connect(false);
    const first = await this.#send(call, connection, timeoutMs, signal);
    if (first.statusCode !== 401) return first;
    const renewed = await this.#connect(true);
    if (renewed === connection) return first;
    first.resume();
    return this.#send(call, renewed, timeoutMs, signal);
  }

  async #send(call: Call, to: Connection, timeoutMs: number, signal: AbortSignal): Promise<IncomingMessage> {
    const body = call.body === undefined ? undefined : JSON.stringify(call.body);
    try {
      const response = await to.transport.open({
        method: call.method,
        path: call.path,
        headers: {
          accept: 'application/json',
          'user-agent': this.#userAgent,
          ...(body !== undefined && { 'content-type': call.contentType ?? 'application/json' }),
          ...to.credentials.headers,
        },
        ...(body !== undefined && { body }),
        signal,
        connectTimeoutMs: Math.min(CONNECT_TIMEOUT_MS, timeoutMs),
        responseTimeoutMs: Math.max(timeoutMs, 1),
      });
      if ((response.statusCode ?? 0) < 500) this.health.reportAnswer();
      return response;
    } catch (error) {
      throw this.#noted(error);
    }
  }

  async #refusal(response: IncomingMessage, timeoutMs: number, signal: AbortSignal): Promise<ApiError> {
    const status = response.statusCode ?? 0;
    const seconds = Number(response.headers['retry-after']);
    const retryAfterMs =
      response.headers['retry-after'] && Number.isFinite(seconds) ? seconds * 1000 : undefined;
    const text = await readText(response, timeoutMs, signal);
    try {
      return statusToError(JSON.parse(text), status, retryAfterMs);
    } catch {
      // Proxies and early starts answer with plain text; it is the best message there is.
      const message = `the server answered ${status}: ${text.slice(0, 200).trim()}`;
      return statusToError({ message }, status, retryAfterMs);
    }
  }

  /** Draws the conclusions of a failure for everybody else who uses this client. */
  #noted(error: unknown): unknown {
    const unavailable = error instanceof ApiError && [502, 503, 504].includes(error.statusCode);
    if (error instanceof NetworkError || unavailable) this.health.reportFailure();
    return error;
  }

  #connect(refused: boolean): Promise<Connection> {
    const nowMs = systemClock.monotonicMs();
    const old = refused
      ? nowMs - this.#refusedAtMs >= REFUSED_TTL_MS
      : nowMs - this.#readAtMs >= CREDENTIALS_TTL_MS;
    if (this.#connection === undefined || old) {
      this.#readAtMs = nowMs;
      if (refused) this.#refusedAtMs = nowMs;
      const previous = this.#connection;
      this.#connection = this.#reconnect(refused, previous);
      // A failure to read is for the calls that wait for it; the next one tries again.
      this.#connection.catch(() => {
        this.#connection = previous;
        this.#readAtMs = Number.NEGATIVE_INFINITY;
      });
    }
    return this.#connection;
  }

  async #reconnect(refused: boolean, previous: Promise<Connection> | undefined): Promise<Connection> {
    const current = await previous?.catch(() => undefined);
    const credentials = await this.#access.credentials(refused);
    if (current !== undefined && sameTls(current.credentials.tls, credentials.tls)) {
      return { transport: current.transport, credentials };
    }
    // Connections made with an old certificate end by themselves when their last call does.
    current?.transport.dropIdle();
    this.#transport = new Transport(this.server, credentials.tls, credentials.proxyAgent);
    return { transport: this.#transport, credentials };
  }
}

/** How long to wait before the same call may be sent again, or undefined when that is not safe or no use. */
function repeatAfterMs(call: Call, error: unknown): number | undefined {
  if (!(error instanceof ApiError)) return undefined;
  // 429 is said before anything is done. Of a 503 that is only sure for reads.
  const safe = error.statusCode === 429 || (error.statusCode === 503 && call.method === 'GET');
  return safe ? Math.max(error.retryAfterMs ?? 0, MIN_RETRY_AFTER_MS) : undefined;
}

function where(selection: { readonly namespace?: string | undefined }): { readonly namespace?: string } {
  return selection.namespace ? { namespace: selection.namespace } : {};
}

function typed<T extends KubeObject>(resource: Resource<T>, object: T): T {
  return { apiVersion: apiVersionOf(resource), kind: resource.kind, ...object };
}

function sameTls(a: TlsMaterial, b: TlsMaterial): boolean {
  const text = (tls: TlsMaterial) =>
    JSON.stringify([
      tls.ca?.toString(),
      tls.cert?.toString(),
      tls.key?.toString(),
      tls.rejectUnauthorized,
      tls.servername,
    ]);
  return text(a) === text(b);
}
