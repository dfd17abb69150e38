// SPDX-License-Identifier: Apache-2.0
import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http';
import { createServer as createTcpServer, type Socket, type Server as TcpServer } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '@fairlead/shared/runtime/clock.ts';
import { openListeningSocket } from '../../system/listening-socket.ts';
import { HttpExchange, type HttpRequest } from './http-exchange.ts';
import { listenOn } from './listen-on.ts';
import type { ProxyListener } from './listener.ts';
import { ListenerState } from './listener-state.ts';
import type { ListenerStats } from './plane.ts';
import type { ProxyListening } from './proxy-listening.ts';
import { receiveProxyHeader } from './receive-proxy-header.ts';
import { plainAddress } from './socket-ends.ts';
import { TargetPools } from './target-pools.ts';

/** How long a connection may wait for its next request: longer than most proxies keep theirs, so that it is they who close. */
const KEEP_ALIVE_TIMEOUT_MS = 75_000;

/** Whoever needs longer to say what he wants keeps a connection from others. Bodies may take their time. */
const HEADERS_TIMEOUT_MS = 30_000;

/** Accepts HTTP requests, and has each one carried to a target. */
export class HttpListening implements ProxyListening {
  readonly #state: ListenerState;
  readonly #pools: TargetPools;
  readonly #http: Server;
  /** Accepts for {@link #http}, so that a PROXY header can be read first. */
  readonly #tcp: TcpServer;
  readonly #connections = new Set<Socket>();
  /** Clients named by a PROXY header. */
  readonly #named = new WeakMap<Duplex, string>();
  #isStopping = false;
  #onEmpty: (() => void) | undefined;

  constructor(listener: ProxyListener, clock: Clock) {
    this.#state = new ListenerState(listener, clock);
    this.#pools = new TargetPools(listener.options);
    this.#http = createServer({
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: 0,
    });
    this.#http.on('request', (request, response) => this.#serve({ request, response }));
    this.#http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    this.#tcp = createTcpServer({ pauseOnConnect: true }, (socket) => this.#accept(socket));
  }

  async start(): Promise<void> {
    const { address, port } = this.#state.listener;
    await listenOn(this.#tcp, openListeningSocket('tcp', address, port));
    // Only a server that listens looks after slow and idle connections, and this one is handed all of its own.
    this.#http.emit('listening');
  }

  update(listener: ProxyListener): void {
    this.#state.update(listener);
    this.#pools.update(listener.options, listener.targets);
  }

  stats(): ListenerStats {
    return this.#state.stats();
  }

  async stop(drainMs: number): Promise<void> {
    this.#isStopping = true;
    this.#tcp.close();
    this.#http.close();
    if (this.#connections.size > 0) {
      await new Promise<void>((resolve) => {
        const timer = this.#state.clock.setTimer(() => {
          for (const socket of this.#connections) socket.destroy();
        }, drainMs);
        this.#onEmpty = () => {
          timer.cancel();
          resolve();
        };
      });
    }
    await this.#pools.destroy();
  }

  #accept(socket: Socket): void {
    const { maxConnections, acceptProxyProtocol } = this.#state.listener.options;
    this.#connections.add(socket);
    socket.on('close', () => {
      this.#connections.delete(socket);
      if (this.#connections.size === 0) this.#onEmpty?.();
    });
    if (this.#connections.size > maxConnections) this.#refuse(socket);
    else if (!acceptProxyProtocol) this.#speakHttp(socket);
    else {
      receiveProxyHeader(socket, (header) => {
        if (header === undefined) {
          this.#refuse(socket);
          return;
        }
        if (header.ends !== undefined) this.#named.set(socket, header.ends.source.address);
        this.#speakHttp(socket);
      });
    }
  }

  #speakHttp(socket: Socket): void {
    this.#http.emit('connection', socket);
    socket.resume();
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const response = new ServerResponse(request);
    // Only a connection that is upgraded goes on.
    response.shouldKeepAlive = false;
    response.assignSocket(request.socket);
    response.on('finish', () => socket.end());
    this.#serve({ request, response, upgrade: { socket, head } });
  }

  #serve(incoming: Omit<HttpRequest, 'client'>): void {
    const { request, response } = incoming;
    const client = this.#named.get(request.socket) ?? plainAddress(request.socket.remoteAddress);
    response.on('close', () => {
      if (this.#isStopping) request.socket.end();
    });
    new HttpExchange({ ...incoming, client }, this.#state, this.#pools).start();
  }

  #refuse(socket: Socket): void {
    this.#state.refused += 1;
    socket.on('error', () => undefined);
    socket.resetAndDestroy();
  }
}
