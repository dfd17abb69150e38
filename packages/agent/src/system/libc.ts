// SPDX-License-Identifier: Apache-2.0
import { getSystemErrorName } from 'node:util';
import koffi from 'koffi';

/**
 * The few C library calls for which Node has no API: packet sockets, poll and eventfd. All calls here are synchronous,
 * so anything that may block belongs into a worker thread.
 *
 * Structures are laid out by hand in little-endian order; the supported architectures (x64, arm64) share it.
 */
const libc = koffi.load(null);

const nativeSocket = libc.func('int socket(int domain, int type, int protocol)');
const nativeClose = libc.func('int close(int fd)');
const nativeBind = libc.func('int bind(int fd, const uint8_t *address, uint32_t length)');
const nativeConnect = libc.func('int connect(int fd, const uint8_t *address, uint32_t length)');
const nativeSend = libc.func('intptr_t send(int fd, const uint8_t *data, size_t length, int flags)');
const nativeSendTo = libc.func(
  'intptr_t sendto(int fd, const uint8_t *data, size_t length, int flags, const uint8_t *address, uint32_t addressLength)',
);
const nativeReceive = libc.func(
  'intptr_t recvfrom(int fd, uint8_t *data, size_t length, int flags, uint8_t *address, uint8_t *addressLength)',
);
const nativeSocketName = libc.func('int getsockname(int fd, uint8_t *address, uint8_t *length)');
const nativeSetOption = libc.func(
  'int setsockopt(int fd, int level, int option, const uint8_t *value, uint32_t length)',
);
const nativeGetOption = libc.func(
  'int getsockopt(int fd, int level, int option, uint8_t *value, uint8_t *length)',
);
const nativePoll = libc.func('int poll(uint8_t *entries, unsigned long count, int timeout)');
const nativeEventFd = libc.func('int eventfd(unsigned int initial, int flags)');
const nativeRead = libc.func('intptr_t read(int fd, uint8_t *data, size_t length)');
const nativeWrite = libc.func('intptr_t write(int fd, const uint8_t *data, size_t length)');
const nativeControl = libc.func('int ioctl(int fd, unsigned long request, uint8_t *argument)');
const nativeClockGetTime = libc.func('int clock_gettime(int clock, uint8_t *time)');
const nativeNameToIndex = libc.func('unsigned int if_nametoindex(const char *name)');

/** Flags for {@link openSocket}: non-blocking, and closed in programs that we start. */
export const SOCK_NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;
const EFD_NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;
const POLLIN = 1;
const SOL_SOCKET = 1;
const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SO_PEERCRED = 17;
const SO_ATTACH_FILTER = 26;
const SIOCGIFFLAGS = 0x8913;
const IFF_UP = 0x1;
const IFF_RUNNING = 0x40;

/** A C library call that failed; `code` is the symbolic error (`ENETDOWN`). */
export class SystemCallError extends Error {
  readonly code: string;
  readonly call: string;

  constructor(call: string, errno: number, about: string) {
    const code = getSystemErrorName(-errno);
    super(`${call} failed${about === '' ? '' : ` for ${about}`}: ${code}`);
    this.name = 'SystemCallError';
    this.code = code;
    this.call = call;
  }
}

/** @throws SystemCallError */
export function openSocket(domain: number, type: number, protocol: number): number {
  return checked(nativeSocket(domain, type, protocol), 'socket');
}

/** Closes a descriptor; closing one that is closed already is not an error worth stopping for. */
export function closeDescriptor(fd: number): void {
  nativeClose(fd);
}

/** @throws SystemCallError */
export function bindSocket(fd: number, address: Uint8Array, about = ''): void {
  checked(nativeBind(fd, address, address.length), 'bind', about);
}

/** @throws SystemCallError */
export function connectSocket(fd: number, address: Uint8Array, about = ''): void {
  checked(nativeConnect(fd, address, address.length), 'connect', about);
}

/** Sends one datagram. @throws SystemCallError, for instance ENETDOWN or ENOBUFS */
export function sendDatagram(fd: number, data: Uint8Array): void {
  checked(nativeSend(fd, data, data.length, 0), 'send');
}

/** Sends one datagram to an address of its own. @throws SystemCallError, for instance ENETUNREACH or EPERM */
export function sendDatagramTo(fd: number, data: Uint8Array, address: Uint8Array): void {
  checked(nativeSendTo(fd, data, data.length, 0, address, address.length), 'sendto');
}

/**
 * The same on a thread of its own, for what the kernel may take its time with. What exactly failed is not known.
 *
 * @throws Error
 */
export function sendDatagramAside(fd: number, data: Uint8Array, address: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    nativeSendTo.async(fd, data, data.length, 0, address, address.length, (error: unknown, sent: unknown) => {
      if (error instanceof Error) reject(error);
      else if (Number(sent) === data.length) resolve();
      else reject(new Error(`sendto of ${data.length} bytes failed (${sent}): too long, or no memory`));
    });
  });
}

/**
 * Receives one datagram into `data`, its sender into `address`. Returns the length, or -1 when nothing is waiting.
 *
 * @throws SystemCallError
 */
export function receiveDatagram(fd: number, data: Uint8Array, address: Uint8Array): number {
  const addressLength = Buffer.alloc(4);
  addressLength.writeUInt32LE(address.length);
  const length = Number(nativeReceive(fd, data, data.length, 0, address, addressLength));
  if (length >= 0) return length;
  const errno = koffi.errno();
  if (errno === koffi.os.errno.EAGAIN || errno === koffi.os.errno.EINTR) return -1;
  throw new SystemCallError('recvfrom', errno, '');
}

/** The address a socket is bound to. @throws SystemCallError */
export function socketName(fd: number, maxLength: number): Buffer {
  const address = Buffer.alloc(maxLength);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(maxLength);
  checked(nativeSocketName(fd, address, length), 'getsockname');
  return address;
}

/** @throws SystemCallError */
export function setSocketOption(fd: number, level: number, option: number, value: Uint8Array): void {
  checked(nativeSetOption(fd, level, option, value, value.length), 'setsockopt', `option ${level}/${option}`);
}

/** @throws SystemCallError */
export function getSocketOption(fd: number, level: number, option: number, length: number): Buffer {
  const value = Buffer.alloc(length);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(length);
  checked(nativeGetOption(fd, level, option, value, size), 'getsockopt', `option ${level}/${option}`);
  return value;
}

/**
 * Waits until one of the descriptors can be read (or has an error to report), at most `timeoutMs`.
 * Returns those descriptors. An interrupting signal counts as nothing readable.
 *
 * @throws SystemCallError
 */
export function pollReadable(fds: readonly number[], timeoutMs: number): readonly number[] {
  const entries = Buffer.alloc(fds.length * 8);
  fds.forEach((fd, index) => {
    entries.writeInt32LE(fd, index * 8);
    entries.writeInt16LE(POLLIN, index * 8 + 4);
  });
  const ready = Number(nativePoll(entries, fds.length, timeoutMs));
  if (ready < 0) {
    const errno = koffi.errno();
    if (errno === koffi.os.errno.EINTR) return [];
    throw new SystemCallError('poll', errno, '');
  }
  return ready === 0 ? [] : fds.filter((_, index) => entries.readInt16LE(index * 8 + 6) !== 0);
}

/** An event counter by which one thread wakes another out of {@link pollReadable}. @throws SystemCallError */
export function openEvent(): number {
  return checked(nativeEventFd(0, EFD_NONBLOCK_CLOEXEC), 'eventfd');
}

const ONE = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]);

/** Makes the event readable. A full counter is readable already, so no failure matters. */
export function raiseEvent(fd: number): void {
  nativeWrite(fd, ONE, ONE.length);
}

/** Makes the event unreadable again until it is raised anew. */
export function clearEvent(fd: number): void {
  nativeRead(fd, Buffer.alloc(8), 8);
}

/**
 * Process id of whoever listens on an abstract unix socket (SO_PEERCRED), which works even while that process is frozen;
 * undefined when nobody listens or its process is not visible from this PID namespace.
 */
export function abstractSocketOwner(path: string): number | undefined {
  const fd = openSocket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK_CLOEXEC, 0);
  try {
    connectSocket(fd, Buffer.concat([Buffer.from([AF_UNIX, 0]), Buffer.from(path, 'utf8')]));
    const pid = getSocketOption(fd, SOL_SOCKET, SO_PEERCRED, 12).readInt32LE(0);
    return pid > 0 ? pid : undefined;
  } catch (error) {
    if (error instanceof SystemCallError) return undefined;
    throw error;
  } finally {
    closeDescriptor(fd);
  }
}

/**
 * Attaches a packet filter to a socket (SO_ATTACH_FILTER, socket(7)).
 *
 * @throws SystemCallError
 */
export function attachFilter(fd: number, program: Uint8Array): void {
  // struct sock_fprog: number of instructions, then a pointer to them. The array must live until the call returns.
  const description = Buffer.alloc(16);
  description.writeUInt16LE(program.length / 8, 0);
  description.writeBigUInt64LE(koffi.address(program), 8);
  setSocketOption(fd, SOL_SOCKET, SO_ATTACH_FILTER, description);
}

/** Whether a link is administratively up and has a carrier (SIOCGIFFLAGS); any socket will do. @throws SystemCallError */
export function isLinkRunning(fd: number, name: string): boolean {
  const request = Buffer.alloc(40);
  request.write(name, 0, 15, 'utf8');
  checked(nativeControl(fd, SIOCGIFFLAGS, request), 'ioctl', `link "${name}"`);
  const flags = request.readUInt16LE(16);
  return (flags & IFF_UP) !== 0 && (flags & IFF_RUNNING) !== 0;
}

const CLOCK_MONOTONIC = 1;
const CLOCK_BOOTTIME = 7;

/**
 * How long this machine has been suspended since it started, in milliseconds: the monotonic clock, by which grants end, stands
 * still meanwhile (clock_gettime(2)). Never too much; too little by what passed between the two looks.
 */
export function suspendedMs(): number {
  const bootMs = clockMs(CLOCK_BOOTTIME);
  return Math.max(0, bootMs - clockMs(CLOCK_MONOTONIC));
}

function clockMs(clock: number): number {
  const time = Buffer.alloc(16);
  checked(nativeClockGetTime(clock, time), 'clock_gettime');
  return Number(time.readBigInt64LE(0)) * 1000 + Number(time.readBigInt64LE(8)) / 1e6;
}

/** Index of a link of this network namespace, or undefined when there is none of that name. */
export function linkIndex(name: string): number | undefined {
  const index = Number(nativeNameToIndex(name));
  return index === 0 ? undefined : index;
}

function checked(result: unknown, call: string, about = ''): number {
  const value = Number(result);
  if (value < 0) throw new SystemCallError(call, koffi.errno(), about);
  return value;
}
