// SPDX-License-Identifier: Apache-2.0
/** Routes in the kernel's messages (rtnetlink(7), linux/rtnetlink.h). Pure. */
import type { Family } from '@fairlead/shared/address/address.ts';
import { decodeAttributes, type NetlinkMessage } from './netlink.ts';

const RTM_NEWROUTE = 24;
const RTM_GETROUTE = 26;
/** sizeof(struct rtmsg), and where its fields are. */
const ROUTE_BYTES = 12;
const AT = { family: 0, destinationLength: 1, table: 4, type: 7 } as const;
const RT_TABLE_MAIN = 254;
const RTN_UNICAST = 1;
const RTA_OIF = 4;
const RTA_PRIORITY = 6;
const RTA_MULTIPATH = 9;
/** Where struct rtnexthop has its link. */
const NEXT_HOP_LINK_AT = 4;
const FAMILY = { 4: 2, 6: 10 } as const;

/** Question for all routes of a family. */
export function allRoutes(family: Family): NetlinkMessage {
  const body = Buffer.alloc(ROUTE_BYTES);
  body.writeUInt8(FAMILY[family], AT.family);
  return { type: RTM_GETROUTE, body };
}

/**
 * Index of the link that the best default route of the main table leads over, from the answers to {@link allRoutes}: the one with the
 * lowest metric, and of several ways that share it the first. Undefined when there is none.
 */
export function defaultRouteLink(messages: readonly NetlinkMessage[]): number | undefined {
  let best: { readonly link: number; readonly metric: number } | undefined;
  for (const { type, body } of messages) {
    if (type !== RTM_NEWROUTE || !isDefault(body)) continue;
    const attributes = decodeAttributes(body, ROUTE_BYTES);
    const link =
      attributes.get(RTA_OIF)?.readInt32LE(0) ?? attributes.get(RTA_MULTIPATH)?.readInt32LE(NEXT_HOP_LINK_AT);
    const metric = attributes.get(RTA_PRIORITY)?.readUInt32LE(0) ?? 0;
    if (link !== undefined && (best === undefined || metric < best.metric)) best = { link, metric };
  }
  return best?.link;
}

function isDefault(body: Buffer): boolean {
  return (
    body.readUInt8(AT.destinationLength) === 0 &&
    body.readUInt8(AT.table) === RT_TABLE_MAIN &&
    body.readUInt8(AT.type) === RTN_UNICAST
  );
}
