// SPDX-License-Identifier: Apache-2.0
import { FAMILIES, type Family } from '@fairlead/shared/address/address.ts';
import { encodeArp } from '../announce/arp/codec.ts';
import { ARP } from '../announce/arp/protocol.ts';
import { BROADCAST_MAC, macBytes, ZERO_MAC } from '../announce/mac.ts';
import { encodeNdp, ipv6Bytes, multicastMac, solicitedNodeGroup } from '../announce/ndp/codec.ts';
import { NDP } from '../announce/ndp/protocol.ts';
import type { Claim } from '../announce/neighbour-protocol.ts';
import { MulticastGroups } from '../system/multicast-groups.ts';
import { udpAndNeighbourFilter, udpFilter } from '../system/packet-filter.ts';
import { ETHER_TYPE_ARP, ETHER_TYPE_IPV4, ETHER_TYPE_IPV6, PacketSocket } from '../system/packet-socket.ts';
import { linkLocalOf } from './identity.ts';
import { decodeUdpFrame, encodeUdpFrame, type UdpFrame } from './udp-frames.ts';

/** What is heard on a link. */
export interface StationListener {
  /** A datagram to a DHCP client's port. */
  datagram(frame: UdpFrame): void;
  /** Somebody was heard to have an address. */
  claim(claim: Claim): void;
}

/** A place on a link from which DHCP clients speak and listen, each with a hardware address of its own. */
export interface Station {
  /** Takes frames for this hardware address, too. Idempotent. @throws Error when the link is gone or is not Ethernet */
  listen(family: Family, mac: string): void;
  /** Takes frames for no other hardware addresses than these any more. @throws SystemCallError */
  retain(clients: readonly { readonly family: Family; readonly mac: string }[]): void;
  /** @throws SystemCallError when the kernel refuses the frame */
  send(frame: UdpFrame): void;
  /** Asks, on behalf of nobody, who has an address (RFC 5227, RFC 4862). @throws SystemCallError */
  probe(address: string, mac: string): void;
  /** Hands over what has come in. @throws SystemCallError for instance when the link went down */
  receive(listener: StationListener): void;
  close(): void;
}

const CLIENT_PORT4 = 68;
const CLIENT_PORT6 = 546;
/** Frames taken from a socket at once, so that a flood does not hold up the agent. */
const MAX_FRAMES = 64;

/**
 * A station made of packet sockets. The kernel knows nothing of its hardware addresses but that the link should take their
 * frames, and forgets that with the sockets: nothing is left of an agent that dies, and nothing answers in its place.
 */
export class LinkStation implements Station {
  readonly #link: string;
  readonly #macs: Readonly<Record<Family, Set<string>>> = { 4: new Set(), 6: new Set() };
  #ipv4: { readonly ip: PacketSocket; readonly arp: PacketSocket } | undefined;
  #ipv6: { readonly ip: PacketSocket; readonly groups: MulticastGroups } | undefined;

  constructor(link: string) {
    this.#link = link;
  }

  listen(family: Family, mac: string): void {
    if (this.#macs[family].has(mac)) return;
    const bytes = macBytes(mac);
    if (family === 4) this.#openIpv4().ip.listenTo(bytes);
    else {
      const { ip, groups } = this.#openIpv6();
      ip.listenTo(bytes);
      // Servers ask for the hardware address before they answer.
      groups.join(ipv6Bytes(solicitedNodeGroup(linkLocalOf(mac))));
    }
    this.#macs[family].add(mac);
  }

  retain(clients: readonly { readonly family: Family; readonly mac: string }[]): void {
    for (const family of FAMILIES) {
      const kept = new Set(clients.filter((one) => one.family === family).map(({ mac }) => mac));
      for (const mac of this.#macs[family]) if (!kept.has(mac)) this.#ignore(family, mac);
    }
  }

  #ignore(family: Family, mac: string): void {
    this.#macs[family].delete(mac);
    if (this.#macs[family].size === 0) {
      this.#closeFamily(family);
      return;
    }
    if (family === 4) this.#ipv4?.ip.ignore(macBytes(mac));
    else {
      this.#ipv6?.ip.ignore(macBytes(mac));
      const kept = [...this.#macs[6]].map((one) => ipv6Bytes(solicitedNodeGroup(linkLocalOf(one))));
      this.#ipv6?.groups.retain(kept);
    }
  }

  send(frame: UdpFrame): void {
    const { ip } = frame.family === 4 ? this.#openIpv4() : this.#openIpv6();
    ip.send(encodeUdpFrame(frame));
  }

  probe(address: string, mac: string): void {
    if (!address.includes(':')) {
      const probe = encodeArp({
        destinationMac: BROADCAST_MAC,
        sourceMac: mac,
        operation: 'request',
        senderMac: mac,
        senderAddress: '0.0.0.0',
        targetMac: ZERO_MAC,
        targetAddress: address,
      });
      this.#openIpv4().arp.send(probe);
      return;
    }
    const group = solicitedNodeGroup(address);
    const probe = encodeNdp({
      type: 'solicitation',
      destinationMac: multicastMac(group),
      sourceMac: mac,
      source: '::',
      destination: group,
      target: address,
    });
    this.#openIpv6().ip.send(probe);
  }

  receive(listener: StationListener): void {
    const heardBy = (socket: PacketSocket, take: (bytes: Uint8Array) => void): void => {
      for (let taken = 0; taken < MAX_FRAMES; taken += 1) {
        const frame = socket.receive();
        if (frame === undefined) return;
        take(frame.bytes);
      }
    };
    if (this.#ipv4 !== undefined) {
      heardBy(this.#ipv4.ip, (bytes) => takeDatagram(bytes, listener));
      heardBy(this.#ipv4.arp, (bytes) => {
        const claim = ARP.read(bytes)?.claim;
        if (claim !== undefined) listener.claim(claim);
      });
    }
    if (this.#ipv6 !== undefined) {
      heardBy(this.#ipv6.ip, (bytes) => {
        if (!takeDatagram(bytes, listener)) this.#takeNeighbour(bytes, listener);
      });
    }
  }

  close(): void {
    this.#closeFamily(4);
    this.#closeFamily(6);
  }

  /** Questions for the link-local addresses of the clients are answered here: the kernel does not have them. */
  #takeNeighbour(bytes: Uint8Array, listener: StationListener): void {
    const message = NDP.read(bytes);
    if (message?.claim !== undefined) listener.claim(message.claim);
    const question = message?.question;
    if (question === undefined) return;
    for (const mac of this.#macs[6]) {
      if (linkLocalOf(mac) === question.address && question.askerMac !== mac) {
        this.#ipv6?.ip.send(NDP.answer(question, mac));
      }
    }
  }

  #openIpv4(): { readonly ip: PacketSocket; readonly arp: PacketSocket } {
    if (this.#ipv4 !== undefined) return this.#ipv4;
    const ip = PacketSocket.open(this.#link, ETHER_TYPE_IPV4, udpFilter(CLIENT_PORT4));
    try {
      this.#ipv4 = { ip, arp: PacketSocket.open(this.#link, ETHER_TYPE_ARP) };
    } catch (error) {
      ip.close();
      throw error;
    }
    return this.#ipv4;
  }

  #openIpv6(): { readonly ip: PacketSocket; readonly groups: MulticastGroups } {
    if (this.#ipv6 !== undefined) return this.#ipv6;
    const ip = PacketSocket.open(this.#link, ETHER_TYPE_IPV6, udpAndNeighbourFilter(CLIENT_PORT6));
    this.#ipv6 = { ip, groups: new MulticastGroups(ip.interfaceIndex) };
    return this.#ipv6;
  }

  #closeFamily(family: Family): void {
    this.#macs[family].clear();
    if (family === 4) {
      this.#ipv4?.ip.close();
      this.#ipv4?.arp.close();
      this.#ipv4 = undefined;
    } else {
      this.#ipv6?.ip.close();
      this.#ipv6?.groups.close();
      this.#ipv6 = undefined;
    }
  }
}

function takeDatagram(bytes: Uint8Array, listener: StationListener): boolean {
  const frame = decodeUdpFrame(bytes);
  if (frame !== undefined) listener.datagram(frame);
  return frame !== undefined;
}
