// SPDX-License-Identifier: Apache-2.0
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream';
import { type Dispatcher, errors } from 'undici';
import { toClientHeaders, toTargetHeaders } from './http-headers.ts';
import type { ProxyTarget } from './listener.ts';
import type { ListenerState } from './listener-state.ts';
import type { TargetPools } from './target-pools.ts';

/** A request that has come in. */
export interface HttpRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Canonical address. */
  readonly client: string;
  /** The client asks to go on with another protocol over this connection, whose first bytes may have come already. */
  readonly upgrade?: { readonly socket: Duplex; readonly head: Buffer };
}

/** Undici knows this option, its types do not: by what name connections to the target are told apart. */
type DispatchOptions = Dispatcher.DispatchOptions & { readonly servername: string };

/** What may be asked twice without harm (RFC 9110, section 9.2.1). */
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

const BAD_GATEWAY = 502;
const UNAVAILABLE = 503;
const GATEWAY_TIMEOUT = 504;

/**
 * One request, carried to a target and its answer back. Another target is asked when nothing has been sent yet, or when the request
 * can be sent twice, as long as nothing has gone back to the client.
 */
export class HttpExchange implements Dispatcher.DispatchHandler {
  readonly #in: HttpRequest;
  readonly #state: ListenerState;
  readonly #pools: TargetPools;
  readonly #headers: string[];
  readonly #hasBody: boolean;
  readonly #tried = new Set<string>();
  #targetId = '';
  #controller: Dispatcher.DispatchController | undefined;
  #leaveLine: (() => void) | undefined;
  #waitUntilMs: number | undefined;
  #hasAnswered = false;
  #isOver = false;

  constructor(incoming: HttpRequest, state: ListenerState, pools: TargetPools) {
    const { request, response, client } = incoming;
    this.#in = incoming;
    this.#state = state;
    this.#pools = pools;
    this.#headers = toTargetHeaders(request.rawHeaders, client);
    const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
    state.open += 1;
    this.#hasBody = encoding !== undefined || (length !== undefined && length !== '0');
    response.on('close', () => this.#clientClosed());
    response.on('drain', () => this.#controller?.resume());
    response.on('error', () => undefined);
  }

  /** Looks for a target, waits for one, or gives up. */
  start(): void {
    if (this.#isOver) return;
    const { book, clock, listener } = this.#state;
    const isExhausted = this.#tried.size >= listener.options.attempts;
    const target = isExhausted ? 'none' : book.choose(this.#in.client, this.#tried, clock.monotonicMs());
    if (target === 'full') this.#wait();
    else if (target !== 'none') this.#send(target);
    else this.#refuse(this.#tried.size === 0 ? UNAVAILABLE : BAD_GATEWAY);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#isOver) controller.abort(new errors.RequestAbortedError('the client is gone'));
  }

  /** Undici tells of it, its types do not. */
  onBodySent(chunk: Uint8Array | string): void {
    this.#state.bytesIn += chunk.length;
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    _: unknown,
    text?: string,
  ): void {
    // Hints that come before the answer are the connection's business.
    if (status < 200) return;
    this.#answered();
    const { response } = this.#in;
    response.writeHead(status, text ?? '', toClientHeaders(rawHeaders(controller)));
    // At once: an event stream may say nothing for a long time.
    response.flushHeaders();
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#state.bytesOut += chunk.length;
    if (!this.#in.response.write(chunk)) controller.pause();
  }

  onResponseEnd(): void {
    this.#in.response.end();
  }

  onRequestUpgrade(
    controller: Dispatcher.DispatchController,
    status: number,
    _: unknown,
    upstream: Duplex,
  ): void {
    const { request, response, upgrade } = this.#in;
    if (upgrade === undefined) {
      upstream.destroy();
      return;
    }
    this.#answered();
    const protocol = request.headers.upgrade ?? '';
    const headers = toClientHeaders(rawHeaders(controller));
    response.writeHead(status, [...headers, 'Connection', 'Upgrade', 'Upgrade', protocol]);
    response.flushHeaders();
    response.detachSocket(request.socket);
    if (upgrade.head.length > 0) upstream.write(upgrade.head);
    pipeline(upgrade.socket, upstream, upgrade.socket, () => this.#end());
  }

  onResponseError(_: unknown, error: Error): void {
    if (this.#isOver) return;
    if (this.#hasAnswered) {
      // The client must not take what it has got for all there is.
      this.#in.response.destroy();
      return;
    }
    const { book, clock } = this.#state;
    const { request } = this.#in;
    const isLate = error instanceof errors.HeadersTimeoutError;
    const wasSent = this.#controller !== undefined;
    book.failed(this.#targetId, clock.monotonicMs());
    this.#releaseTarget();
    if (isLate) this.#refuse(GATEWAY_TIMEOUT);
    else if (!wasSent || (!this.#hasBody && SAFE_METHODS.has(request.method ?? ''))) this.start();
    else this.#refuse(BAD_GATEWAY);
  }

  #send(target: ProxyTarget): void {
    const { book, clock } = this.#state;
    const { request, client, upgrade } = this.#in;
    this.#tried.add(target.id);
    this.#targetId = target.id;
    book.opened(target.id, client, clock.monotonicMs());
    const options: DispatchOptions = {
      path: `${target.http?.basePath ?? ''}${request.url ?? '/'}`,
      method: request.method ?? 'GET',
      headers: this.#headers,
      body: this.#hasBody ? request : null,
      upgrade: upgrade === undefined ? null : (request.headers.upgrade ?? null),
      servername: target.host,
    };
    this.#pools.of(target).dispatch(options, this);
  }

  #wait(): void {
    const { clock, line, listener } = this.#state;
    const nowMs = clock.monotonicMs();
    this.#waitUntilMs ??= nowMs + listener.options.queueTimeoutMs;
    this.#leaveLine = line.join(
      this.#waitUntilMs - nowMs,
      () => this.start(),
      () => this.#refuse(UNAVAILABLE),
    );
  }

  #answered(): void {
    this.#hasAnswered = true;
    this.#state.book.succeeded(this.#targetId);
  }

  #refuse(status: number): void {
    this.#state.refused += 1;
    const { response } = this.#in;
    response.writeHead(status, { 'Content-Type': 'text/plain', Connection: 'close' });
    response.end(`${REFUSALS.get(status) ?? ''}\n`);
  }

  #clientClosed(): void {
    if (this.#in.upgrade !== undefined && this.#hasAnswered) return;
    this.#end();
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#state.open -= 1;
    this.#leaveLine?.();
    // Does nothing once the answer is complete.
    this.#controller?.abort(new errors.RequestAbortedError('the client is gone'));
    this.#releaseTarget();
  }

  #releaseTarget(): void {
    this.#controller = undefined;
    if (this.#targetId === '') return;
    this.#state.targetClosed(this.#targetId, this.#in.client);
    this.#targetId = '';
  }
}

const REFUSALS: ReadonlyMap<number, string> = new Map([
  [BAD_GATEWAY, 'no back end answered'],
  [UNAVAILABLE, 'no back end is available'],
  [GATEWAY_TIMEOUT, 'the back end did not answer in time'],
]);

/** Those of the answer, as they came. */
function rawHeaders({ rawHeaders: raw }: Dispatcher.DispatchController): readonly string[] {
  return Array.isArray(raw) ? raw.map((part: Buffer | string) => part.toString('latin1')) : [];
}
