// SPDX-License-Identifier: Apache-2.0
import type { NftTable } from '../../system/nft.ts';

/** The table of everything that protects, for both families. It exists only while something is to be filtered. */
export const PROTECTION_TABLE: NftTable = { family: 'inet', name: 'fairlead_protection' };

/**
 * What keeps the kernel's part of the SYN proxy at work for connections that it began: it adds the difference of two clocks to
 * the timestamps of each packet, for as long as any rule speaks of a SYN proxy. When the last one goes, both ends see the
 * time jump, and about half of the open connections stand still for good. So this is there from the first use until the
 * agent ends.
 */
export const PROXY_HOLDER: NftTable = { family: 'inet', name: 'fairlead_synproxy' };

/** For `add element …` and the like. */
export const TABLE = `${PROTECTION_TABLE.family} ${PROTECTION_TABLE.name}`;

/** After so many seconds below its rate a port is not answered by the SYN proxy any more. */
const CALM_SECONDS = 10;
/** Ports whose SYN proxy can be on by rate at the same time. */
const MOST_FLOODED = 4_096;
/** Sources that a dynamic set can tell apart; the kernel sets aside 16 bytes for each from the start. */
export const MOST_SOURCES = 65_536;

/** What differs between the families. */
export const FAMILY_WORDS = {
  4: { suffix: '4', ip: 'ip', type: 'ipv4_addr', source: 'ip saddr', mss: 1_400 },
  // Whoever has one IPv6 address has 2^64 of them.
  6: { suffix: '6', ip: 'ip6', type: 'ipv6_addr', source: 'ip6 saddr & ffff:ffff:ffff:ffff::', mss: 1_380 },
} as const;

/** The words of one family. */
export type FamilyWords = (typeof FAMILY_WORDS)[keyof typeof FAMILY_WORDS];

const BOTH: readonly FamilyWords[] = [FAMILY_WORDS[4], FAMILY_WORDS[6]];

/** The port that a packet comes for, as a key of sets. */
export function portKeyOf({ ip }: FamilyWords): string {
  return `${ip} daddr . meta l4proto . th dport`;
}

/** Source and port, as a key of dynamic sets; its type is {@link sourceAtPortType}. */
export function sourceAtPort({ source, ip }: FamilyWords): string {
  return `${source} . ${ip} daddr . th dport`;
}

/** See {@link sourceAtPort}. */
export function sourceAtPortType({ type }: FamilyWords): string {
  return `${type} . ${type} . inet_service`;
}

/** Statement that notes that a port is flooded. */
export function noteFlood({ suffix, ip }: FamilyWords): string {
  return `update @flooded${suffix} { ${ip} daddr . tcp dport timeout ${CALM_SECONDS}s }`;
}

/**
 * The table without Services and without a SYN proxy (see {@link synProxyChains}).
 *
 * - `arrival` sees packets before connection tracking does, so what it drops costs next to nothing.
 * - `connection` sees what connection tracking takes for new, TCP or not. A packet of a flow that was let in before and that
 *   nobody has answered yet is none: logs and metrics over UDP are never answered.
 * - Programs of this node are trusted: nothing is filtered on lo, or on the way out.
 * - A closed address still hears of errors on the way, without which packets that are too big vanish, and DHCP.
 */
export function skeletonScript(): string {
  const sets = BOTH.map(
    ({ suffix, type }) => `
  map arrivals${suffix} { type ${type} . inet_proto . inet_service : verdict; }
  map connections${suffix} { type ${type} . inet_proto . inet_service : verdict; }
  set proxied${suffix} { type ${type} . inet_proto . inet_service; }
  set flooded${suffix} { type ${type} . inet_service; size ${MOST_FLOODED}; flags dynamic,timeout; }
  set closed${suffix} { type ${type}; }
  set open${suffix} { type ${type} . inet_proto . inet_service; }`,
  );
  const both = (rule: (words: FamilyWords) => string) => BOTH.map((words) => `    ${rule(words)}\n`).join('');
  return `table ${TABLE} {${sets.join('')}
  counter closed-port { }
  chain arrival {
    type filter hook prerouting priority -300; policy accept;
    iif lo accept
${both((words) => `${portKeyOf(words)} vmap @arrivals${words.suffix}`)}  }
  chain connection {
    type filter hook prerouting priority -150; policy accept;
    iif lo accept
    ct state established,related accept
${both(({ suffix, ip }) => `${ip} daddr @closed${suffix} jump closed`)}    ct state new ct status ! confirmed goto limits
  }
  chain limits {
${both((words) => `${portKeyOf(words)} vmap @connections${words.suffix}`)}  }
  chain closed {
${both((words) => `${portKeyOf(words)} @open${words.suffix} return`)}    udp dport 68 return
    icmp type { destination-unreachable, time-exceeded, parameter-problem } return
    icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem } return
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } return
    counter name closed-port drop
  }
}
`;
}

/** Chains that are there while a Service wants the SYN proxy, the last one first to be made. */
const PROXY_CHAINS = [
  { name: 'of-proxy', head: '' },
  { name: 'output', head: ' { type filter hook output priority -150; policy accept; }' },
  { name: 'answer', head: ' { type filter hook input priority -10; policy accept; }' },
] as const;

/**
 * Script lines that add the SYN proxy to the table. Kernels without it can do all the rest, and without it nothing that
 * leaves the node is looked at.
 *
 * - `answer` is the proxy itself. It comes before filters that drop packets without a connection, which its packets are, and
 *   has effect for addresses of this node only; on other nodes the same packets are forwarded as ever.
 * - What it took away from `connection` comes by `output` once the client has proven its address: limits then count clients,
 *   and not what somebody claims.
 * - Since Linux 6.15 a server does not accept the packet with which the SYN proxy ends its handshake, because the time that
 *   it echoes is wrong, and the connection is not open before the client itself sends something, or a second has passed.
 *   Without that time it is accepted.
 *
 * @param canStripOptions whether the kernel can (5.18 and later)
 */
export function synProxyChains(canStripOptions: boolean): readonly string[] {
  const rules = {
    'of-proxy': [
      'fib saddr type local accept',
      ...(canStripOptions ? ['ct state established tcp flags == ack reset tcp option timestamp'] : []),
      'ct state new ct status ! confirmed goto limits',
    ],
    output: BOTH.map((words) => `${portKeyOf(words)} @proxied${words.suffix} goto of-proxy`),
    answer: BOTH.map((words) => `${portKeyOf(words)} @proxied${words.suffix} ${synProxyStatement(words)}`),
  };
  return PROXY_CHAINS.flatMap(({ name, head }) => [
    `add chain ${TABLE} ${name}${head}`,
    ...rules[name].map((rule) => `add rule ${TABLE} ${name} ${rule}`),
  ]);
}

/** Script lines that remove what {@link synProxyChains} has added. */
export function synProxyRemoval(): readonly string[] {
  return [
    ...PROXY_CHAINS.map(({ name }) => `flush chain ${TABLE} ${name}`),
    ...PROXY_CHAINS.map(({ name }) => `delete chain ${TABLE} ${name}`),
  ];
}

/** Script lines that see to {@link PROXY_HOLDER}. No packet comes to its only rule, so it costs nothing. */
export function proxyHolderScript(): string {
  const table = `${PROXY_HOLDER.family} ${PROXY_HOLDER.name}`;
  return `add table ${table}
add chain ${table} nobody
flush chain ${table} nobody
add rule ${table} nobody tcp dport 1 ${synProxyStatement(FAMILY_WORDS[4])}
`;
}

/** Script that leaves nothing behind, and fails where the kernel has no SYN proxy. */
export function synProxyProbe(): string {
  const table = `${TABLE}_probe`;
  const lines = BOTH.map((words) => `add rule ${table} answer tcp dport 1 ${synProxyStatement(words)}`);
  return `add table ${table}
add chain ${table} answer { type filter hook input priority -10; policy accept; }
${lines.join('\n')}
delete table ${table}
`;
}

/** The segment size leaves room for the tunnels of pod networks, the window scale is Linux's usual one. */
function synProxyStatement({ mss }: FamilyWords): string {
  return `ct state invalid,untracked synproxy mss ${mss} wscale 7 timestamp sack-perm`;
}
