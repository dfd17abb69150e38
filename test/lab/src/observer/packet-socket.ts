// SPDX-License-Identifier: Apache-2.0
import koffi from 'koffi';

/** A raw Ethernet socket that blocks: for programs that do nothing else (see neighbor-main.ts). */
export interface PacketSocket {
  send(frame: Buffer): void;
  /** The next ARP or ICMPv6 frame; undefined when none came within the time (whole milliseconds, at least 1). */
  receive(waitMs: number): Buffer | undefined;
  close(): void;
}

const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const ETH_P_ALL = 0x0003;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_ATTACH_FILTER = 26;
const POLLIN = 1;
const EINTR = 4;
const EAGAIN = 11;
const MSG_DONTWAIT = 0x40;
const RECEIVE_BUFFER_BYTES = 4 << 20;

/** Opens a socket on an interface of this network namespace. Needs CAP_NET_RAW there. Throws with the system's reason. */
export function openPacketSocket(interfaceName: string): PacketSocket {
  const libc = loadLibc();
  const index = libc.ifNameToIndex(interfaceName);
  if (index === 0) throw new Error(`no interface ${interfaceName} in this network namespace`);
  // Protocol 0: nothing arrives before the filter is on.
  const descriptor = libc.socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  check(descriptor, 'socket(AF_PACKET)');
  check(
    libc.attachFilter(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, neighborFilter(), 16),
    'setsockopt(SO_ATTACH_FILTER)',
  );
  const size = Buffer.alloc(4);
  size.writeInt32LE(RECEIVE_BUFFER_BYTES);
  check(libc.setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, size, 4), 'setsockopt(SO_RCVBUF)');
  check(libc.bind(descriptor, linkAddress(index), 20), 'bind');
  const buffer = Buffer.alloc(2048);
  return {
    send(frame) {
      check(libc.send(descriptor, frame, frame.length, 0), `send on ${interfaceName}`);
    },
    receive(waitMs) {
      const ready = libc.poll(
        [{ fd: descriptor, events: POLLIN, revents: 0 }],
        1,
        Math.max(1, Math.floor(waitMs)),
      );
      if (ready < 0 && koffi.errno() !== EINTR) check(ready, 'poll');
      if (ready <= 0) return undefined;
      const length = libc.recv(descriptor, buffer, buffer.length, MSG_DONTWAIT);
      if (length < 0 && [EINTR, EAGAIN].includes(koffi.errno())) return undefined;
      check(length, `receive on ${interfaceName}`);
      return Buffer.from(buffer.subarray(0, length));
    },
    close() {
      libc.close(descriptor);
    },
  };
}

function check(result: number, what: string): void {
  if (result >= 0) return;
  const code = koffi.errno();
  const name = Object.entries(koffi.os.errno).find(([, value]) => value === code)?.[0] ?? String(code);
  throw new Error(`${what} failed: ${name}`);
}

/** struct sockaddr_ll. */
function linkAddress(interfaceIndex: number): Buffer {
  const bytes = Buffer.alloc(20);
  bytes.writeUInt16LE(AF_PACKET, 0);
  bytes.writeUInt16BE(ETH_P_ALL, 2);
  bytes.writeInt32LE(interfaceIndex, 4);
  return bytes;
}

/** Classic BPF: ARP, and IPv6 whose next header is ICMPv6; all other traffic never leaves the kernel. */
function neighborFilter(): { len: number; filter: Buffer } {
  const program: readonly (readonly [code: number, jumpTrue: number, jumpFalse: number, value: number])[] = [
    [0x28, 0, 0, 12], // load the EtherType
    [0x15, 3, 0, 0x0806], // ARP: accept
    [0x15, 0, 3, 0x86dd], // not IPv6: drop
    [0x30, 0, 0, 20], // load the next header
    [0x15, 0, 1, 58], // not ICMPv6: drop
    [0x06, 0, 0, 0xffff], // accept
    [0x06, 0, 0, 0], // drop
  ];
  const filter = Buffer.alloc(program.length * 8);
  program.forEach(([code, jumpTrue, jumpFalse, value], index) => {
    filter.writeUInt16LE(code, index * 8);
    filter.writeUInt8(jumpTrue, index * 8 + 2);
    filter.writeUInt8(jumpFalse, index * 8 + 3);
    filter.writeUInt32LE(value, index * 8 + 4);
  });
  return { len: program.length, filter };
}

interface Libc {
  socket(domain: number, type: number, protocol: number): number;
  bind(descriptor: number, address: Buffer, length: number): number;
  send(descriptor: number, frame: Buffer, length: number, flags: number): number;
  recv(descriptor: number, buffer: Buffer, length: number, flags: number): number;
  poll(sets: { fd: number; events: number; revents: number }[], count: number, timeoutMs: number): number;
  setsockopt(descriptor: number, level: number, name: number, value: Buffer, length: number): number;
  attachFilter(
    descriptor: number,
    level: number,
    name: number,
    value: { len: number; filter: Buffer },
    length: number,
  ): number;
  close(descriptor: number): number;
  ifNameToIndex(name: string): number;
}

let loaded: Libc | undefined;

function loadLibc(): Libc {
  if (loaded !== undefined) return loaded;
  const library = koffi.load(null); // the C library that the runtime itself uses
  koffi.struct('fairlead_lab_pollfd', { fd: 'int', events: 'short', revents: 'short' });
  koffi.struct('fairlead_lab_sock_fprog', { len: 'uint16', filter: 'void *' });
  loaded = {
    socket: library.func('int socket(int, int, int)'),
    bind: library.func('int bind(int, void *, uint32)'),
    send: library.func('long send(int, void *, size_t, int)'),
    recv: library.func('long recv(int, _Out_ void *, size_t, int)'),
    poll: library.func('int poll(_Inout_ fairlead_lab_pollfd *, unsigned long, int)'),
    setsockopt: library.func('int setsockopt(int, int, int, void *, uint32)'),
    attachFilter: library.func('int setsockopt(int, int, int, fairlead_lab_sock_fprog *, uint32)'),
    close: library.func('int close(int)'),
    ifNameToIndex: library.func('unsigned int if_nametoindex(const char *)'),
  };
  return loaded;
}
