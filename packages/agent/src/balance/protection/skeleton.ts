// SPDX-License-Identifier: Apache-2.0
import type { NftTable } from '../../system/nft.ts';

/** The table of everything that protects, for both families. It exists only while something is to be filtered. */
export const PROTECTION_TABLE: NftTable = { family: 'inet', name: 'fairlead_protection' };

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
 * The table without Services.
 *
 * - `arrival` sees packets before connection tracking does, so what it drops costs next to nothing.
 * - `connection` sees what connection tracking takes for new, TCP or not. What the SYN proxy has taken from there comes by
 *   `output` once the client has proven its address: limits then count clients, and not what somebody claims.
 * - `answer` is the SYN proxy. It comes before filters that drop packets without a connection, which its packets are, and
 *   has effect for addresses of this node only; on other nodes the same packets are forwarded as ever. The segment size
 *   that it offers leaves room for the tunnels of pod networks, the window scale is Linux's usual one.
 * - Since Linux 6.15 a server does not accept the packet with which the SYN proxy ends its handshake, because the time that
 *   it echoes is wrong, and the connection is not open before the client itself sends something, or a second has passed.
 *   Without that time it is accepted.
 * - Programs of this node are trusted: nothing is filtered on lo, or on the way out.
 * - A closed address still hears of errors on the way, without which packets that are too big vanish, and DHCP.
 *
 * @param canStripOptions whether the kernel can (5.18 and later)
 */
export function skeletonScript(canStripOptions: boolean): string {
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
  const synProxy = ({ mss }: FamilyWords) =>
    `ct state invalid,untracked synproxy mss ${mss} wscale 7 timestamp sack-perm`;
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
${both(({ suffix, ip }) => `${ip} daddr @closed${suffix} jump closed`)}    ct state new goto limits
  }
  chain output {
    type filter hook output priority -150; policy accept;
${both((words) => `${portKeyOf(words)} @proxied${words.suffix} goto of-proxy`)}  }
  chain of-proxy {
    fib saddr type local accept
${canStripOptions ? '    ct state established tcp flags == ack reset tcp option timestamp\n' : ''}    ct state new goto limits
  }
  chain limits {
${both((words) => `${portKeyOf(words)} vmap @connections${words.suffix}`)}  }
  chain answer {
    type filter hook input priority -10; policy accept;
${both((words) => `${portKeyOf(words)} @proxied${words.suffix} ${synProxy(words)}`)}  }
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
