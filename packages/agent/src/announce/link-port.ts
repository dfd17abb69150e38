// SPDX-License-Identifier: Apache-2.0
import { linkIndex } from '../system/libc.ts';
import { PacketSocket } from '../system/packet-socket.ts';
import { ARP } from './arp/protocol.ts';
import type { NeighbourMessage, NeighbourProtocol } from './neighbour-protocol.ts';
import type { Transmission } from './responder.ts';

/** A frame ready to be sent through the socket of its protocol. */
export interface OutgoingFrame {
  readonly family: 4 | 6;
  readonly bytes: Uint8Array;
}

interface Speaker {
  readonly protocol: NeighbourProtocol;
  socket: PacketSocket | undefined;
}

/** One link on which neighbours are answered: a socket per protocol in use, and the link's present hardware address. */
export class LinkPort {
  readonly link: string;
  readonly #speakers = new Map<4 | 6, Speaker>();
  #mac: string | undefined;

  constructor(link: string) {
    this.link = link;
  }

  /** The hardware address that is announced. */
  get mac(): string | undefined {
    return this.#mac;
  }

  /**
   * Gets ready to speak for this address.
   *
   * @throws Error when the link is missing or is no Ethernet link
   */
  serve(address: string): void {
    const protocol = protocolOf(address);
    const speaker = this.#speakers.get(protocol.family);
    if (speaker?.socket !== undefined) return;
    const socket = PacketSocket.open(this.link, protocol.etherType);
    this.#speakers.set(protocol.family, { protocol, socket });
    this.#mac = socket.mac();
  }

  descriptors(): readonly number[] {
    return [...this.#speakers.values()].flatMap(({ socket }) => (socket === undefined ? [] : [socket.fd]));
  }

  /** The frames of a transmission with the link's present hardware address. */
  framesOf(transmission: Transmission): readonly OutgoingFrame[] {
    const protocol = protocolOf(transmission.address);
    const mac = this.#mac;
    if (mac === undefined) return [];
    const frames =
      transmission.kind === 'answer'
        ? [protocol.answer(transmission.question, mac)]
        : protocol.announcements(transmission.address, mac);
    return frames.map((bytes) => ({ family: protocol.family, bytes }));
  }

  /** @throws SystemCallError when the kernel refuses the frame */
  send(frame: OutgoingFrame): void {
    this.#speakers.get(frame.family)?.socket?.send(frame.bytes);
  }

  /**
   * Hands at most `limit` waiting frames of each protocol to the listener.
   *
   * @throws SystemCallError for instance ENETDOWN, once
   */
  receive(limit: number, listener: (message: NeighbourMessage) => void): void {
    for (const { protocol, socket } of this.#speakers.values()) {
      for (let taken = 0; taken < limit; taken += 1) {
        const frame = socket?.receive();
        if (frame === undefined) break;
        // "otherHost" frames carry a VLAN tag of nobody's or were meant for another station.
        if (frame.scope === 'otherHost' || frame.scope === 'outgoing') continue;
        const message = protocol.read(frame.bytes);
        if (message !== undefined) listener(message);
      }
    }
  }

  /** Follows a changed hardware address or a link that was replaced. Returns what is wrong with the link, if anything. */
  refresh(): string | undefined {
    const index = linkIndex(this.link);
    try {
      for (const speaker of this.#speakers.values()) {
        if (speaker.socket !== undefined && speaker.socket.interfaceIndex !== index) {
          speaker.socket.close();
          speaker.socket = undefined;
        }
        if (index === undefined) continue;
        speaker.socket ??= PacketSocket.open(this.link, speaker.protocol.etherType);
        this.#mac = speaker.socket.mac();
      }
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
    return index === undefined ? `there is no link named "${this.link}"` : undefined;
  }

  close(): void {
    for (const { socket } of this.#speakers.values()) socket?.close();
    this.#speakers.clear();
  }
}

function protocolOf(address: string): NeighbourProtocol {
  if (address.includes(':')) throw new Error(`${address}: IPv6 is not answered for yet`);
  return ARP;
}
