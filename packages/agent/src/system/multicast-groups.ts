// SPDX-License-Identifier: Apache-2.0
import { closeDescriptor, openSocket, SOCK_NONBLOCK_CLOEXEC, setSocketOption } from './libc.ts';

const AF_INET6 = 10;
const SOCK_DGRAM = 2;
const IPPROTO_IPV6 = 41;
const IPV6_JOIN_GROUP = 20;
const IPV6_LEAVE_GROUP = 21;
/** The memory that one socket may use for memberships is small (net.core.optmem_max, 20 KiB on older kernels). */
const MAX_GROUPS_PER_SOCKET = 128;

/**
 * Memberships of IPv6 multicast groups on one link. They program the link's filter and are reported to switches that
 * snoop MLD, both of which solicitations need to get here. The kernel ends them with the process.
 */
export class MulticastGroups {
  readonly #interfaceIndex: number;
  /** Group (16 bytes as hexadecimal) -> the socket that joined it. */
  readonly #joined = new Map<string, number>();
  /** Socket -> how many groups it holds. */
  readonly #sockets = new Map<number, number>();

  constructor(interfaceIndex: number) {
    this.#interfaceIndex = interfaceIndex;
  }

  /** Joins a group; nothing happens when it is joined already. @throws SystemCallError */
  join(group: Uint8Array): void {
    const key = Buffer.from(group).toString('hex');
    if (this.#joined.has(key)) return;
    const socket = this.#roomySocket();
    setSocketOption(socket, IPPROTO_IPV6, IPV6_JOIN_GROUP, this.#request(group));
    this.#joined.set(key, socket);
    this.#sockets.set(socket, (this.#sockets.get(socket) ?? 0) + 1);
  }

  /** Leaves every group that is not among those to keep. @throws SystemCallError */
  retain(groups: readonly Uint8Array[]): void {
    const kept = new Set(groups.map((group) => Buffer.from(group).toString('hex')));
    for (const [key, socket] of this.#joined) {
      if (kept.has(key)) continue;
      this.#joined.delete(key);
      this.#sockets.set(socket, (this.#sockets.get(socket) ?? 1) - 1);
      setSocketOption(socket, IPPROTO_IPV6, IPV6_LEAVE_GROUP, this.#request(Buffer.from(key, 'hex')));
    }
  }

  /** Leaves all groups. */
  close(): void {
    for (const socket of this.#sockets.keys()) closeDescriptor(socket);
    this.#sockets.clear();
    this.#joined.clear();
  }

  #roomySocket(): number {
    for (const [socket, count] of this.#sockets) if (count < MAX_GROUPS_PER_SOCKET) return socket;
    const socket = openSocket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK_CLOEXEC, 0);
    this.#sockets.set(socket, 0);
    return socket;
  }

  /** `struct ipv6_mreq`: group, link index. */
  #request(group: Uint8Array): Buffer {
    const request = Buffer.alloc(20);
    request.set(group, 0);
    request.writeUInt32LE(this.#interfaceIndex, 16);
    return request;
  }
}
