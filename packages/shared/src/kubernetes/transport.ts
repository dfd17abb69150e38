// SPDX-License-Identifier: Apache-2.0
import http from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import type { TlsMaterial } from './credentials.ts';
import { NetworkError } from './errors.ts';

/** One HTTP exchange up to the head of the answer. */
export interface Exchange {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
  /** Longest wait for the TCP handshake of a new connection. */
  readonly connectTimeoutMs: number;
  /** Longest wait for the head of the answer. */
  readonly responseTimeoutMs: number;
}

/**
 * HTTP/1.1 connections to one server. Streams have connections of their own, so that a stuck one never holds up
 * anything else, and every wait has a limit, because a path that has silently died answers nothing at all.
 */
export class Transport {
  readonly #base: URL;
  readonly #agent: http.Agent;

  /** @param agent overrides ours (proxies) */
  constructor(server: string, tls: TlsMaterial, agent?: http.Agent) {
    this.#base = new URL(server);
    const options = {
      keepAlive: true,
      keepAliveMsecs: 5_000,
      maxFreeSockets: 16,
      scheduling: 'lifo' as const,
    };
    this.#agent =
      agent ??
      (this.#base.protocol === 'http:' ? new http.Agent(options) : new https.Agent({ ...options, ...tls }));
  }

  /** Sends and waits for the head; the caller must read or destroy the answer. Rejects with {@link NetworkError}. */
  async open(exchange: Exchange): Promise<http.IncomingMessage> {
    exchange.signal?.throwIfAborted();
    const reused = { value: false };
    try {
      return await this.#openOnce(exchange, reused);
    } catch (error) {
      // The server may close an idle connection just as we use it. A read can be asked again at once.
      const stale = reused.value && error instanceof NetworkError && !error.timedOut;
      if (stale && exchange.method === 'GET') return this.#openOnce(exchange, reused);
      throw error;
    }
  }

  /** Closes idle connections: after a time-out they may be dead, too. */
  dropIdle(): void {
    for (const sockets of Object.values(this.#agent.freeSockets)) {
      for (const socket of sockets ?? []) socket.destroy();
    }
  }

  /** Closes everything. */
  close(): void {
    this.#agent.destroy();
  }

  #openOnce(exchange: Exchange, reused: { value: boolean }): Promise<http.IncomingMessage> {
    return new Promise((resolve, reject) => {
      const request = this.#request(exchange);
      let phase: 'connect' | 'response' = 'connect';
      const fail = (timedOut: boolean, why: string, cause?: unknown) => {
        settle();
        reused.value = request.reusedSocket;
        request.destroy();
        const what = `${exchange.method} ${this.#base.origin}${exchange.path}: ${why}`;
        reject(new NetworkError(phase, timedOut, what, cause));
      };
      const late = (limitMs: number) => fail(true, `no ${phase} within ${Math.round(limitMs)} ms`);
      const responseTimer = setTimeout(() => late(exchange.responseTimeoutMs), exchange.responseTimeoutMs);
      let connectTimer: NodeJS.Timeout | undefined;
      const connected = () => {
        clearTimeout(connectTimer);
        phase = 'response';
      };
      const aborted = () => {
        settle();
        request.destroy();
        reject(exchange.signal?.reason);
      };
      const settle = () => {
        clearTimeout(responseTimer);
        clearTimeout(connectTimer);
        exchange.signal?.removeEventListener('abort', aborted);
      };
      exchange.signal?.addEventListener('abort', aborted);
      request.on('socket', (socket: Socket) => {
        if (!socket.connecting) {
          connected();
          return;
        }
        connectTimer = setTimeout(() => late(exchange.connectTimeoutMs), exchange.connectTimeoutMs);
        socket.once('connect', connected);
      });
      request.on('error', (error) => fail(false, error.message || String(error), error));
      request.on('response', (response) => {
        settle();
        resolve(response);
      });
      request.end(exchange.body);
    });
  }

  #request(exchange: Exchange): http.ClientRequest {
    const secure = this.#base.protocol === 'https:';
    const prefix = this.#base.pathname.replace(/\/$/, '');
    const headers: Record<string, string | number> = { ...exchange.headers };
    if (exchange.body !== undefined) headers['content-length'] = Buffer.byteLength(exchange.body);
    return (secure ? https : http).request({
      agent: this.#agent,
      host: this.#base.hostname.replace(/^\[|\]$/g, ''),
      port: this.#base.port || (secure ? 443 : 80),
      method: exchange.method,
      path: prefix + exchange.path,
      headers,
    });
  }
}

/**
 * Reads a whole answer as text. Rejects with {@link NetworkError} when it is cut or not complete within `timeoutMs`.
 */
export async function readText(
  response: http.IncomingMessage,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<string> {
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    response.destroy();
  }, timeoutMs);
  const aborted = () => response.destroy();
  signal?.addEventListener('abort', aborted);
  if (signal?.aborted) aborted();
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString('utf8');
  } catch (error) {
    signal?.throwIfAborted();
    const why = timedOut ? `incomplete after ${Math.round(timeoutMs)} ms` : 'cut';
    throw new NetworkError('body', timedOut, `answer was ${why}: ${String(error)}`, error);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', aborted);
  }
}
