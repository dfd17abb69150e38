// SPDX-License-Identifier: Apache-2.0
import {
  bindSocket,
  closeDescriptor,
  openSocket,
  pollReadable,
  receiveDatagram,
  SOCK_NONBLOCK_CLOEXEC,
  sendDatagramTo,
} from './libc.ts';

/*
 * Talk with the kernel (netlink(7)): its routing subsystem (rtnetlink(7)), if not said otherwise. Calls are synchronous and
 * take some microseconds, where starting a program costs milliseconds, most of them for copying the page tables of this
 * process.
 */

/** One message of the kernel, or to it: what follows the header. */
export interface NetlinkMessage {
  readonly type: number;
  readonly body: Buffer;
}

/** A request for {@link request}. */
export interface NetlinkRequest extends NetlinkMessage {
  /** NLM_F_* beside REQUEST and ACK. */
  readonly flags: number;
}

/** Type -> value of the attributes after a fixed part; of one that comes twice the last. */
export type Attributes = ReadonlyMap<number, Buffer>;

/** Make it if it is not there; take the place of what is there. */
export const NLM_F_CREATE = 0x400;
export const NLM_F_REPLACE = 0x100;

const AF_NETLINK = 16;
const SOCK_RAW = 3;
export const NETLINK_ROUTE = 0;
/** The netfilter subsystem, nftables among it. */
export const NETLINK_NETFILTER = 12;
const NLM_F_REQUEST = 0x1;
const NLM_F_ACK = 0x4;
const NLM_F_DUMP = 0x300;
const NLM_F_DUMP_INTR = 0x10;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
/** sizeof(struct sockaddr_nl). */
const ADDRESS_LENGTH = 12;
const HEADER_LENGTH = 16;
const ATTRIBUTE_LENGTH = 4;
const ATTRIBUTE_TYPE_MASK = 0x3fff;
const BUFFER_LENGTH = 65_536;
/** The kernel answers while we ask; this is for one that does not. */
const ANSWER_LIMIT_MS = 1_000;
/** A dump during which something changed is asked for again so often. */
const DUMP_ATTEMPTS = 5;
/** Requests sent before their answers are read: those have to fit into the socket's buffer. */
const BATCH = 64;

/** All messages with which the kernel answers a dump request. @throws SystemCallError, or Error when it does not answer */
export function dump(question: NetlinkMessage, subsystem = NETLINK_ROUTE): readonly NetlinkMessage[] {
  return withSocket(subsystem, (socket) => {
    for (let attempt = 1; ; attempt++) {
      socket.send(encode({ ...question, flags: NLM_F_DUMP }, attempt));
      const { messages, isInterrupted } = receiveDump(socket);
      if (!isInterrupted || attempt === DUMP_ATTEMPTS) return messages;
    }
  });
}

function receiveDump(socket: Socket): {
  readonly messages: readonly NetlinkMessage[];
  readonly isInterrupted: boolean;
} {
  const messages: NetlinkMessage[] = [];
  let isInterrupted = false;
  for (;;) {
    for (const { type, flags, body } of socket.receive()) {
      isInterrupted ||= (flags & NLM_F_DUMP_INTR) !== 0;
      if (type === NLMSG_ERROR) throw new Error(`netlink dump: error ${-body.readInt32LE(0)}`);
      if (type === NLMSG_DONE) return { messages, isInterrupted };
      messages.push({ type, body });
    }
  }
}

/** Sends requests in order; for each the error number with which the kernel answered, 0 for success. @throws as {@link dump} */
export function request(requests: readonly NetlinkRequest[]): readonly number[] {
  const errors = new Array<number>(requests.length).fill(0);
  if (requests.length === 0) return errors;
  return withSocket(NETLINK_ROUTE, (socket) => {
    for (let from = 0; from < requests.length; from += BATCH) {
      const batch = requests.slice(from, from + BATCH);
      socket.send(
        Buffer.concat(
          batch.map((each, index) => encode({ ...each, flags: each.flags | NLM_F_ACK }, from + index)),
        ),
      );
      for (let missing = batch.length; missing > 0; ) {
        for (const { type, sequence, body } of socket.receive()) {
          if (type !== NLMSG_ERROR) continue;
          missing -= 1;
          errors[sequence] = -body.readInt32LE(0);
        }
      }
    }
    return errors;
  });
}

interface Received extends NetlinkMessage {
  readonly flags: number;
  readonly sequence: number;
}

interface Socket {
  send(data: Buffer): void;
  receive(): readonly Received[];
}

function withSocket<T>(subsystem: number, use: (socket: Socket) => T): T {
  const fd = openSocket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK_CLOEXEC, subsystem);
  try {
    const kernel = Buffer.alloc(ADDRESS_LENGTH);
    kernel.writeUInt16LE(AF_NETLINK, 0);
    bindSocket(fd, kernel, 'netlink');
    const buffer = Buffer.alloc(BUFFER_LENGTH);
    const sender = Buffer.alloc(ADDRESS_LENGTH);
    return use({
      send: (data) => sendDatagramTo(fd, data, kernel),
      receive: () => {
        for (;;) {
          const length = receiveDatagram(fd, buffer, sender);
          if (length >= 0) return decode(Buffer.from(buffer.subarray(0, length)));
          if (pollReadable([fd], ANSWER_LIMIT_MS).length === 0)
            throw new Error(`the kernel did not answer a netlink request within ${ANSWER_LIMIT_MS} ms`);
        }
      },
    });
  } finally {
    closeDescriptor(fd);
  }
}

/** One request as bytes, padded as the next one needs it. Pure. */
export function encode({ type, flags, body }: NetlinkRequest, sequence: number): Buffer {
  const message = Buffer.alloc(aligned(HEADER_LENGTH + body.length));
  message.writeUInt32LE(HEADER_LENGTH + body.length, 0);
  message.writeUInt16LE(type, 4);
  message.writeUInt16LE(NLM_F_REQUEST | flags, 6);
  message.writeUInt32LE(sequence, 8);
  body.copy(message, HEADER_LENGTH);
  return message;
}

/** The messages of one datagram. Pure. @throws Error when it is not made of such */
export function decode(datagram: Buffer): readonly Received[] {
  const messages: Received[] = [];
  for (let at = 0; at + HEADER_LENGTH <= datagram.length; ) {
    const length = datagram.readUInt32LE(at);
    if (length < HEADER_LENGTH || at + length > datagram.length) {
      throw new Error(
        `netlink message of ${length} bytes, expected ${HEADER_LENGTH} to ${datagram.length - at}`,
      );
    }
    messages.push({
      type: datagram.readUInt16LE(at + 4),
      flags: datagram.readUInt16LE(at + 6),
      sequence: datagram.readUInt32LE(at + 8),
      body: datagram.subarray(at + HEADER_LENGTH, at + length),
    });
    at += aligned(length);
  }
  return messages;
}

/** Attributes as bytes. Pure. */
export function encodeAttributes(attributes: readonly (readonly [type: number, value: Buffer])[]): Buffer {
  return Buffer.concat(
    attributes.map(([type, value]) => {
      const attribute = Buffer.alloc(aligned(ATTRIBUTE_LENGTH + value.length));
      attribute.writeUInt16LE(ATTRIBUTE_LENGTH + value.length, 0);
      attribute.writeUInt16LE(type, 2);
      value.copy(attribute, ATTRIBUTE_LENGTH);
      return attribute;
    }),
  );
}

/** The attributes after a fixed part of so many bytes; what is malformed ends them. Pure. */
export function decodeAttributes(body: Buffer, fixedLength: number): Attributes {
  const attributes = new Map<number, Buffer>();
  for (let at = fixedLength; at + ATTRIBUTE_LENGTH <= body.length; ) {
    const length = body.readUInt16LE(at);
    if (length < ATTRIBUTE_LENGTH || at + length > body.length) break;
    const type = body.readUInt16LE(at + 2) & ATTRIBUTE_TYPE_MASK;
    attributes.set(type, body.subarray(at + ATTRIBUTE_LENGTH, at + length));
    at += aligned(length);
  }
  return attributes;
}

/** Netlink pads messages and attributes to four bytes. */
function aligned(length: number): number {
  return (length + 3) & ~3;
}
