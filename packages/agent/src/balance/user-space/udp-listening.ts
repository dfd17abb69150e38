// SPDX-License-Identifier: Apache-2.0
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import type { Clock, Timer } from '@fairlead/shared/runtime/clock.ts';
import { closeDescriptor } from '../../system/libc.ts';
import { openListeningSocket } from '../../system/listening-socket.ts';
import type { ProxyListener } from './listener.ts';
import { ListenerState } from './listener-state.ts';
import type { ListenerStats } from './plane.ts';
import type { ProxyListening } from './proxy-listening.ts';
import { UdpFlow } from './udp-flow.ts';

/** How often silent flows are looked for, and new addresses of the host. */
const UPKEEP_INTERVAL_MS = 1_000;

/**
 * Receives datagrams, and carries those of each client to a target and back. An answer must come from the address that was
 * asked, so a listener on every address of the host has a socket for each.
 */
export class UdpListening implements ProxyListening {
  readonly #state: ListenerState;
  /** By address. */
  readonly #sockets = new Map<string, Socket>();
  /** By the client's and our own address and port; the longest silent client first. */
  readonly #flows = new Map<string, UdpFlow>();
  #upkeep: Timer | undefined;
  #isStopped = false;

  constructor(listener: ProxyListener, clock: Clock) {
    this.#state = new ListenerState(listener, clock);
  }

  async start(): Promise<void> {
    await this.#listen();
    this.#planUpkeep();
  }

  update(listener: ProxyListener): void {
    this.#state.update(listener);
  }

  stats(): ListenerStats {
    return this.#state.stats();
  }

  /** There is nothing to wait for: a datagram is answered or it is not. */
  stop(): Promise<void> {
    this.#isStopped = true;
    this.#upkeep?.cancel();
    for (const flow of this.#flows.values()) flow.close();
    this.#flows.clear();
    for (const socket of this.#sockets.values()) socket.close();
    this.#sockets.clear();
    return Promise.resolve();
  }

  async #listen(): Promise<void> {
    const { address } = this.#state.listener;
    const wanted = address === undefined ? hostAddresses() : [address];
    for (const [known, socket] of this.#sockets) {
      if (wanted.includes(known)) continue;
      this.#sockets.delete(known);
      socket.close();
    }
    for (const each of wanted) if (!this.#sockets.has(each)) await this.#open(each);
  }

  async #open(address: string): Promise<void> {
    const { port } = this.#state.listener;
    const fd = openListeningSocket('udp', address, port);
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    try {
      // With a descriptor it listens before `bind` returns.
      const listens = once(socket, 'listening');
      socket.bind({ fd });
      await listens;
    } catch (error) {
      closeDescriptor(fd);
      throw error;
    }
    if (this.#isStopped) {
      socket.close();
      return;
    }
    // Only sending fails from here on, to a client that is gone or cannot be reached.
    socket.on('error', () => undefined);
    socket.on('message', (datagram, remote) => this.#received(socket, address, datagram, remote));
    this.#sockets.set(address, socket);
  }

  #received(socket: Socket, address: string, datagram: Buffer, remote: RemoteInfo): void {
    const key = `${remote.address} ${remote.port} ${address}`;
    const flow = this.#flows.get(key) ?? this.#newFlow(key, socket, address, remote);
    // To the end of the map, whose order is that of the last visits.
    this.#flows.delete(key);
    this.#flows.set(key, flow);
    this.#state.open = this.#flows.size;
    flow.send(datagram);
  }

  #newFlow(key: string, socket: Socket, address: string, remote: RemoteInfo): UdpFlow {
    const { maxConnections } = this.#state.listener.options;
    for (const [oldest, flow] of this.#flows) {
      if (this.#flows.size < maxConnections) break;
      this.#flows.delete(oldest);
      flow.close();
      this.#state.refused += 1;
    }
    const client = {
      remote,
      local: { address, port: this.#state.listener.port },
      answer: (datagram: Buffer) => socket.send(datagram, remote.port, remote.address),
    };
    return new UdpFlow(client, this.#state, () => this.#forget(key));
  }

  #forget(key: string): void {
    this.#flows.get(key)?.close();
    this.#flows.delete(key);
    this.#state.open = this.#flows.size;
  }

  #planUpkeep(): void {
    this.#upkeep = this.#state.clock.setTimer(() => {
      this.#forgetSilent();
      // An address that cannot be listened on now may be one that is just leaving; the next round tries again.
      this.#listen()
        .catch(() => undefined)
        .finally(() => {
          if (!this.#isStopped) this.#planUpkeep();
        });
    }, UPKEEP_INTERVAL_MS);
  }

  #forgetSilent(): void {
    const { clock, listener } = this.#state;
    const sinceMs = clock.monotonicMs() - listener.options.flowTimeoutMs;
    for (const [key, flow] of this.#flows) {
      if (flow.lastMs < sinceMs) this.#forget(key);
    }
  }
}

function hostAddresses(): readonly string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
  // Link-local addresses mean something only together with a link.
  return addresses.map(({ address }) => address).filter((address) => !address.startsWith('fe80:'));
}
