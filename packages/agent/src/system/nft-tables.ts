// SPDX-License-Identifier: Apache-2.0
import { decodeAttributes, dump, NETLINK_NETFILTER, type NetlinkMessage } from './netlink.ts';

/** Families of nftables tables that we use. */
export type NftFamily = 'arp' | 'ip' | 'ip6' | 'inet' | 'netdev' | 'bridge';

/** One nftables table. */
export interface NftTable {
  readonly family: NftFamily;
  readonly name: string;
}

/** struct nfgenmsg, before the attributes. */
const GENERIC_LENGTH = 4;
/** Subsystem nf_tables (10), messages NEWTABLE (0) and GETTABLE (1): linux/netfilter/nf_tables.h. */
const NEW_TABLE = 10 << 8;
const GET_TABLE = (10 << 8) | 1;
const TABLE_NAME = 1;

/** NFPROTO_* (linux/netfilter.h). */
const FAMILIES: Readonly<Record<number, NftFamily>> = {
  1: 'inet',
  2: 'ip',
  3: 'arp',
  5: 'netdev',
  7: 'bridge',
  10: 'ip6',
};

/**
 * All nftables tables of this network namespace, asked from the kernel itself. `nft list tables` reads every rule of everybody
 * first: with 40,000 of them half a second of processor time and 90 MB, each time. This takes some microseconds, blocks
 * for no other's transaction and starts no program.
 *
 * @throws SystemCallError, or Error when the kernel's answer cannot be understood
 */
export function readNftTables(): readonly NftTable[] {
  const question = { type: GET_TABLE, body: Buffer.alloc(GENERIC_LENGTH) };
  return dump(question, NETLINK_NETFILTER).flatMap((message) => readTable(message) ?? []);
}

/** The table that a message is about; undefined for other messages, and for families that we do not know. Pure. */
export function readTable({ type, body }: NetlinkMessage): NftTable | undefined {
  const family = FAMILIES[body[0] ?? 0];
  const name = decodeAttributes(body, GENERIC_LENGTH).get(TABLE_NAME);
  if (type !== NEW_TABLE || family === undefined || name === undefined) return undefined;
  return { family, name: name.toString('utf8').replace(/\0.*$/s, '') };
}
