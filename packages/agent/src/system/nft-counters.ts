// SPDX-License-Identifier: Apache-2.0
import {
  decodeAttributes,
  dump,
  encodeAttributes,
  NETLINK_NETFILTER,
  type NetlinkMessage,
} from './netlink.ts';

/** Subsystem nf_tables (10), messages NEWOBJ (18) and GETOBJ (19): linux/netfilter/nf_tables.h. */
const NEW_OBJECT = (10 << 8) | 18;
const GET_OBJECT = (10 << 8) | 19;
/** Attributes of an object, NFTA_OBJ_*. */
const OBJECT_TABLE = 1;
const OBJECT_NAME = 2;
const OBJECT_TYPE = 3;
const OBJECT_DATA = 4;
/** NFT_OBJECT_COUNTER. */
const COUNTER = 1;
/** NFTA_COUNTER_PACKETS. */
const PACKETS = 2;
/** struct nfgenmsg: family, version, resource. */
const GENERIC_LENGTH = 4;
/** NFPROTO_INET. */
const INET = 1;

/** One named counter. */
export interface NftCounter {
  readonly name: string;
  readonly packets: number;
}

/**
 * The named counters of a table of family `inet`, asked from the kernel itself: some microseconds, whatever else there is.
 * Empty when there is no such table.
 *
 * @throws SystemCallError, or Error when the kernel's answer cannot be understood
 */
export function readNftCounters(table: string): readonly NftCounter[] {
  const type = Buffer.alloc(4);
  type.writeUInt32BE(COUNTER);
  const body = Buffer.concat([
    Buffer.from([INET, 0, 0, 0]),
    encodeAttributes([
      [OBJECT_TABLE, Buffer.from(`${table}\0`)],
      [OBJECT_TYPE, type],
    ]),
  ]);
  return dump({ type: GET_OBJECT, body }, NETLINK_NETFILTER).flatMap(
    (message) => readCounter(message, table) ?? [],
  );
}

/** The counter of this table that a message is about; undefined for other messages. Pure. */
export function readCounter({ type, body }: NetlinkMessage, table: string): NftCounter | undefined {
  if (type !== NEW_OBJECT) return undefined;
  const attributes = decodeAttributes(body, GENERIC_LENGTH);
  const [name, data] = [attributes.get(OBJECT_NAME), attributes.get(OBJECT_DATA)];
  if (textOf(attributes.get(OBJECT_TABLE)) !== table || name === undefined || data === undefined)
    return undefined;
  const packets = decodeAttributes(data, 0).get(PACKETS);
  return packets?.length === 8
    ? { name: textOf(name), packets: Number(packets.readBigUInt64BE()) }
    : undefined;
}

function textOf(value: Buffer | undefined): string {
  return (value ?? Buffer.alloc(0)).toString('utf8').replace(/\0.*$/s, '');
}
