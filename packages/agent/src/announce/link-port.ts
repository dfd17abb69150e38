// SPDX-License-Identifier: Apache-2.0
import { linkIndex } from '../system/libc.ts';
import { MulticastGroups } from '../system/multicast-groups.ts';
import { NEIGHBOUR_DISCOVERY_FILTER } from '../system/packet-filter.ts';
import { PacketSocket } from '../system/packet-socket.ts';
import { ARP } from './arp/protocol.ts';
import { ipv6Bytes, solicitedNodeGroup } from './ndp/codec.ts';
import { NDP } from './ndp/protocol.ts';
import type { NeighbourMessage, NeighbourProtocol } from './neighbour-protocol.ts';
import type { Transmission } from './responder.ts';

/** A frame ready to be sent through the socket of its protocol. */
export interface OutgoingFrame {
  readonly family: 4 | 6;
  readonly bytes: Uint8Array;
}

/** What a look at a link found. */
export interface LinkState {
  /** It came up, was replaced or changed its hardware address: neighbours have to be told anew. */
  readonly cameBack: boolean;
  readonly problem?: string;
}

interface Speaker {
  readonly protocol: NeighbourProtocol;
  socket: PacketSocket | undefined;
}

/** One link on which neighbours are answered: a socket per protocol in use, and the link's present hardware address. */
export class LinkPort {
  readonly link: string;
  readonly #speakers = new Map<4 | 6, Speaker>();
  readonly #served = new Set<string>();
  #groups: MulticastGroups | undefined;
  #groupsIndex: number | undefined;
  #mac: string | undefined;
  #isRunning = false;

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
    const known = this.#speakers.get(protocol.family);
    const socket = known?.socket ?? openSocket(this.link, protocol);
    if (known?.socket === undefined) {
      this.#speakers.set(protocol.family, { protocol, socket });
      this.#mac = socket.mac();
      this.#isRunning = socket.isLinkRunning();
    }
    this.#served.add(address);
    if (protocol.family === 6) this.#joinGroups(socket);
  }

  /** These addresses are not spoken for any more; frames about them are not expected either. */
  forget(addresses: readonly string[]): void {
    for (const address of addresses) this.#served.delete(address);
    this.#groups?.retain(this.#wantedGroups());
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

  /** Follows a changed hardware address, a link that was replaced, and a carrier that comes and goes. */
  refresh(): LinkState {
    const wasRunning = this.#isRunning;
    const oldMac = this.#mac;
    const problem = this.#reopen();
    const cameBack = this.#isRunning && (!wasRunning || this.#mac !== oldMac);
    return { cameBack, ...(problem === undefined ? {} : { problem }) };
  }

  close(): void {
    for (const { socket } of this.#speakers.values()) socket?.close();
    this.#speakers.clear();
    this.#groups?.close();
  }

  #reopen(): string | undefined {
    const index = linkIndex(this.link);
    try {
      for (const speaker of this.#speakers.values()) {
        if (speaker.socket !== undefined && speaker.socket.interfaceIndex !== index) {
          speaker.socket.close();
          speaker.socket = undefined;
          this.#isRunning = false;
        }
        if (index === undefined) continue;
        speaker.socket ??= openSocket(this.link, speaker.protocol);
        this.#mac = speaker.socket.mac();
        this.#isRunning = speaker.socket.isLinkRunning();
        if (speaker.protocol.family === 6) this.#joinGroups(speaker.socket);
      }
    } catch (error) {
      this.#isRunning = false;
      return error instanceof Error ? error.message : String(error);
    }
    if (index === undefined) return `there is no link named "${this.link}"`;
    return this.#isRunning ? undefined : `link "${this.link}" is down or has no carrier`;
  }

  #joinGroups(socket: PacketSocket): void {
    if (this.#groupsIndex !== socket.interfaceIndex) {
      this.#groups?.close();
      this.#groups = new MulticastGroups(socket.interfaceIndex);
      this.#groupsIndex = socket.interfaceIndex;
    }
    for (const group of this.#wantedGroups()) this.#groups?.join(group);
  }

  #wantedGroups(): readonly Uint8Array[] {
    const addresses = [...this.#served].filter((address) => protocolOf(address).family === 6);
    return addresses.map((address) => ipv6Bytes(solicitedNodeGroup(address)));
  }
}

function protocolOf(address: string): NeighbourProtocol {
  return address.includes(':') ? NDP : ARP;
}

function openSocket(link: string, protocol: NeighbourProtocol): PacketSocket {
  return PacketSocket.open(
    link,
    protocol.etherType,
    protocol.family === 6 ? NEIGHBOUR_DISCOVERY_FILTER : undefined,
  );
}
