// SPDX-License-Identifier: Apache-2.0
import { createServer, type Server, type Socket } from 'node:net';

/** What the listening socket does: serve, refuse connections, or accept them and never say a word. */
export type ListenerMode = 'open' | 'refuse' | 'blackhole';

/**
 * The TCP front of the API server. It hands connections to the TLS server, and can stop doing so in the ways real
 * servers fail: the port closed, or a peer that accepts and is silent.
 */
export class Listener {
  readonly #onConnection: (socket: Socket) => void;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #mode: ListenerMode = 'open';
  #host = '';
  #port = 0;

  constructor(onConnection: (socket: Socket) => void) {
    this.#onConnection = onConnection;
  }

  get mode(): ListenerMode {
    return this.#mode;
  }

  get port(): number {
    return this.#port;
  }

  /** Opens the port; 0 picks a free one, which is kept for good. */
  async listen(host: string, port: number): Promise<void> {
    this.#host = host;
    this.#port = port;
    await this.#open();
  }

  /** Changes the mode. Connections that are open are cut, except on the way into a black hole, where they go silent. */
  async setMode(mode: ListenerMode): Promise<void> {
    const previous = this.#mode;
    this.#mode = mode;
    if (mode === 'refuse') {
      await this.#close();
      return;
    }
    if (mode === 'open' && previous === 'blackhole') this.cutAll();
    if (this.#server === undefined) await this.#open();
  }

  /** Resets every open connection. */
  cutAll(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Closes the port and every connection. */
  async close(): Promise<void> {
    await this.#close();
  }

  async #open(): Promise<void> {
    const server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#port, this.#host, () => {
        server.off('error', reject);
        resolve();
      });
    });
    const address = server.address();
    if (typeof address === 'object' && address !== null) this.#port = address.port;
    this.#server = server;
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    // A peer that resets its connection is no news to anybody here.
    socket.on('error', () => socket.destroy());
    // In a black hole nobody reads: the kernel acknowledges the peer's bytes and that is all it ever hears.
    if (this.#mode !== 'blackhole') this.#onConnection(socket);
  }

  async #close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
