// SPDX-License-Identifier: Apache-2.0
import { SystemCallError } from '../../system/libc.ts';
import { type SocketAddress, socketAddress, UdpSocket } from '../../system/udp-socket.ts';
import { Codec, MAX_DATAGRAM_BYTES } from '../raft/codec.ts';
import { KeyRing } from '../raft/key-ring.ts';
import type { Message } from '../raft/messages.ts';
import { ReplayGuard } from '../raft/replay-guard.ts';
import type { RaftKeys, RaftSetup } from './raft-port.ts';

/** Time after which a port that could not be had is tried again. */
const RETRY_MS = 1_000;

/** What {@link RaftTraffic} tells about a well-signed datagram, whether it is for us or not. */
export interface TrafficListener {
  message(message: Message): void;
  /** Of another group, but signed with our key. */
  foreign(epoch: number): void;
}

/** What {@link RaftTraffic} has counted. */
export interface TrafficCounts {
  readonly sent: number;
  readonly sendFailed: number;
  readonly received: number;
  readonly ignored: ReadonlyMap<string, number>;
}

/**
 * Messages of one node as datagrams: signs and sends, receives and checks. What cannot be sent is counted and forgotten, as
 * the protocol expects of a network; what cannot be believed is counted and ignored.
 */
export class RaftTraffic {
  readonly #setup: RaftSetup;
  readonly #codec = new Codec();
  #guard: ReplayGuard;
  #keys: KeyRing | undefined;
  #keyProblem: string | undefined;
  #socket: UdpSocket | undefined;
  #socketProblem: string | undefined;
  #retryMs = Number.NEGATIVE_INFINITY;
  #endpoints: ReadonlyMap<string, SocketAddress> = new Map();
  #sent = 0;
  #sendFailed = 0;
  #received = 0;
  readonly #ignored = new Map<string, number>();

  constructor(setup: RaftSetup, nowMs: number) {
    this.#setup = setup;
    this.#guard = new ReplayGuard(setup.id);
    this.setKeys(setup.keys);
    this.keepOpen(nowMs);
  }

  get counts(): TrafficCounts {
    return {
      sent: this.#sent,
      sendFailed: this.#sendFailed,
      received: this.#received,
      ignored: new Map(this.#ignored),
    };
  }

  /** Why nothing can be sent or received. */
  get problem(): string | undefined {
    return this.#socketProblem ?? this.#keyProblem;
  }

  get descriptor(): number | undefined {
    return this.#socket?.fd;
  }

  /** When to call {@link keepOpen} again. */
  get retryMs(): number {
    return this.#socket === undefined ? this.#retryMs : Number.POSITIVE_INFINITY;
  }

  /** Secrets that cannot be used change nothing: those before them stay. */
  setKeys({ signing, others }: RaftKeys): void {
    const ring = KeyRing.of(signing, others);
    if (ring.ok) this.#keys = ring.value;
    this.#keyProblem = ring.ok ? undefined : ring.problem;
  }

  setEndpoints(endpoints: ReadonlyMap<string, string>): void {
    const known = new Map<string, SocketAddress>();
    for (const [name, endpoint] of endpoints) {
      const address = socketAddress(endpoint);
      if (address.ok) known.set(name, address.value);
    }
    this.#endpoints = known;
    this.#guard.keepOnly(new Set(endpoints.keys()));
  }

  /** Opens the socket when there is none, not too often. True when there is a new one. */
  keepOpen(nowMs: number): boolean {
    if (this.#socket !== undefined || nowMs < this.#retryMs) return false;
    const { address, port } = this.#setup.listen;
    try {
      this.#socket = UdpSocket.open(address, port, MAX_DATAGRAM_BYTES + 1);
      this.#socketProblem = undefined;
      return true;
    } catch (error) {
      this.#retryMs = nowMs + RETRY_MS;
      this.#socketProblem = error instanceof Error ? error.message : String(error);
      return false;
    }
  }

  send(message: Message): void {
    const to = this.#endpoints.get(message.to);
    if (to === undefined || this.#socket === undefined || this.#keys === undefined) {
      this.#sendFailed++;
      return;
    }
    const datagram = this.#codec.encode(message, this.#keys);
    if (!datagram.ok) throw new Error(`a message that cannot be said: ${datagram.problem}`);
    try {
      this.#socket.send(datagram.value, to);
      this.#sent++;
    } catch (error) {
      if (!(error instanceof SystemCallError)) throw error;
      this.#sendFailed++;
    }
  }

  /** Hands on at most `limit` datagrams that wait. */
  receive(limit: number, listener: TrafficListener): void {
    for (let taken = 0; taken < limit; taken++) {
      const datagram = this.#next();
      if (datagram === undefined) return;
      if (datagram.length > 0) this.#take(datagram, listener);
    }
  }

  close(): void {
    this.#socket?.close();
    this.#socket = undefined;
    this.#retryMs = Number.POSITIVE_INFINITY;
  }

  #next(): Uint8Array | undefined {
    try {
      return this.#socket?.receive();
    } catch (error) {
      // How a socket tells that a datagram sent before could not be delivered. The next call may find one that was.
      if (!(error instanceof SystemCallError)) throw error;
      return new Uint8Array(0);
    }
  }

  #take(datagram: Uint8Array, listener: TrafficListener): void {
    this.#received++;
    if (this.#keys === undefined) return;
    const decoded = this.#codec.decode(datagram, this.#keys, this.#setup.groupId);
    if (!decoded.ok) {
      this.#ignore(decoded.failure);
      if (decoded.foreign !== undefined) listener.foreign(decoded.foreign.epoch);
      return;
    }
    const refusal = this.#guard.check(decoded.message);
    if (refusal === undefined) listener.message(decoded.message);
    else this.#ignore(refusal);
  }

  #ignore(code: string): void {
    this.#ignored.set(code, (this.#ignored.get(code) ?? 0) + 1);
  }
}
