// SPDX-License-Identifier: Apache-2.0
import {
  attachFilter,
  bindSocket,
  closeDescriptor,
  isLinkRunning,
  linkIndex,
  openSocket,
  receiveDatagram,
  SOCK_NONBLOCK_CLOEXEC,
  sendDatagram,
  setSocketOption,
  socketName,
} from './libc.ts';
import { encodeFilter, type FilterInstruction } from './packet-filter.ts';

const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOL_PACKET = 263;
const PACKET_ADD_MEMBERSHIP = 1;
const PACKET_DROP_MEMBERSHIP = 2;
const PACKET_IGNORE_OUTGOING = 23;
/** Kinds of `struct packet_mreq`. */
const PACKET_MR_MULTICAST = 0;
const PACKET_MR_UNICAST = 3;
const ARPHRD_ETHER = 1;
/** sizeof(struct sockaddr_ll), see packet(7). */
const ADDRESS_LENGTH = 20;

/** EtherTypes that we speak. */
export const ETHER_TYPE_IPV4 = 0x0800;
export const ETHER_TYPE_ARP = 0x0806;
export const ETHER_TYPE_IPV6 = 0x86dd;

/** To whom the link layer delivered a frame (`sll_pkttype`, packet(7)). */
export type FrameScope = 'host' | 'broadcast' | 'multicast' | 'otherHost' | 'outgoing';

const SCOPES: readonly FrameScope[] = ['host', 'broadcast', 'multicast', 'otherHost', 'outgoing'];

/** One frame from the wire, beginning with its Ethernet header. */
export interface ReceivedFrame {
  readonly bytes: Uint8Array;
  readonly scope: FrameScope;
}

/**
 * A packet socket (AF_PACKET, SOCK_RAW) bound to one Ethernet link and one EtherType. Never blocks: use `fd` with
 * `pollReadable`. What it sends passes no netfilter hook of the arp, ip and ip6 families, which is what lets the agent
 * speak for an address while the guard keeps the kernel silent.
 */
export class PacketSocket {
  readonly interfaceName: string;
  readonly interfaceIndex: number;
  readonly fd: number;
  readonly #frame = Buffer.alloc(2048);
  readonly #sender = Buffer.alloc(ADDRESS_LENGTH);
  #isOpen = true;

  private constructor(interfaceName: string, interfaceIndex: number, fd: number) {
    this.interfaceName = interfaceName;
    this.interfaceIndex = interfaceIndex;
    this.fd = fd;
  }

  /**
   * @param filter only frames that pass it are received; all when absent
   * @throws Error when there is no such link or it is not an Ethernet link
   * @throws SystemCallError, for instance EPERM without CAP_NET_RAW
   */
  static open(interfaceName: string, etherType: number, filter?: readonly FilterInstruction[]): PacketSocket {
    const index = linkIndex(interfaceName);
    if (index === undefined) throw new Error(`there is no link named "${interfaceName}"`);
    // Protocol 0 until bound: a socket with a protocol would queue frames of every link before the bind.
    const fd = openSocket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK_CLOEXEC, 0);
    try {
      const address = Buffer.alloc(ADDRESS_LENGTH);
      address.writeUInt16LE(AF_PACKET, 0);
      address.writeUInt16BE(etherType, 2);
      address.writeInt32LE(index, 4);
      if (filter !== undefined) attachFilter(fd, encodeFilter(filter));
      bindSocket(fd, address, `link "${interfaceName}"`);
      if (socketName(fd, ADDRESS_LENGTH).readUInt16LE(8) !== ARPHRD_ETHER) {
        throw new Error(
          `link "${interfaceName}" is not an Ethernet link, so no neighbour can be answered on it`,
        );
      }
      setSocketOption(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, Buffer.from([1, 0, 0, 0]));
    } catch (error) {
      closeDescriptor(fd);
      throw error;
    }
    return new PacketSocket(interfaceName, index, fd);
  }

  /** The link's hardware address as it is now (it changes, for instance, with a bond's active port). */
  mac(): string {
    const address = socketName(this.fd, ADDRESS_LENGTH);
    return [...address.subarray(12, 18)].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
  }

  /** Whether the link is up and has a carrier. @throws SystemCallError when the link is gone */
  isLinkRunning(): boolean {
    return isLinkRunning(this.fd, this.interfaceName);
  }

  /**
   * Has the link take frames for another hardware address, too: that of a group, or one that is not the link's own. The
   * kernel ends this with the socket.
   *
   * @throws SystemCallError
   */
  listenTo(mac: Uint8Array): void {
    setSocketOption(this.fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, this.#membership(mac));
  }

  /** Undoes {@link listenTo}. @throws SystemCallError when it was not called for this address, or the link is gone */
  ignore(mac: Uint8Array): void {
    setSocketOption(this.fd, SOL_PACKET, PACKET_DROP_MEMBERSHIP, this.#membership(mac));
  }

  /** `struct packet_mreq`: link index, kind, length, address. */
  #membership(mac: Uint8Array): Buffer {
    const request = Buffer.alloc(16);
    request.writeInt32LE(this.interfaceIndex, 0);
    request.writeUInt16LE(((mac[0] ?? 0) & 1) === 1 ? PACKET_MR_MULTICAST : PACKET_MR_UNICAST, 4);
    request.writeUInt16LE(mac.length, 6);
    request.set(mac, 8);
    return request;
  }

  /** Sends one whole Ethernet frame. @throws SystemCallError (ENETDOWN, ENOBUFS, ENXIO) */
  send(frame: Uint8Array): void {
    sendDatagram(this.fd, frame);
  }

  /**
   * The next waiting frame, or undefined. The bytes are valid until the next call.
   *
   * @throws SystemCallError ENETDOWN once when the link goes down
   */
  receive(): ReceivedFrame | undefined {
    const length = receiveDatagram(this.fd, this.#frame, this.#sender);
    if (length < 0) return undefined;
    const scope = SCOPES[this.#sender.readUInt8(10)] ?? 'otherHost';
    return { bytes: this.#frame.subarray(0, length), scope };
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    closeDescriptor(this.fd);
  }
}
