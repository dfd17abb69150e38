// SPDX-License-Identifier: Apache-2.0
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import type { Server as HttpServer } from 'node:http';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { type Clock, systemClock } from '@fairlead/shared/runtime/clock.ts';
import { expect } from 'vitest';
import type { ProxyListener, ProxyTarget } from '../listener.ts';
import type { ListenerProblem, ListenerStats } from '../plane.ts';
import { ProxySet } from '../proxy-set.ts';
import { targetOf } from './listeners.ts';
import { TestClient } from './test-client.ts';

/** Long enough for a machine that does many things at once; nothing waits for it to end. */
const PATIENT_MS = 20_000;

/** An address of this machine that nobody else uses: 127.0.0.0/8 has enough for all tests that run at one time. */
export function freshAddress(): string {
  return `127.${randomInt(1, 255)}.${randomInt(1, 255)}.${randomInt(1, 255)}`;
}

/** Resolves when it holds; for what has no event of its own. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  await expect.poll(holds, { timeout: PATIENT_MS, interval: 5, message: what }).toBe(true);
}

/** Proxies, servers and clients on this machine, which end together. */
export class Loopback {
  readonly proxies: ProxySet;
  readonly #clients: TestClient[] = [];
  readonly #ends: (() => void)[] = [];

  constructor(clock: Clock = systemClock) {
    this.proxies = new ProxySet(clock);
  }

  /** A target that does so with each connection. */
  async target(serve: (socket: Socket) => void, address = freshAddress()): Promise<ProxyTarget> {
    return await this.serve(createServer({ allowHalfOpen: true }, serve), address);
  }

  /** A target that sends back what it is sent, after its name if it has one. */
  echo(name = ''): Promise<ProxyTarget> {
    return this.target((socket) => {
      if (name !== '') socket.write(name);
      socket.on('data', (chunk) => socket.write(chunk));
      socket.on('end', () => socket.end());
    });
  }

  /** A target where nobody listens. */
  async closed(): Promise<ProxyTarget> {
    const server = createServer();
    server.listen(0, freshAddress());
    await once(server, 'listening');
    const target = targetAt(server);
    server.close();
    await once(server, 'close');
    return target;
  }

  /** This server as a target. */
  async serve(server: Server | HttpServer, address = freshAddress()): Promise<ProxyTarget> {
    const sockets = new Set<Socket>();
    server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => sockets.delete(socket));
    });
    server.listen(0, address);
    await once(server, 'listening');
    this.#ends.push(() => {
      server.close();
      for (const socket of sockets) socket.destroy();
    });
    return targetAt(server);
  }

  /** Has these listeners and no others with the ids of `gone`. Fails when one of them cannot be. */
  async listen(listeners: readonly ProxyListener[], gone: readonly string[] = []): Promise<void> {
    expect(await this.tryListen(listeners, gone)).toEqual([]);
  }

  tryListen(
    listeners: readonly ProxyListener[],
    gone: readonly string[] = [],
  ): Promise<readonly ListenerProblem[]> {
    return this.proxies.change(listeners, gone);
  }

  /** A client of the listener, connected or about to be. */
  client({ address, port }: Pick<ProxyListener, 'address' | 'port'>, from?: string): TestClient {
    const local = from === undefined ? {} : { localAddress: from };
    const socket = connect({ host: address ?? '127.0.0.1', port, allowHalfOpen: true, ...local });
    const client = new TestClient(socket);
    this.#clients.push(client);
    return client;
  }

  /** What the listener has done; undefined: nothing. */
  statsOf({ id }: ProxyListener): ListenerStats | undefined {
    return this.proxies.stats().get(id);
  }

  async end(): Promise<void> {
    for (const client of this.#clients) client.socket.destroy();
    for (const end of this.#ends) end();
    await this.proxies.stop(0);
  }
}

function targetAt(server: Server | HttpServer): ProxyTarget {
  const place = server.address();
  if (place === null || typeof place === 'string')
    throw new Error('expected a server that listens on a port');
  return targetOf(place.address, place.port);
}
