// SPDX-License-Identifier: Apache-2.0
import {
  bindSocket,
  closeDescriptor,
  openSocket,
  receiveDatagram,
  SOCK_NONBLOCK_CLOEXEC,
  SystemCallError,
} from './libc.ts';
import { NETLINK_NETFILTER, NETLINK_ROUTE } from './netlink.ts';

const AF_NETLINK = 16;
const SOCK_RAW = 3;
/** RTMGRP_LINK, rtnetlink(7). */
const LINKS_GROUP = 1;
/** Bit of NFNLGRP_NFTABLES (7), linux/netfilter/nfnetlink.h. */
const NFTABLES_GROUP = 1 << 6;
/** sizeof(struct sockaddr_nl), netlink(7). */
const ADDRESS_LENGTH = 12;

/**
 * Tells when something of this network namespace has changed. What has changed is not read: whoever is told looks at what it cares
 * about. Never blocks and starts no program; use `fd` with `pollReadable`.
 */
export class NetlinkWatch {
  readonly fd: number;
  readonly #buffer = Buffer.alloc(65_536);
  readonly #sender = Buffer.alloc(ADDRESS_LENGTH);
  #isOpen = true;

  private constructor(fd: number) {
    this.fd = fd;
  }

  /** Links that come, go, or change their carrier. @throws SystemCallError */
  static ofLinks(): NetlinkWatch {
    return NetlinkWatch.#open(NETLINK_ROUTE, LINKS_GROUP, 'link messages of the kernel');
  }

  /** Any rule of nftables, those of `iptables-nft` among them. @throws SystemCallError */
  static ofNftables(): NetlinkWatch {
    return NetlinkWatch.#open(NETLINK_NETFILTER, NFTABLES_GROUP, 'nftables messages of the kernel');
  }

  static #open(subsystem: number, groups: number, what: string): NetlinkWatch {
    const fd = openSocket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK_CLOEXEC, subsystem);
    try {
      const address = Buffer.alloc(ADDRESS_LENGTH);
      address.writeUInt16LE(AF_NETLINK, 0);
      address.writeUInt32LE(groups, 8);
      bindSocket(fd, address, what);
    } catch (error) {
      closeDescriptor(fd);
      throw error;
    }
    return new NetlinkWatch(fd);
  }

  /** Takes everything that waits; true when there was anything. @throws SystemCallError */
  drain(): boolean {
    let seen = false;
    while (this.#isOpen) {
      try {
        if (receiveDatagram(this.fd, this.#buffer, this.#sender) < 0) return seen;
      } catch (error) {
        // ENOBUFS: more has happened than the socket could hold. Something has happened.
        if (!(error instanceof SystemCallError) || error.code !== 'ENOBUFS') throw error;
      }
      seen = true;
    }
    return seen;
  }

  close(): void {
    if (this.#isOpen) closeDescriptor(this.fd);
    this.#isOpen = false;
  }
}
