// SPDX-License-Identifier: Apache-2.0
import {
  bindSocket,
  closeDescriptor,
  openSocket,
  SOCK_NONBLOCK_CLOEXEC,
  SystemCallError,
  setSocketOption,
} from './libc.ts';
import { socketAddress } from './udp-socket.ts';

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SOL_IP = 0;
const IP_FREEBIND = 15;
const SOL_IPV6 = 41;
const IPV6_V6ONLY = 26;
const IPV6_FREEBIND = 78;
const SO_KEEPALIVE = 9;
const SOL_TCP = 6;
const TCP_NODELAY = 1;
const TCP_KEEPIDLE = 4;
const TCP_KEEPINTVL = 5;
const TCP_KEEPCNT = 6;
const ON = Buffer.from([1, 0, 0, 0]);
const OFF = Buffer.alloc(4);

/**
 * What accepted connections have from the start, as they inherit it (tcp(7)), which costs nothing for each of them: small
 * messages go out at once, and those whose other end is gone without a word are found within two minutes.
 */
const INHERITED: readonly (readonly [level: number, option: number, value: number])[] = [
  [SOL_TCP, TCP_NODELAY, 1],
  [SOL_SOCKET, SO_KEEPALIVE, 1],
  [SOL_TCP, TCP_KEEPIDLE, 60],
  [SOL_TCP, TCP_KEEPINTVL, 10],
  [SOL_TCP, TCP_KEEPCNT, 6],
];

/**
 * A bound socket for Node's servers, which take a descriptor: they cannot bind to an address that is yet to come to this host
 * (IP_FREEBIND, ip(7)), and a takeover must not wait for that. The caller owns the descriptor.
 *
 * @param address undefined: every address, of both families where the host has both
 * @throws SystemCallError, for instance EADDRINUSE, or EACCES below port 1024 without CAP_NET_BIND_SERVICE
 */
export function openListeningSocket(
  protocol: 'tcp' | 'udp',
  address: string | undefined,
  port: number,
): number {
  if (address !== undefined) return bound(protocol, address, port, true);
  try {
    return bound(protocol, '::', port, false);
  } catch (error) {
    if (!(error instanceof SystemCallError && error.code === 'EAFNOSUPPORT')) throw error;
    return bound(protocol, '0.0.0.0', port, false);
  }
}

function bound(protocol: 'tcp' | 'udp', address: string, port: number, isV6Only: boolean): number {
  const isV6 = address.includes(':');
  const target = socketAddress(isV6 ? `[${address}]:${port}` : `${address}:${port}`);
  if (!target.ok) throw new Error(`cannot listen on ${address}, port ${port}: ${target.problem}`);
  const type = protocol === 'tcp' ? SOCK_STREAM : SOCK_DGRAM;
  const fd = openSocket(isV6 ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK_CLOEXEC, 0);
  try {
    // With TCP: connections of an earlier run that are not quite over do not stand in the way. With UDP it would let two listen.
    if (protocol === 'tcp') {
      setSocketOption(fd, SOL_SOCKET, SO_REUSEADDR, ON);
      for (const [level, option, value] of INHERITED) setSocketOption(fd, level, option, bytesOf(value));
    }
    if (isV6) {
      setSocketOption(fd, SOL_IPV6, IPV6_V6ONLY, isV6Only ? ON : OFF);
      setSocketOption(fd, SOL_IPV6, IPV6_FREEBIND, ON);
    } else setSocketOption(fd, SOL_IP, IP_FREEBIND, ON);
    bindSocket(fd, target.value, `${protocol} port ${port} of ${address}`);
  } catch (error) {
    closeDescriptor(fd);
    throw error;
  }
  return fd;
}

function bytesOf(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}
