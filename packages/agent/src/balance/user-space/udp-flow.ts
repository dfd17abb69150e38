// SPDX-License-Identifier: Apache-2.0
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { ProxyTarget } from './listener.ts';
import type { ListenerState } from './listener-state.ts';
import { type Endpoint, proxyHeader } from './proxy-protocol.ts';
import { plainAddress } from './socket-ends.ts';

/** Datagrams kept until the first answer, for the next target if this one turns out to be closed. */
const MAX_UNANSWERED = 8;

/** Where a flow comes from, and how it is answered. */
export interface UdpClient {
  readonly remote: Pick<RemoteInfo, 'address' | 'port'>;
  /** Where its datagrams arrived. */
  readonly local: Endpoint;
  answer(datagram: Buffer): void;
}

/** The datagrams of one client address and port. They stay with one target as long as it is there and not closed. */
export class UdpFlow {
  readonly #client: UdpClient;
  readonly #state: ListenerState;
  readonly #onEnd: () => void;
  readonly #tried = new Set<string>();
  /** What was sent before the first answer. */
  readonly #unanswered: Buffer[] = [];
  #hasAnswered = false;
  #socket: Socket | undefined;
  #isConnected = false;
  #targetId = '';
  #lastMs: number;

  /** @param onEnd no target takes it: called once, unless it is closed before */
  constructor(client: UdpClient, state: ListenerState, onEnd: () => void) {
    this.#client = client;
    this.#state = state;
    this.#onEnd = onEnd;
    this.#lastMs = state.clock.monotonicMs();
  }

  /** Monotonic milliseconds of the last datagram either way. */
  get lastMs(): number {
    return this.#lastMs;
  }

  /** On to the target; to a new one when the old one was taken away. */
  send(datagram: Buffer): void {
    const { book, clock } = this.#state;
    this.#lastMs = clock.monotonicMs();
    this.#state.bytesIn += datagram.length;
    if (this.#socket !== undefined && !book.has(this.#targetId)) this.#release();
    if (this.#isConnected) this.#socket?.send(this.#wrap(datagram));
    if (!this.#hasAnswered && this.#unanswered.length < MAX_UNANSWERED) this.#unanswered.push(datagram);
    if (this.#socket === undefined) this.#connect();
  }

  close(): void {
    this.#release();
  }

  #connect(): void {
    const { book, clock, listener } = this.#state;
    const client = plainAddress(this.#client.remote.address);
    const isExhausted = this.#tried.size >= listener.options.attempts;
    const target = isExhausted ? 'none' : book.choose(client, this.#tried, clock.monotonicMs());
    if (target === 'none' || target === 'full') {
      this.#state.refused += 1;
      this.#onEnd();
      return;
    }
    this.#tried.add(target.id);
    this.#targetId = target.id;
    book.opened(target.id, client, clock.monotonicMs());
    this.#open(target);
  }

  #open({ host, port }: ProxyTarget): void {
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    this.#socket = socket;
    socket.on('message', (datagram) => this.#answered(datagram));
    socket.on('error', () => this.#failed(socket));
    socket.on('connect', () => {
      this.#isConnected = true;
      for (const datagram of this.#unanswered) socket.send(this.#wrap(datagram));
    });
    socket.connect(port, host);
  }

  #answered(datagram: Buffer): void {
    this.#lastMs = this.#state.clock.monotonicMs();
    this.#state.bytesOut += datagram.length;
    if (!this.#hasAnswered) {
      this.#hasAnswered = true;
      this.#unanswered.length = 0;
      this.#tried.clear();
      this.#state.book.succeeded(this.#targetId);
    }
    this.#client.answer(datagram);
  }

  /** Nobody listens there (an ICMP message said so): what it has not answered goes to another one. */
  #failed(socket: Socket): void {
    if (socket !== this.#socket) return;
    const { book, clock } = this.#state;
    book.failed(this.#targetId, clock.monotonicMs());
    this.#release();
    this.#connect();
  }

  #release(): void {
    if (this.#socket === undefined) return;
    this.#socket.close();
    this.#socket = undefined;
    this.#isConnected = false;
    this.#hasAnswered = false;
    this.#state.targetClosed(this.#targetId, plainAddress(this.#client.remote.address));
  }

  #wrap(datagram: Buffer): Buffer {
    const { sendProxyProtocol } = this.#state.listener.options;
    if (sendProxyProtocol === undefined) return datagram;
    const { address, port } = this.#client.remote;
    const ends = { source: { address: plainAddress(address), port }, destination: this.#client.local };
    return Buffer.concat([proxyHeader(2, ends, 'udp'), datagram]);
  }
}
