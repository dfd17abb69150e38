// SPDX-License-Identifier: Apache-2.0
import { connect, type Socket } from 'node:net';
import type { Timer } from '@fairlead/shared/runtime/clock.ts';
import type { ProxyTarget } from './listener.ts';
import type { ListenerState } from './listener-state.ts';
import { type ProxiedEnds, proxyHeader } from './proxy-protocol.ts';

/** TCP keep-alive: targets that are gone without a word are found; clients, see `openListeningSocket`. */
const KEEP_ALIVE_DELAY_MS = 60_000;

/** A client that has connected, nothing of it read yet but a PROXY header. */
export interface TcpClient {
  /** Paused. */
  readonly socket: Socket;
  /** Who it is, by canonical address: the other end of the socket, or what the PROXY header says. Empty where nobody minds. */
  readonly address: string;
  readonly ends: () => ProxiedEnds;
}

/**
 * One client's connection and the one to its target. As long as no byte has gone to the target or come from it, another target
 * can take its place; from then on the two are tied: back pressure, half-closing and resets go both ways.
 */
export class TcpSession {
  readonly #client: TcpClient;
  readonly #state: ListenerState;
  readonly #onEnd: (session: TcpSession) => void;
  readonly #tried = new Set<string>();
  #upstream: Socket | undefined;
  #targetId = '';
  #leaveLine: (() => void) | undefined;
  #waitUntilMs: number | undefined;
  #drainTimer: Timer | undefined;
  /** The client has said all it has to say. */
  #clientEnded = false;
  /** The same of its target. */
  #targetEnded = false;
  /** A byte went one way or the other. */
  #hasBegun = false;
  #isOver = false;

  /** @param onEnd called once, when both connections are closed */
  constructor(client: TcpClient, state: ListenerState, onEnd: (session: TcpSession) => void) {
    this.#client = client;
    this.#state = state;
    this.#onEnd = onEnd;
    const { socket } = client;
    socket.on('error', () => this.reset());
    socket.on('close', () => this.#settle());
    socket.on('data', (chunk) => this.#toTarget(chunk));
    socket.on('end', () => {
      this.#clientEnded = true;
      if (this.#upstream !== undefined) this.#passEnd(this.#upstream, this.#targetEnded);
    });
  }

  /** Looks for a target, waits for one, or gives up. */
  start(): void {
    if (this.#isOver) return;
    const { book, clock, listener } = this.#state;
    const isExhausted = this.#tried.size >= listener.options.attempts;
    const target = isExhausted ? 'none' : book.choose(this.#client.address, this.#tried, clock.monotonicMs());
    if (target === 'none') this.#refuse();
    else if (target === 'full') this.#wait();
    else this.#connect(target);
  }

  /** Ends both connections at once, so that both ends see that something went wrong. */
  reset(): void {
    this.#client.socket.resetAndDestroy();
    this.#dropUpstream();
    this.#settle();
  }

  /** The target was taken away: what runs over it may go on for the listener's `drainMs`. */
  drain(): void {
    const { book, clock, listener } = this.#state;
    const { drainMs } = listener.options;
    if (drainMs === 0 || this.#drainTimer !== undefined || book.has(this.#targetId)) return;
    this.#drainTimer = clock.setTimer(() => {
      this.#drainTimer = undefined;
      if (!book.has(this.#targetId)) this.reset();
    }, drainMs);
  }

  #refuse(): void {
    this.#state.refused += 1;
    this.reset();
  }

  #wait(): void {
    const { clock, line, listener } = this.#state;
    const nowMs = clock.monotonicMs();
    this.#waitUntilMs ??= nowMs + listener.options.queueTimeoutMs;
    this.#leaveLine = line.join(
      this.#waitUntilMs - nowMs,
      () => this.start(),
      () => this.#refuse(),
    );
  }

  #connect({ id, host, port }: ProxyTarget): void {
    const { book, clock, listener } = this.#state;
    this.#tried.add(id);
    this.#targetId = id;
    book.opened(id, this.#client.address, clock.monotonicMs());
    const upstream = connect({
      host,
      port,
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS,
    });
    this.#upstream = upstream;
    upstream.setTimeout(listener.options.connectTimeoutMs, () => upstream.destroy(new ConnectTimeout()));
    upstream.once('connect', () => this.#tie(upstream));
    upstream.on('error', () => this.#upstreamFailed());
    upstream.on('close', () => this.#settle());
  }

  #tie(upstream: Socket): void {
    const { socket, ends } = this.#client;
    const { book, listener } = this.#state;
    const { sendProxyProtocol, idleTimeoutMs } = listener.options;
    book.succeeded(this.#targetId);
    upstream.setTimeout(0);
    if (sendProxyProtocol !== undefined) upstream.write(proxyHeader(sendProxyProtocol, ends()));
    upstream.on('data', (chunk) => this.#toClient(chunk));
    upstream.on('end', () => {
      this.#targetEnded = true;
      this.#passEnd(socket, this.#clientEnded);
    });
    // Whatever goes either way goes over the client's connection, so its timer is enough.
    if (idleTimeoutMs > 0) socket.setTimeout(idleTimeoutMs, () => this.reset());
    if (this.#clientEnded) upstream.end();
    else socket.resume();
  }

  #toTarget(chunk: Buffer): void {
    this.#hasBegun = true;
    this.#state.bytesIn += chunk.length;
    const { socket } = this.#client;
    if (this.#upstream === undefined || this.#upstream.write(chunk)) return;
    socket.pause();
    this.#upstream.once('drain', () => socket.resume());
  }

  #toClient(chunk: Buffer): void {
    this.#hasBegun = true;
    this.#state.bytesOut += chunk.length;
    const { socket } = this.#client;
    if (socket.write(chunk)) return;
    this.#upstream?.pause();
    socket.once('drain', () => this.#upstream?.resume());
  }

  /** One side has said its last word, which is passed on to the other one. @param isLast that one had said its own before */
  #passEnd(other: Socket, isLast: boolean): void {
    if (!isLast) {
      const { halfClosedTimeoutMs } = this.#state.listener.options;
      this.#client.socket.setTimeout(halfClosedTimeoutMs, () => this.reset());
    }
    // What the kernel has it sends, and then the end: closing at once is the same, and costs less.
    if (isLast && other.writableLength === 0) other.destroy();
    else other.end();
  }

  /** It could not be reached, or reset the connection: the client's to know, unless nothing has been said yet. */
  #upstreamFailed(): void {
    if (this.#hasBegun) {
      this.reset();
      return;
    }
    const { book, clock } = this.#state;
    this.#client.socket.pause();
    book.failed(this.#targetId, clock.monotonicMs());
    this.#releaseTarget();
    this.start();
  }

  /** Something has closed: when both have, it is over; when the client has, its target has nobody to talk to. */
  #settle(): void {
    if (this.#isOver) return;
    const { socket } = this.#client;
    if (socket.destroyed && !this.#clientEnded) this.#dropUpstream();
    if (!socket.destroyed || this.#upstream?.destroyed === false) return;
    this.#isOver = true;
    this.#leaveLine?.();
    this.#drainTimer?.cancel();
    this.#releaseTarget();
    this.#onEnd(this);
  }

  #dropUpstream(): void {
    // A reset of a connection that is yet to come would wait for it.
    if (this.#upstream?.connecting === true) this.#upstream.destroy();
    else if (this.#upstream?.destroyed === false) this.#upstream.resetAndDestroy();
  }

  #releaseTarget(): void {
    if (this.#upstream === undefined) return;
    this.#upstream = undefined;
    this.#state.targetClosed(this.#targetId, this.#client.address);
  }
}

/** The target did not answer in time. Never leaves this file. */
class ConnectTimeout extends Error {}
