// SPDX-License-Identifier: Apache-2.0
import {
  bindSocket,
  closeDescriptor,
  openSocket,
  receiveDatagram,
  SOCK_NONBLOCK_CLOEXEC,
  SystemCallError,
} from './libc.ts';

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const NETLINK_ROUTE = 0;
const RTMGRP_LINK = 1;
/** sizeof(struct sockaddr_nl), netlink(7). */
const ADDRESS_LENGTH = 12;

/**
 * Tells when links of this network namespace come, go, or change their carrier (rtnetlink(7), RTMGRP_LINK). What has changed
 * is not read: whoever is told looks at the links that it cares about. Never blocks; use `fd` with `pollReadable`.
 */
export class LinkWatch {
  readonly fd: number;
  readonly #buffer = Buffer.alloc(16_384);
  readonly #sender = Buffer.alloc(ADDRESS_LENGTH);
  #isOpen = true;

  private constructor(fd: number) {
    this.fd = fd;
  }

  /** @throws SystemCallError */
  static open(): LinkWatch {
    const fd = openSocket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK_CLOEXEC, NETLINK_ROUTE);
    try {
      const address = Buffer.alloc(ADDRESS_LENGTH);
      address.writeUInt16LE(AF_NETLINK, 0);
      address.writeUInt32LE(RTMGRP_LINK, 8);
      bindSocket(fd, address, 'link messages of the kernel');
    } catch (error) {
      closeDescriptor(fd);
      throw error;
    }
    return new LinkWatch(fd);
  }

  /** Takes everything that waits; true when there was anything. */
  drain(): boolean {
    let seen = false;
    for (;;) {
      try {
        if (receiveDatagram(this.fd, this.#buffer, this.#sender) < 0) return seen;
      } catch (error) {
        // ENOBUFS: more has happened than the socket could hold. Something has happened.
        if (!(error instanceof SystemCallError)) throw error;
      }
      seen = true;
    }
  }

  close(): void {
    if (this.#isOpen) closeDescriptor(this.fd);
    this.#isOpen = false;
  }
}
