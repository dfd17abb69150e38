// SPDX-License-Identifier: Apache-2.0
import net, { type AddressInfo, type Socket } from 'node:net';

interface Pair {
  readonly client: Socket;
  readonly server: Socket | undefined;
}

/** A TCP relay on the loopback that can fail as networks do. What passes is TLS, so it knows nothing of the contents. */
export class FaultProxy {
  readonly #target: number;
  readonly #server: net.Server;
  readonly #pairs = new Set<Pair>();
  #port = 0;
  #silent = false;
  /** Connections accepted since the start. */
  connections = 0;

  constructor(targetPort: number) {
    this.#target = targetPort;
    this.#server = net.createServer((client) => this.#accept(client));
  }

  get port(): number {
    return this.#port;
  }

  async start(): Promise<void> {
    await this.#listen(0);
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Connections end with a reset; new ones work. */
  cut(): void {
    for (const { client, server } of this.#pairs) {
      client.resetAndDestroy();
      server?.resetAndDestroy();
    }
  }

  /** Connections stay open and carry nothing any more, ever; new ones work. */
  stall(): void {
    for (const pair of this.#pairs) pauseBoth(pair);
  }

  /** Nothing passes, on old connections and new ones, until {@link heal}. */
  blackhole(): void {
    this.#silent = true;
    this.stall();
  }

  /** Connections are cut and new ones refused until {@link heal}. */
  async refuse(): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  /** Everything passes again; what waited is delivered, as TCP does. */
  async heal(): Promise<void> {
    this.#silent = false;
    for (const { client, server } of this.#pairs) {
      // Accepted while silent: there is nobody at the other end.
      if (server === undefined) client.resetAndDestroy();
      client.resume();
      server?.resume();
    }
    if (!this.#server.listening) await this.#listen(this.#port);
  }

  async close(): Promise<void> {
    this.cut();
    if (this.#server.listening) await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
  }

  #accept(client: Socket): void {
    this.connections += 1;
    const server = this.#silent ? undefined : net.connect(this.#target, '127.0.0.1');
    const pair = { client, server };
    this.#pairs.add(pair);
    const end = () => {
      this.#pairs.delete(pair);
      client.destroy();
      server?.destroy();
    };
    // An error is always followed by 'close'; the relay has nothing to say about it.
    client.on('error', () => {}).on('close', end);
    server?.on('error', () => {}).on('close', end);
    client.on('data', (chunk) => server?.write(chunk));
    server?.on('data', (chunk) => client.write(chunk));
  }
}

function pauseBoth(pair: Pair): void {
  pair.client.pause();
  pair.server?.pause();
}
