// SPDX-License-Identifier: Apache-2.0
import { type Address, address } from '@fairlead/shared/address/address.ts';
import koffi from 'koffi';

/** The kernel's neighbour cache of this network namespace, through netlink: a process per look-up would be too slow. */
export interface NeighborCache {
  /** Removes the entry for an address, so that the next packet to it has to ask again. None there is no error. */
  forget(target: string): void;
  close(): void;
}

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const NETLINK_ROUTE = 0;
const RTM_DELNEIGH = 29;
const NLM_F_REQUEST = 0x1;
const NLM_F_ACK = 0x4;
const NLMSG_ERROR = 2;
const NDA_DST = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const ENOENT = 2;
const HEADER_BYTES = 16;
const NEIGHBOR_BYTES = 12;

/** Opens the cache for one interface. Needs CAP_NET_ADMIN in this network namespace. Throws with the system's reason. */
export function openNeighborCache(interfaceName: string): NeighborCache {
  const library = koffi.load(null);
  const socket = library.func('int socket(int, int, int)');
  const send = library.func('long send(int, void *, size_t, int)');
  const receive = library.func('long recv(int, _Out_ void *, size_t, int)');
  const close = library.func('int close(int)');
  const index = library.func('unsigned int if_nametoindex(const char *)')(interfaceName) as number;
  if (index === 0) throw new Error(`no interface ${interfaceName} in this network namespace`);
  const descriptor = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE) as number;
  if (descriptor < 0) throw new Error(`socket(AF_NETLINK) failed: errno ${koffi.errno()}`);
  const answer = Buffer.alloc(256);
  return {
    forget(target) {
      const request = forgetRequest(address(target), index);
      if (send(descriptor, request, request.length, 0) < 0)
        throw new Error(`netlink request failed: errno ${koffi.errno()}`);
      // The kernel has answered by the time that send returns.
      const length = receive(descriptor, answer, answer.length, 0) as number;
      const error = length < 0 ? koffi.errno() : errorIn(answer.subarray(0, length));
      if (error !== 0 && error !== ENOENT)
        throw new Error(`removing neighbour ${target} on ${interfaceName} failed: errno ${error}`);
    },
    close() {
      close(descriptor);
    },
  };
}

/** The netlink message that removes an entry (rtnetlink(7), struct ndmsg). Pure. */
export function forgetRequest(target: Address, interfaceIndex: number): Buffer {
  const bytes = target.family === 4 ? 4 : 16;
  const request = Buffer.alloc(HEADER_BYTES + NEIGHBOR_BYTES + 4 + bytes);
  request.writeUInt32LE(request.length, 0);
  request.writeUInt16LE(RTM_DELNEIGH, 4);
  request.writeUInt16LE(NLM_F_REQUEST | NLM_F_ACK, 6);
  request.writeUInt8(target.family === 4 ? AF_INET : AF_INET6, HEADER_BYTES);
  request.writeInt32LE(interfaceIndex, HEADER_BYTES + 4);
  const attribute = HEADER_BYTES + NEIGHBOR_BYTES;
  request.writeUInt16LE(4 + bytes, attribute);
  request.writeUInt16LE(NDA_DST, attribute + 2);
  Buffer.from(target.value.toString(16).padStart(2 * bytes, '0'), 'hex').copy(request, attribute + 4);
  return request;
}

function errorIn(message: Buffer): number {
  if (message.length < HEADER_BYTES + 4 || message.readUInt16LE(4) !== NLMSG_ERROR)
    throw new Error(`unexpected netlink answer ${message.toString('hex')}`);
  return -message.readInt32LE(HEADER_BYTES);
}
