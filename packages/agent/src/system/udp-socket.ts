// SPDX-License-Identifier: Apache-2.0
import { addressOf } from '@fairlead/shared/address/address.ts';
import { type Parsed, parsed, unparsable } from '@fairlead/shared/address/parsed.ts';
import {
  bindSocket,
  closeDescriptor,
  openSocket,
  receiveDatagram,
  SOCK_NONBLOCK_CLOEXEC,
  sendDatagramTo,
  setSocketOption,
} from './libc.ts';

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM = 2;
const SOL_SOCKET = 1;
const SO_PRIORITY = 12;
const SOL_IP = 0;
const IP_TOS = 1;
const SOL_IPV6 = 41;
const IPV6_V6ONLY = 26;
const IPV6_TCLASS = 67;
/** Network control (RFC 4594): what keeps the network running goes before what runs in it. */
const CLASS_SELECTOR_6 = 0xc0;
const PRIORITY_CONTROL = 6;
/** sizeof(struct sockaddr_in6), the longer of the two. */
const MAX_ADDRESS_LENGTH = 28;

/** Where a datagram goes, as the kernel wants it (struct sockaddr_in or sockaddr_in6). */
export type SocketAddress = Uint8Array;

/** Reads `192.0.2.1:7947` or `[2001:db8::1]:7947`. */
export function socketAddress(endpoint: string): Parsed<SocketAddress> {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):(\d{1,5})$/.exec(endpoint);
  const [, v6, v4, port] = match ?? [];
  return encode(v6 ?? v4 ?? '', Number(port ?? Number.NaN));
}

function encode(text: string, port: number): Parsed<SocketAddress> {
  const address = addressOf(text);
  if (address === undefined || !(port >= 0 && port <= 65_535)) {
    return unparsable('expected an address and a port, as 192.0.2.1:7947 or [2001:db8::1]:7947');
  }
  const isV6 = address.family === 6;
  const bytes = Buffer.alloc(isV6 ? MAX_ADDRESS_LENGTH : 16);
  bytes.writeUInt16LE(isV6 ? AF_INET6 : AF_INET, 0);
  bytes.writeUInt16BE(port, 2);
  const digits = address.value.toString(16).padStart(isV6 ? 32 : 8, '0');
  bytes.write(digits, isV6 ? 8 : 4, 'hex');
  return parsed(bytes);
}

/**
 * A UDP socket without Node's event loop in between, for a thread that waits with `pollReadable`. Never blocks. The
 * descriptor outlives its thread: whoever ends threads closes it.
 */
export class UdpSocket {
  readonly fd: number;
  readonly #buffer: Buffer;
  readonly #sender = Buffer.alloc(MAX_ADDRESS_LENGTH);
  #isOpen = true;

  private constructor(fd: number, maxBytes: number) {
    this.fd = fd;
    this.#buffer = Buffer.alloc(maxBytes);
  }

  /**
   * @param address `0.0.0.0` or `::` for all of the family; an IPv6 socket does not take IPv4
   * @param maxBytes longer datagrams are cut
   * @throws SystemCallError, for instance EADDRINUSE
   */
  static open(address: string, port: number, maxBytes: number): UdpSocket {
    const target = encode(address, port);
    if (!target.ok) throw new Error(`cannot listen on ${address}, port ${port}: ${target.problem}`);
    const isV6 = address.includes(':');
    const fd = openSocket(isV6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK_CLOEXEC, 0);
    try {
      if (isV6) {
        setSocketOption(fd, SOL_IPV6, IPV6_V6ONLY, int(1));
        setSocketOption(fd, SOL_IPV6, IPV6_TCLASS, int(CLASS_SELECTOR_6));
      } else setSocketOption(fd, SOL_IP, IP_TOS, int(CLASS_SELECTOR_6));
      setSocketOption(fd, SOL_SOCKET, SO_PRIORITY, int(PRIORITY_CONTROL));
      bindSocket(fd, target.value, `UDP port ${port} of ${address}`);
    } catch (error) {
      closeDescriptor(fd);
      throw error;
    }
    return new UdpSocket(fd, maxBytes);
  }

  /** @throws SystemCallError when the kernel does not take it: no route, buffer full, refused by a firewall */
  send(data: Uint8Array, to: SocketAddress): void {
    sendDatagramTo(this.fd, data, to);
  }

  /** The next datagram, undefined when none waits. Valid until the next call. @throws SystemCallError */
  receive(): Uint8Array | undefined {
    const length = receiveDatagram(this.fd, this.#buffer, this.#sender);
    return length < 0 ? undefined : this.#buffer.subarray(0, length);
  }

  close(): void {
    if (this.#isOpen) closeDescriptor(this.fd);
    this.#isOpen = false;
  }
}

function int(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}
