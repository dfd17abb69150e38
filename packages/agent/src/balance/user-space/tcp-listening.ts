// SPDX-License-Identifier: Apache-2.0
import { createServer, type Server, type Socket } from 'node:net';
import type { Clock } from '@fairlead/shared/runtime/clock.ts';
import { openListeningSocket } from '../../system/listening-socket.ts';
import { listenOn } from './listen-on.ts';
import type { ProxyListener } from './listener.ts';
import { ListenerState } from './listener-state.ts';
import type { ListenerStats } from './plane.ts';
import type { ProxyListening } from './proxy-listening.ts';
import { receiveProxyHeader } from './receive-proxy-header.ts';
import { endsOf, plainAddress } from './socket-ends.ts';
import { type TcpClient, TcpSession } from './tcp-session.ts';

/** Accepts TCP connections, and has each one carried to a target. */
export class TcpListening implements ProxyListening {
  readonly #state: ListenerState;
  readonly #server: Server;
  readonly #sessions = new Set<TcpSession>();
  /** Clients that have yet to say who they are. */
  readonly #unnamed = new Set<Socket>();
  #onEmpty: (() => void) | undefined;

  constructor(listener: ProxyListener, clock: Clock) {
    this.#state = new ListenerState(listener, clock);
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) =>
      this.#accept(socket),
    );
  }

  async start(): Promise<void> {
    const { address, port } = this.#state.listener;
    await listenOn(this.#server, openListeningSocket('tcp', address, port));
  }

  update(listener: ProxyListener): void {
    this.#state.update(listener);
    for (const session of this.#sessions) session.drain();
  }

  stats(): ListenerStats {
    return this.#state.stats();
  }

  async stop(drainMs: number): Promise<void> {
    this.#server.close();
    for (const socket of this.#unnamed) socket.resetAndDestroy();
    if (this.#sessions.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = this.#state.clock.setTimer(() => {
        for (const session of this.#sessions) session.reset();
      }, drainMs);
      this.#onEmpty = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  #accept(socket: Socket): void {
    const { maxConnections, acceptProxyProtocol } = this.#state.listener.options;
    if (this.#sessions.size + this.#unnamed.size >= maxConnections) this.#refuse(socket);
    else if (acceptProxyProtocol) this.#askWho(socket);
    else {
      // Asking the kernel costs as much as all that is done by ourselves.
      const address = this.#state.book.mindsClients ? plainAddress(socket.remoteAddress) : '';
      this.#begin({ socket, address, ends: () => endsOf(socket) });
    }
  }

  #askWho(socket: Socket): void {
    this.#unnamed.add(socket);
    receiveProxyHeader(socket, (header) => {
      this.#unnamed.delete(socket);
      if (header === undefined) return this.#refuse(socket);
      const ends = header.ends ?? endsOf(socket);
      this.#begin({ socket, address: ends.source.address, ends: () => ends });
    });
  }

  #begin(client: TcpClient): void {
    const session = new TcpSession(client, this.#state, () => {
      this.#sessions.delete(session);
      this.#state.open = this.#sessions.size;
      if (this.#sessions.size === 0) this.#onEmpty?.();
    });
    this.#sessions.add(session);
    this.#state.open = this.#sessions.size;
    session.start();
  }

  #refuse(socket: Socket): void {
    this.#state.refused += 1;
    socket.on('error', () => undefined);
    socket.resetAndDestroy();
  }
}
