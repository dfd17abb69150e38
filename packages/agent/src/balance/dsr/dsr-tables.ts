// SPDX-License-Identifier: Apache-2.0
import type { Family } from '@fairlead/shared/address/address.ts';
import { dropTableScript, type NftTable } from '../../system/nft.ts';

/** Where packets are sent on before anything else of the kernel sees them. */
export const INGRESS_TABLE: NftTable = { family: 'netdev', name: 'fairlead-dsr' };

/** What those need that come to this node. */
export const LOCAL_TABLES: Readonly<Record<Family, NftTable>> = {
  4: { family: 'ip', name: 'fairlead-dsr' },
  6: { family: 'ip6', name: 'fairlead-dsr' },
};

/** All tables of direct return. */
export const DSR_TABLES: readonly NftTable[] = [INGRESS_TABLE, ...Object.values(LOCAL_TABLES)];

/** Names of the maps and sets that front ends are members of; their keys are address, protocol and port. */
export const DSR_SETS = {
  /** In the ingress table, one for each family: -> chain that sends packets on. */
  forwarded: { 4: 'forwarded4', 6: 'forwarded6' },
  /** -> chain that sends on what belongs to a flow of somebody else. */
  rescued: 'rescued',
  /** Front ends whose clients keep their address when they come over the wire, but not from inside this node. */
  kept: 'kept',
} as const;

/** Before filters at the same hook. */
const INGRESS_PRIORITY = -200;
/** Connections are known from -200 on, and the NAT plane comes at -110. */
const RESCUE_PRIORITY = -120;
/** Before the NAT plane's 90. */
const SNAT_PRIORITY = 89;

/** Removes whatever was there; empty tables show that all is as it was left. */
export function dropAllScript(): string {
  return DSR_TABLES.map((table) => `${dropTableScript(table)}add table ${table.family} ${table.name}\n`).join(
    '',
  );
}

/** What the (empty) tables have as soon as there is a front end to forward. @param links names, at least one */
export function framesScript(links: readonly string[]): string {
  const devices = links.map((link) => `"${link}"`).join(', ');
  return ingressFrame(devices) + localFrame(4, devices) + localFrame(6, devices);
}

function ingressFrame(devices: string): string {
  const { forwarded } = DSR_SETS;
  return `table netdev ${INGRESS_TABLE.name} {
  map ${forwarded[4]} { type ipv4_addr . inet_proto . inet_service : verdict; }
  map ${forwarded[6]} { type ipv6_addr . inet_proto . inet_service : verdict; }
  chain ingress {
    type filter hook ingress devices = { ${devices} } priority ${INGRESS_PRIORITY}; policy accept;
    ip daddr . meta l4proto . th dport vmap @${forwarded[4]}
    ip6 daddr . meta l4proto . th dport vmap @${forwarded[6]}
  }
}
`;
}

/**
 * - Packets of flows that this node does not know. Only what connection tracking calls new; an "invalid" packet may belong to a
 *   flow of this node, and the other one would reset it.
 * - Pods of this node (and the node itself) share a bridge with the pods they are sent to, so these have to answer to the node.
 *   nft knows the type of the original port only once it knows the protocol.
 */
function localFrame(family: Family, devices: string): string {
  const ip = family === 4 ? 'ip' : 'ip6';
  const address = family === 4 ? 'ipv4_addr' : 'ipv6_addr';
  const original = `ct original ${ip} daddr . meta l4proto . ct original proto-dst`;
  const masquerade = ['tcp', 'udp', 'sctp']
    .map(
      (protocol) => `    meta l4proto ${protocol} ${original} @${DSR_SETS.kept} masquerade to :1024-60999\n`,
    )
    .join('');
  return `table ${ip} ${LOCAL_TABLES[family].name} {
  map ${DSR_SETS.rescued} { type ${address} . inet_proto . inet_service : verdict; }
  set ${DSR_SETS.kept} { type ${address} . inet_proto . inet_service; }
  chain prerouting {
    type filter hook prerouting priority ${RESCUE_PRIORITY}; policy accept;
    ct state new iifname { ${devices} } ${ip} daddr . meta l4proto . th dport vmap @${DSR_SETS.rescued}
  }
  chain postrouting {
    type nat hook postrouting priority ${SNAT_PRIORITY}; policy accept;
    ct status dnat iifname != { ${devices} } jump inside
  }
  chain inside {
${masquerade}  }
}
`;
}
