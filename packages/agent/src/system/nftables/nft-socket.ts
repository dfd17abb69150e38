// SPDX-License-Identifier: Apache-2.0
import { getSystemErrorName } from 'node:util';
import {
  bindSocket,
  closeDescriptor,
  openSocket,
  pollReadable,
  receiveDatagram,
  SOCK_NONBLOCK_CLOEXEC,
  sendDatagramAside,
  setSocketOption,
} from '../libc.ts';
import { decode, NETLINK_NETFILTER } from '../netlink.ts';
import type { FinishedBatch } from './nft-batch.ts';

const AF_NETLINK = 16;
const SOCK_RAW = 3;
/** sizeof(struct sockaddr_nl). */
const ADDRESS_LENGTH = 12;
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_SNDBUFFORCE = 32;
/** What the kernel needs beside the bytes themselves. */
const BUFFER_MARGIN = 4_096;
const NLMSG_ERROR = 2;
/** The kernel answers before the sending call returns; this is for one that does not. */
const ANSWER_LIMIT_MS = 1_000;
const ANSWERS_LENGTH = 65_536;

/** A transaction that the kernel refused: nothing of it has taken effect. */
export class NftRefusedError extends Error {
  /** The symbolic error (`ENOENT`). */
  readonly code: string;

  constructor(errno: number, sequence: number, lastSequence: number) {
    const code = getSystemErrorName(-errno);
    super(`the kernel refused message ${sequence} of ${lastSequence} of an nftables transaction: ${code}`);
    this.name = 'NftRefusedError';
    this.code = code;
  }
}

/**
 * Has the kernel do transactions, one after the other. The socket stays open between them: closing one makes the kernel wait until
 * nobody can see any more what the last transaction removed, which takes 10 to 30 ms.
 */
export class NftSocket {
  #fd: number | undefined;

  /**
   * One transaction; resolves when it has taken effect. The call waits on a thread of its own, because another program's large
   * transaction can hold up ours (a 40,000-rule `iptables-restore` was seen to do so for 0.5 s).
   *
   * @throws NftRefusedError; SystemCallError or Error when it is not known whether it took effect
   */
  async send({ bytes, lastSequence }: FinishedBatch): Promise<void> {
    const fd = this.#open();
    try {
      makeRoom(fd, bytes.length + BUFFER_MARGIN);
      await sendDatagramAside(fd, bytes, KERNEL);
      readAnswers(fd, lastSequence);
    } catch (error) {
      // An answer that comes later must not be taken for one to the next transaction.
      this.close();
      throw error;
    }
  }

  /** Gives the socket back; the next transaction opens another one. */
  close(): void {
    if (this.#fd !== undefined) closeDescriptor(this.#fd);
    this.#fd = undefined;
  }

  #open(): number {
    if (this.#fd !== undefined) return this.#fd;
    const fd = openSocket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK_CLOEXEC, NETLINK_NETFILTER);
    this.#fd = fd;
    bindSocket(fd, KERNEL, 'netlink');
    return fd;
  }
}

/** struct sockaddr_nl of the kernel. */
const KERNEL = Buffer.alloc(ADDRESS_LENGTH);
KERNEL.writeUInt16LE(AF_NETLINK, 0);

/** A transaction is one datagram. Beyond the system's limit only where we have the right to (not in a user namespace). */
function makeRoom(fd: number, length: number): void {
  const value = Buffer.alloc(4);
  value.writeInt32LE(length);
  try {
    setSocketOption(fd, SOL_SOCKET, SO_SNDBUFFORCE, value);
  } catch {
    setSocketOption(fd, SOL_SOCKET, SO_SNDBUF, value);
  }
}

function readAnswers(fd: number, lastSequence: number): void {
  const buffer = Buffer.alloc(ANSWERS_LENGTH);
  const sender = Buffer.alloc(ADDRESS_LENGTH);
  for (;;) {
    const length = receiveDatagram(fd, buffer, sender);
    if (length < 0) {
      if (pollReadable([fd], ANSWER_LIMIT_MS).length > 0) continue;
      throw new Error(`the kernel did not answer an nftables transaction within ${ANSWER_LIMIT_MS} ms`);
    }
    for (const { type, sequence, body } of decode(buffer.subarray(0, length))) {
      if (type !== NLMSG_ERROR) continue;
      const errno = -body.readInt32LE(0);
      if (errno !== 0) throw new NftRefusedError(errno, sequence, lastSequence);
      if (sequence === lastSequence) return;
    }
  }
}
