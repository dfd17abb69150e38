// SPDX-License-Identifier: Apache-2.0
import {
  bindSocket,
  closeDescriptor,
  openSocket,
  receiveDatagram,
  SOCK_NONBLOCK_CLOEXEC,
  SystemCallError,
} from './libc.ts';
import { NETLINK_NETFILTER } from './netlink.ts';

const AF_NETLINK = 16;
const SOCK_RAW = 3;
/** Bit of NFNLGRP_NFTABLES (7), linux/netfilter/nfnetlink.h. */
const NFTABLES_GROUP = 1 << 6;
/** sizeof(struct sockaddr_nl), netlink(7). */
const ADDRESS_LENGTH = 12;

/**
 * Tells when somebody has changed any rule of nftables in this network namespace, those of `iptables-nft` among them. What has
 * changed is not read. Never blocks and starts no program.
 */
export class NftWatch {
  readonly #fd: number;
  readonly #buffer = Buffer.alloc(65_536);
  readonly #sender = Buffer.alloc(ADDRESS_LENGTH);
  #isOpen = true;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** @throws SystemCallError */
  static open(): NftWatch {
    const fd = openSocket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK_CLOEXEC, NETLINK_NETFILTER);
    try {
      const address = Buffer.alloc(ADDRESS_LENGTH);
      address.writeUInt16LE(AF_NETLINK, 0);
      address.writeUInt32LE(NFTABLES_GROUP, 8);
      bindSocket(fd, address, 'nftables messages of the kernel');
    } catch (error) {
      closeDescriptor(fd);
      throw error;
    }
    return new NftWatch(fd);
  }

  /** Takes everything that waits; true when there was anything. */
  drain(): boolean {
    let seen = false;
    while (this.#isOpen) {
      try {
        if (receiveDatagram(this.#fd, this.#buffer, this.#sender) < 0) return seen;
      } catch (error) {
        // ENOBUFS: more has happened than the socket could hold. Something has happened.
        if (!(error instanceof SystemCallError) || error.code !== 'ENOBUFS') throw error;
      }
      seen = true;
    }
    return seen;
  }

  close(): void {
    if (this.#isOpen) closeDescriptor(this.#fd);
    this.#isOpen = false;
  }
}
