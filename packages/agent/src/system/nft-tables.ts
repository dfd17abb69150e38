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

/** Families of nftables tables that we use. */
export type NftFamily = 'arp' | 'ip' | 'ip6' | 'inet' | 'netdev' | 'bridge';

/** One nftables table. */
export interface NftTable {
  readonly family: NftFamily;
  readonly name: string;
}

/** A part of the kernel's answer. */
export interface TablesPart {
  readonly tables: readonly NftTable[];
  readonly isLast: boolean;
  /** The tables changed while the kernel listed them: some may be missing. */
  readonly isInterrupted: boolean;
}

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const NETLINK_NETFILTER = 12;
/** sizeof(struct sockaddr_nl), netlink(7). */
const ADDRESS_LENGTH = 12;
const HEADER_LENGTH = 16;
/** struct nfgenmsg after the header. */
const GENERIC_LENGTH = 4;
const ATTRIBUTE_LENGTH = 4;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLM_F_REQUEST = 0x1;
const NLM_F_DUMP = 0x300;
const NLM_F_DUMP_INTR = 0x10;
/** Subsystem nf_tables (10), messages NEWTABLE (0) and GETTABLE (1): linux/netfilter/nf_tables.h. */
const NEW_TABLE = 10 << 8;
const GET_TABLE = (10 << 8) | 1;
const TABLE_NAME = 1;
const ATTRIBUTE_TYPE_MASK = 0x3fff;

/** NFPROTO_* (linux/netfilter.h). */
const FAMILIES: Readonly<Record<number, NftFamily>> = {
  1: 'inet',
  2: 'ip',
  3: 'arp',
  5: 'netdev',
  7: 'bridge',
  10: 'ip6',
};

/** The kernel answers while we ask; this is for one that does not. */
const ANSWER_LIMIT_MS = 1_000;
const ATTEMPTS = 5;

/**
 * All nftables tables of this network namespace, asked from the kernel itself. `nft list tables` reads every rule of everybody
 * first: with 40,000 of them half a second of processor time and 90 MB, each time. This takes some microseconds, blocks
 * for no other's transaction and starts no program.
 *
 * @throws SystemCallError, or Error when the kernel's answer cannot be understood
 */
export function readNftTables(): readonly NftTable[] {
  const fd = openSocket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK_CLOEXEC, NETLINK_NETFILTER);
  try {
    const kernel = Buffer.alloc(ADDRESS_LENGTH);
    kernel.writeUInt16LE(AF_NETLINK, 0);
    bindSocket(fd, kernel, 'nftables');
    for (let attempt = 1; ; attempt++) {
      sendDatagramTo(fd, encodeTablesRequest(attempt), kernel);
      const { tables, isInterrupted } = receiveAll(fd);
      if (!isInterrupted || attempt === ATTEMPTS) return tables;
    }
  } finally {
    closeDescriptor(fd);
  }
}

function receiveAll(fd: number): Omit<TablesPart, 'isLast'> {
  const buffer = Buffer.alloc(32_768);
  const sender = Buffer.alloc(ADDRESS_LENGTH);
  const tables: NftTable[] = [];
  let isInterrupted = false;
  for (;;) {
    const length = receiveDatagram(fd, buffer, sender);
    if (length < 0) {
      if (pollReadable([fd], ANSWER_LIMIT_MS).length > 0) continue;
      throw new Error(`the kernel did not list its nftables tables within ${ANSWER_LIMIT_MS} ms`);
    }
    const part = parseTables(buffer.subarray(0, length));
    tables.push(...part.tables);
    isInterrupted ||= part.isInterrupted;
    if (part.isLast) return { tables, isInterrupted };
  }
}

/** The question: a dump of the tables of all families. Pure. */
export function encodeTablesRequest(sequence: number): Buffer {
  const request = Buffer.alloc(HEADER_LENGTH + GENERIC_LENGTH);
  request.writeUInt32LE(request.length, 0);
  request.writeUInt16LE(GET_TABLE, 4);
  request.writeUInt16LE(NLM_F_REQUEST | NLM_F_DUMP, 6);
  request.writeUInt32LE(sequence, 8);
  return request;
}

/** Reads one datagram of the answer; tables of families that we do not know are left out. Pure. @throws Error */
export function parseTables(datagram: Buffer): TablesPart {
  const tables: NftTable[] = [];
  let isInterrupted = false;
  for (let at = 0; at + HEADER_LENGTH <= datagram.length; ) {
    const length = datagram.readUInt32LE(at);
    if (length < HEADER_LENGTH || at + length > datagram.length) {
      throw new Error(
        `netlink message of ${length} bytes, expected ${HEADER_LENGTH} to ${datagram.length - at}`,
      );
    }
    const type = datagram.readUInt16LE(at + 4);
    isInterrupted ||= (datagram.readUInt16LE(at + 6) & NLM_F_DUMP_INTR) !== 0;
    const body = datagram.subarray(at + HEADER_LENGTH, at + length);
    if (type === NLMSG_DONE) return { tables, isLast: true, isInterrupted };
    if (type === NLMSG_ERROR) {
      throw new Error(`the kernel does not list its nftables tables: error ${body.readInt32LE(0)}`);
    }
    const table = type === NEW_TABLE ? parseTable(body) : undefined;
    if (table !== undefined) tables.push(table);
    at += aligned(length);
  }
  return { tables, isLast: false, isInterrupted };
}

function parseTable(body: Buffer): NftTable | undefined {
  const family = FAMILIES[body[0] ?? 0];
  for (let at = GENERIC_LENGTH; at + ATTRIBUTE_LENGTH <= body.length; ) {
    const length = body.readUInt16LE(at);
    if (length < ATTRIBUTE_LENGTH || at + length > body.length) return undefined;
    if ((body.readUInt16LE(at + 2) & ATTRIBUTE_TYPE_MASK) === TABLE_NAME) {
      const name = body.toString('utf8', at + ATTRIBUTE_LENGTH, at + length).replace(/\0.*$/s, '');
      return family === undefined ? undefined : { family, name };
    }
    at += aligned(length);
  }
  return undefined;
}

/** Netlink pads messages and attributes to four bytes. */
function aligned(length: number): number {
  return (length + 3) & ~3;
}
